//! A comparison as one self-contained page.

use maud::{Markup, html};

use super::show::p_value;
use super::{Comparison, figure};
use crate::evaluate::number;
use crate::report::{document, interval_bar, seconds, thousands};

/// The page.
pub(super) fn html(comparison: &Comparison) -> String {
    let first = &comparison.runs[0].evaluation;
    let body = html! {
        header {
            p.kicker { "Earworm comparison" }
            h1 { (comparison.runs.len()) " runs on the same songs" }
            p.sub {
                (first.songs_and_split()) "."
                @if let Some(majority) = &first.majority {
                    " Always saying “" (majority.class) "” is right " (number(majority.share)) "."
                }
            }
            ul.card.findings { @for finding in &comparison.findings { li { (finding) } } }
        }
        h2 { "Figures" }
        (figures(comparison))
        h2 { "Against " (comparison.runs[comparison.reference].label) }
        (tests(comparison, &comparison.tests, "Difference"))
        p.note { "Both runs of a pair judged the same songs. Accuracy: McNemar’s exact test on the songs that only one of them got right; other figures: both measured on the same draws of " (first.unit) ". McNemar’s test counts songs as independent; the intervals do not. Corrected after Holm for the runs tested in the same figure." }
        @if !comparison.majority_tests.is_empty() {
            h2 { "Against the majority class" }
            (tests(comparison, &comparison.majority_tests, "Gain"))
        }
    };
    document("Earworm comparison", &body)
}

fn figures(comparison: &Comparison) -> Markup {
    let columns = comparison.columns();
    let trained = comparison.runs.iter().any(|run| run.evaluation.train_accuracy.is_some());
    html! {
        div.scroll.compared { table {
            thead { tr {
                th { "Run" }
                @for (name, scope) in &columns {
                    th { (crate::report::capital(name)) @if *scope != "all" { " " (scope) } }
                }
                @if trained { th.n.wrap { "Accuracy in training" } }
            } }
            tbody { @for (index, run) in comparison.runs.iter().enumerate() {
                tr class=[(index == comparison.reference).then_some("reference")] {
                    th {
                        (run.label)
                        @if run.label != run.evaluation.name { br; small.dim { (run.evaluation.name) } }
                        br; small.dim {
                            (thousands(run.evaluation.parameters)) " parameters, " (seconds(run.evaluation.seconds))
                        }
                    }
                    @for (name, scope) in &columns { td {
                        @if let Some(figure) = figure(&run.evaluation, name, scope) {
                            (number(figure.value)) " " small.dim { (figure.interval_words()) }
                            (interval_bar(figure))
                        } @else { "–" }
                    } }
                    @if trained { td.n { (run.evaluation.train_accuracy.map_or("–".into(), number)) } }
                }
            } }
        } }
    }
}

fn tests(comparison: &Comparison, tests: &[super::Test], difference: &str) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "Run" } th { "Figure" } th.n { (difference) } th.n { "95 % interval" }
                th.n { "p" } th.n { "p corrected" } th { "Test" }
            } }
            tbody { @for test in tests { tr {
                th { (comparison.runs[test.run].label) }
                td { (crate::report::capital(test.figure)) }
                td.n { (format!("{:+.3}", test.difference)) }
                td.n { (format!("{:+.3} to {:+.3}", test.low, test.high)) }
                td.n { (p_value(test.p)) }
                td.n { @if test.differs() { strong { (p_value(test.corrected)) } } @else { (p_value(test.corrected)) } }
                td.dim { (test.kind.name()) }
            } } }
        } }
    }
}
