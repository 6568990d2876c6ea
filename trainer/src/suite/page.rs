//! The table as one page.

use maud::{Markup, html};

use super::show::COLUMNS;
use super::{Row, Table, Values};
use crate::evaluate::number;
use crate::report::{capital, document, interval_bar, seconds, thousands};

/// The page.
pub(super) fn html(table: &Table) -> String {
    let body = html! {
        header {
            p.kicker { "Earworm suite" @if table.quick { " · quick mode" } }
            h1 { (table.name) }
            p.sub {
                (table.songs_words()) " of " (table.data) ". Every song is judged by models that have not seen its group. Always naming the larger half is right " (number(table.majority)) "."
            }
            ul.card.findings { @for finding in &table.findings { li { (finding) } } }
        }
        h2 { "Systems" }
        (systems(table))
        p.note { "Systems learn different things; what is compared is how they rank the same songs. AUC: of two songs of one fold, one from each half, how often the right one is put first. Within genre: of songs of one genre. Accuracy: the upper half of a fold’s ranking is called the upper half. Bars show 95 % intervals from a bootstrap over groups; the tick is what knowing nothing gives." }
        h2 { "What they are" }
        (about(table))
        h2 { "Tests" }
        (tests(table))
        p.note { "Accuracy against the majority: McNemar’s exact test. Against the genre: both measured on the same draws of groups. Corrected after Holm for the number of systems." }
        @if let Some(values) = &table.values {
            h2 { "On the value’s own scale" }
            (on_own_scale(values))
            p.note { "Systems that learn the value itself. Draws: what a normal distribution with mean and deviation of the songs that models learnt from would get. Closer: share of the songs on which a system is closer to the truth than the first." }
        }
        @if !table.apart.is_empty() {
            h2 { "On songs or splits of their own" }
            (apart(table))
        }
        @if !table.failed.is_empty() {
            h2 { "Not trained or measured" }
            ul { @for (name, reason) in &table.failed { li { strong { (name) } ": " (reason) } } }
        }
        @if !table.exported.is_empty() {
            h2 { "Models for the meter" }
            ul { @for model in &table.exported { li { strong { (model.name) } ": " (model.words) } } }
        }
        p.note { "Made by " code { (table.command) } ", " (table.ended) ". SHA-256 of the data set: " code { (table.sha256) } "." }
    };
    document(&format!("{} · Earworm suite", table.name), &body)
}

fn systems(table: &Table) -> Markup {
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|(name, scope, _)| table.rows.iter().any(|row| row.figure(name, scope).is_some()))
        .collect();
    html! {
        div.scroll.compared { table {
            thead { tr {
                th { "System" }
                @for (_, _, heading) in &columns { th { (capital(heading)) } }
            } }
            tbody { @for row in table.ranked().into_iter().chain(&table.genre) {
                tr class=[(row.name == "genre").then_some("reference")] {
                    th {
                        (row.name)
                        br; small.dim { "system " (row.system) ", " (row.form.name()) }
                        @if row.parameters > 0 {
                            br; small.dim { (thousands(row.parameters)) " parameters, " (seconds(row.seconds)) }
                        }
                    }
                    @for (name, scope, _) in &columns { td {
                        @if let Some(figure) = row.figure(name, scope) {
                            (number(figure.value)) " " small.dim { (figure.interval_words()) }
                            (interval_bar(figure))
                        } @else { "–" }
                    } }
                }
            } }
        } }
    }
}

fn about(table: &Table) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "System" } th { "Of" } th { "Form" } th { "What it is" } } }
            tbody { @for row in table.rows.iter().chain(&table.genre) { tr {
                th { (row.name) }
                td { (row.system) }
                td { (row.form.name()) }
                td { (row.about) }
            } } }
        } }
    }
}

fn tests(table: &Table) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "System" } th { "Against" } th { "Figure" } th.n { "Difference" }
                th.n { "95 % interval" } th.n { "p" } th.n { "p corrected" } th { "Test" }
            } }
            tbody { @for test in &table.tests { tr {
                th { (test.name) }
                td { (test.against) }
                td { (capital(&test.figure)) }
                td.n { (format!("{:+.3}", test.difference)) }
                td.n { (format!("{:+.3} to {:+.3}", test.low, test.high)) }
                td.n { (format!("{:.3}", test.p)) }
                td.n { @if test.corrected < 0.05 { strong { (format!("{:.3}", test.corrected)) } } @else { (format!("{:.3}", test.corrected)) } }
                td.dim { (test.test) }
            } } }
        } }
    }
}

fn on_own_scale(values: &Values) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "System" } th.n { "MSE" } th.n { "MAE" } th.n { "R²" } th.n { "Closer" } } }
            tbody {
                @for row in &values.rows { tr {
                    th { (row.name) }
                    td.n { (format!("{:.4}", row.mse)) }
                    td.n { (number(row.mae)) }
                    td.n { (row.r2.map_or("–".into(), number)) }
                    td.n { (row.closer.map_or("–".into(), |share| format!("{:.1} %", 100.0 * share))) }
                } }
                tr.reference {
                    th { "draws " small.dim { (format!("{:.3} ± {:.3}", values.draws.mean, values.draws.deviation)) } }
                    td.n { (format!("{:.4}", values.draws.mse)) }
                    td.n { "–" } td.n { "–" } td.n { "–" }
                }
            }
        } }
    }
}

fn apart(table: &Table) -> Markup {
    let first = |row: &Row| {
        row.figures
            .first()
            .map(|f| format!("{} {} ({})", f.name, number(f.value), f.interval_words()))
    };
    html! {
        div.scroll { table {
            thead { tr { th { "System" } th { "Figure" } th { "In words" } } }
            tbody { @for row in &table.apart { tr {
                th { (row.name) br; small.dim { "system " (row.system) ", " (row.form.name()) ": " (row.about) } }
                td { (first(row).unwrap_or_default()) }
                td { (row.finding) }
            } } }
        } }
    }
}
