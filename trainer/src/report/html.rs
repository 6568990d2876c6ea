//! Pieces that all pages are made of.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::evaluate::{Figure, number};

/// A whole page.
pub(crate) fn document(title: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { main { (body) } }
        }
    }
    .into_string()
}

/// The class that colours a figure by how it stands to its baseline; none where that cannot be told.
pub(crate) fn standing(figure: &Figure) -> &'static str {
    match figure.beats_baseline() {
        None => "plain",
        Some(true) => "good",
        Some(false) if figure.loses_to_baseline() => "bad",
        Some(false) => "weak",
    }
}

/// The scale on which a figure is drawn, the same for all figures of that name.
fn scale(figure: &Figure) -> (f64, f64) {
    let most = figure.high.unwrap_or(figure.value).max(figure.baseline.unwrap_or(0.0));
    match &*figure.name {
        "spearman" | "r2" => (-1.0, 1.0),
        "mae" | "mse" => (0.0, 1.3 * most.max(1e-12)),
        "brier" | "calibration error" => (0.0, 1.3 * most.max(0.2)),
        _ => (0.0, 1.0),
    }
}

/// A figure's interval as a line with its value as a dot and its baseline as a tick.
pub(crate) fn interval_bar(figure: &Figure) -> Markup {
    let (from, to) = scale(figure);
    let x =
        |value: f64| format!("{:.1}", 4.0 + 182.0 * ((value - from) / (to - from)).clamp(0.0, 1.0));
    let class = standing(figure);
    html! {
        svg.bar viewBox="0 0 190 18" aria-hidden="true" {
            line.track x1="4" x2="186" y1="9" y2="9" {}
            @if let Some(baseline) = figure.baseline {
                line.base x1=(x(baseline)) x2=(x(baseline)) y1="2" y2="16" {}
            }
            @if let Some((low, high)) = figure.interval() {
                line class=(format!("range {class}")) x1=(x(low)) x2=(x(high)) y1="9" y2="9" {}
            }
            circle class=(class) cx=(x(figure.value)) cy="9" r="4" {}
        }
    }
}

/// A number in a table.
pub(crate) fn number_cell(value: f64) -> Markup {
    html! { td.n { (number(value)) } }
}

/// Seconds in words.
pub(crate) fn seconds(seconds: f64) -> String {
    match seconds {
        s if s.is_nan() || s <= 0.0 => "–".into(),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}

/// A count with its thousands apart.
pub(crate) fn thousands(count: usize) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_in_words() {
        assert_eq!(thousands(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(thousands(12), "12");
        let said: Vec<String> =
            [0.0, 3.21, 60.0, 600.0, 36_000.0].into_iter().map(seconds).collect();
        assert_eq!(said, ["–", "3.2 s", "60 s", "10 min", "10.0 h"]);
    }
}
