//! The dashboard's files, which are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

use super::App;

/// Nothing from elsewhere, nothing inline: what gets into the page cannot run.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";
const JSON: &str = "application/json";

/// Path, type and text of each file.
pub(super) const FILES: [(&str, &str, &str); 12] = [
    ("/", HTML, include_str!("assets/index.html")),
    ("/assets/style.css", CSS, include_str!("assets/style.css")),
    ("/assets/app.js", JS, include_str!("assets/app.js")),
    ("/assets/api.js", JS, include_str!("assets/api.js")),
    ("/assets/colours.js", JS, include_str!("assets/colours.js")),
    ("/assets/curve.js", JS, include_str!("assets/curve.js")),
    ("/assets/flow.js", JS, include_str!("assets/flow.js")),
    ("/assets/mel.js", JS, include_str!("assets/mel.js")),
    ("/assets/meter.js", JS, include_str!("assets/meter.js")),
    ("/assets/songs.js", JS, include_str!("assets/songs.js")),
    ("/assets/icon.svg", SVG, include_str!("assets/icon.svg")),
    ("/api/v1/openapi.json", JSON, include_str!("assets/openapi.json")),
];

/// A route for each file.
pub(super) fn routes() -> Router<Arc<App>> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
        router.route(path, get(move || async move { (headers, text).into_response() }))
    })
}
