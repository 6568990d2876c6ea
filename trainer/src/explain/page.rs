//! An explanation as one page.

use anyhow::Result;
use maud::{PreEscaped, html};

use super::{Explanation, picture};
use crate::evaluate::number;
use crate::report::document;

/// The page.
pub(super) fn html(explanation: &Explanation) -> Result<String> {
    let picture = picture::interactions(explanation)?;
    let Explanation { name, score, songs, figure, value, features, pairs } = explanation;
    let body = html! {
        header {
            p.kicker { "Earworm explanation" }
            h1 { (name) }
            p.sub {
                "What the score (" strong { (score) } ") goes by, on " (songs) " songs that the judging models had not seen. With all features as they are: " (figure) " " (number(*value)) "."
            }
            @if !pairs.is_empty() {
                ul.card.findings { @for pair in pairs.iter().take(3) { li { (explanation.say(pair)) "." } } }
            }
        }
        h2 { "Combinations" }
        div.pictures { figure.wide {
            h3 { (picture.title) }
            (PreEscaped(picture.inline()))
            figcaption { (picture.caption) }
        } }
        h2 { "Features" }
        div.scroll { table {
            thead { tr {
                th { "Feature" } th.n { "Lost when shuffled" } th.n { "95 % of shuffles" }
                th.n { "Moves the raw score by" } th { "With more of it" }
            } }
            tbody { @for feature in features { tr {
                th { (feature.name) }
                td.n { (format!("{:+.3}", feature.importance)) }
                td.n { (format!("{:+.3} to {:+.3}", feature.low, feature.high)) }
                td.n { (feature.attribution.map_or("–".into(), number)) }
                td { @match feature.direction {
                    None => "–",
                    Some(direction) if direction >= 0.0 => "up",
                    Some(_) => "down",
                } }
            } } }
        } }
        p.note { "Lost when shuffled: how much lower the " (figure) " is with the feature shuffled among the songs of each fold, mean of the shuffles; features that say the same cover for each other, so that each looks dispensable. Moves the raw score by: integrated gradients from the average song, mean size. Neither says that the feature is the cause of anything." }
    };
    Ok(document(&format!("{name} · Earworm explanation"), &body))
}
