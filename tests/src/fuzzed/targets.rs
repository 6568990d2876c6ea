//! The targets.

use super::{Target, config, decode, http, manifest, model, plugin_state, recipe};

/// Audio files.
pub const DECODE: Target = Target { name: "decode", run: decode::decode, guarded: true };
/// Models.
pub const MODEL: Target = Target { name: "model", run: model::model, guarded: true };
/// Metadata of models.
pub const METADATA: Target = Target { name: "metadata", run: model::metadata, guarded: true };
/// What the trainer reads as TOML.
pub const RECIPE: Target = Target { name: "recipe", run: recipe::recipe, guarded: false };
/// Tables of songs.
pub const MANIFEST: Target = Target { name: "manifest", run: manifest::manifest, guarded: true };
/// The daemon's settings.
pub const CONFIG: Target = Target { name: "config", run: config::config, guarded: false };
/// Connections to the dashboard's server.
pub const HTTP: Target = Target { name: "http", run: http::http, guarded: false };
/// What clients say on the stream.
pub const WEBSOCKET: Target = Target { name: "websocket", run: http::websocket, guarded: false };
/// What projects save of the plugin.
pub const PLUGIN_STATE: Target =
    Target { name: "plugin_state", run: plugin_state::plugin_state, guarded: false };

/// All of them.
pub const ALL: [Target; 9] =
    [DECODE, MODEL, METADATA, RECIPE, MANIFEST, CONFIG, HTTP, WEBSOCKET, PLUGIN_STATE];
