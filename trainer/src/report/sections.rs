//! The tables of a run's page.

use std::path::Path;

use maud::{Markup, html};

use super::html::{interval_bar, number_cell, seconds, thousands};
use super::page::Capital;
use super::pictures::ranked;
use super::wrong::{Wrong, most_wrong};
use crate::command_line::from_here;
use crate::evaluate::{Evaluation, Figure, GroupResult, Measured, number};
use crate::run::{Run, Split, Task};

/// Most configurations of a search that are listed.
const MOST_CONFIGS: usize = 40;

/// A figure's value and interval: two cells.
fn cells(figure: Option<&Figure>) -> Markup {
    html! {
        @if let Some(figure) = figure {
            td.n.value { (number(figure.value)) }
            td.interval {
                (interval_bar(figure))
                small.dim { (figure.interval_words()) }
            }
        } @else { td.n { "–" } td {} }
    }
}

/// All figures with their intervals, against knowing nothing.
pub(super) fn figures(evaluation: &Evaluation) -> Markup {
    html! {
        h2 { "Figures" }
        div.scroll { table {
            thead { tr { th { "Figure" } th.n { "Value" } th { "95 % interval" } th.wrap { "Without listening" } } }
            tbody { @for figure in &evaluation.figures { tr {
                th.wrap {
                    (figure.name.to_uppercase_first())
                    @if !figure.higher_is_better { span.dim { " ↓" } }
                    @if figure.scope != "all" { " " small.dim { (figure.scope) } }
                }
                (cells(Some(figure)))
                td.wrap { @if let Some(baseline) = figure.baseline {
                    (number(baseline)) " " small.dim { (figure.baseline_is.as_deref().unwrap_or("")) }
                } }
            } } }
        } }
        ul.key {
            li { span.good-ink { "●" } " beyond the interval better than without listening" }
            li { span.weak-ink { "●" } " not beyond it" } li { span.bad-ink { "●" } " worse" }
            li { "│ without listening" } li { "↓ less is better" }
        }
        p.note {
            @if evaluation.split == Split::Folds { "Taken within each fold and averaged by its songs; the calibration error over all songs. " }
            "Intervals: bootstrap over " (evaluation.unit) "."
        }
    }
}

fn group_head(evaluation: &Evaluation, figures: &[Figure], name: &str) -> Markup {
    html! {
        thead { tr {
            th { (name) } th.n { (evaluation.judged().to_uppercase_first()) }
            @for figure in figures { th.n { (figure.name.to_uppercase_first()) } th { "95 % interval" } }
            th.n { (said_and_true(evaluation.task)[0]) } th.n { (said_and_true(evaluation.task)[1]) }
            @if evaluation.confusion.is_some() { th.n { "Right" } }
        } }
    }
}

fn said_and_true(task: Task) -> [&'static str; 2] {
    match task {
        Task::Share => ["Mean share said", "was"],
        Task::Regression => ["Mean said", "was"],
        Task::Binary | Task::Classes => ["Mean score", "share in class"],
    }
}

fn group_row(evaluation: &Evaluation, result: &GroupResult, heads: &[Figure]) -> Markup {
    let find = |head: &Figure| result.figures.iter().find(|f| f.name == head.name);
    let value = |v: f64| match evaluation.task {
        Task::Regression => number(v),
        _ => format!("{:.0} %", 100.0 * v),
    };
    html! {
        tr {
            th { (result.name) } td.n { (result.songs) }
            @for head in heads { (cells(find(head))) }
            td.n { (value(result.said)) } td.n { (value(result.truth)) }
            @if let Some(accuracy) = result.accuracy { td.n { (format!("{:.0} %", 100.0 * accuracy)) } }
        }
    }
}

/// Results of each genre.
pub(super) fn by_genre(evaluation: &Evaluation) -> Markup {
    let results = &evaluation.by_genre;
    // The genre with the most figures names the columns.
    let Some(most) = results.iter().max_by_key(|result| result.figures.len()) else {
        return html! {};
    };
    html! {
        h2 { "By genre" }
        div.scroll { table {
            (group_head(evaluation, &most.figures, "Genre"))
            tbody { @for result in results { (group_row(evaluation, result, &most.figures)) } }
        } }
    }
}

/// Results of the largest groups.
pub(super) fn by_group(evaluation: &Evaluation) -> Markup {
    if evaluation.by_group.is_empty() {
        return html! {};
    }
    let one = evaluation.unit.trim_end_matches('s').to_uppercase_first();
    html! {
        details {
            summary { "The " (evaluation.unit) " with the most " (evaluation.judged()) }
            div.scroll { table {
                (group_head(evaluation, &[], &one))
                tbody { @for result in &evaluation.by_group { (group_row(evaluation, result, &[])) } }
            } }
        }
    }
}

/// The songs that were judged most wrongly.
pub(super) fn wrong(measured: &Measured) -> Markup {
    let songs = &measured.songs;
    let [high, low] = most_wrong(songs);
    // Where no class was named, what was said is held against what is true.
    let values = !songs.decides();
    let table = |title: &str, wrong: &[Wrong]| {
        html! {
            div {
                h3 { (title) }
                div.scroll { table {
                    thead { tr {
                        th { "Track" } @if songs.has_genres() { th { "Genre" } }
                        @if songs.grouped { th { (measured.evaluation.unit.trim_end_matches('s').to_uppercase_first()) } }
                        th.n { @if values { "Said" } @else { "Score" } }
                        @if values { th.n { "True" } }
                    } }
                    tbody { @for wrong in wrong { tr {
                        th { (songs.ids[wrong.song]) }
                        @if songs.has_genres() { td { (songs.genres[songs.genre[wrong.song]]) } }
                        @if songs.grouped { td.wrap { (songs.units[songs.unit[wrong.song]]) } }
                        td.n { (if values { number(wrong.said) } else { format!("{:.0}", wrong.said) }) }
                        @if values { (number_cell(wrong.truth)) }
                    } } }
                } }
            }
        }
    };
    let class = songs.classes.get(songs.score_class).map_or("", String::as_str);
    let (too_high, too_low) = match values {
        true => ("Said too high".to_owned(), "Said too low".to_owned()),
        false => (format!("High score, but not “{class}”"), format!("Low score, but “{class}”")),
    };
    html! {
        h2 { "Where it was most wrong" }
        p.dim { "Listen to these: a wrong label, a broken file or something the model cannot hear?" }
        div.columns { (table(&too_high, &high)) (table(&too_low, &low)) }
    }
}

/// How the trainings ended.
pub(super) fn training(evaluation: &Evaluation) -> Markup {
    let any = |f: fn(&crate::evaluate::PartResult) -> bool| evaluation.parts.iter().any(f);
    let trained = any(|part| part.train_accuracy.is_some());
    let passes = any(|part| part.epochs > 0);
    let name = evaluation.figures.first().map_or("figure", |figure| &figure.name);
    html! {
        h2 { "Training" }
        div.scroll { table {
            thead { tr {
                th { "Part" } th.n { (evaluation.judged().to_uppercase_first()) " judged" }
                th.n { (name.to_uppercase_first()) }
                @if trained { th.n { "Right on training songs" } }
                @if passes { th.n { "Kept pass" } th.n { "Passes" } }
                th.n { "Parameters" } th.n { "Time" }
            } }
            tbody { @for part in &evaluation.parts { tr {
                th { (part.name) }
                td.n { @if part.songs > 0 { (part.songs) } @else { "–" } }
                td.n { (part.value.map_or("–".into(), number)) }
                @if trained { td.n { (part.train_accuracy.map_or("–".into(), number)) } }
                @if passes { td.n { (part.best_epoch) } td.n { (part.epochs) } }
                td.n { (thousands(part.parameters)) } td.n { (seconds(part.seconds)) }
            } } }
        } }
    }
}

/// The configurations that were tried.
pub(super) fn search(run: &Run) -> Markup {
    let Some(search) = &run.search else { return html! {} };
    let configs: Vec<_> = ranked(search).into_iter().map(|config| &config.entry).collect();
    html! {
        h2 { "Search over " (configs.len()) " configurations" }
        div.scroll { table {
            thead { tr { th { "Configuration" } th.n { "Mean score" } th.n { "± sd" } th { "Folds" } } }
            tbody { @for entry in configs.iter().take(MOST_CONFIGS) { tr class=[entry.chosen.then_some("chosen")] {
                td.words { code { (entry.label()) } @if entry.chosen { " " strong { "chosen" } }
                    @if let Some(why) = &entry.failed { p.note { "failed: " (why) } }
                }
                (number_cell(entry.mean)) (number_cell(entry.sd))
                td.dim { (entry.scores.iter().map(|&s| number(s)).collect::<Vec<_>>().join("  ")) }
            } } }
        } }
        @if configs.len() > MOST_CONFIGS { p.note { (configs.len() - MOST_CONFIGS) " more are in search.json." } }
    }
}

/// The text of a recipe, without where on this machine its files lie.
fn without_paths(text: &str, here: &Path) -> String {
    let mut paths = Vec::new();
    // It was read before; text that is no TOML names no files.
    let table = text.parse::<toml::Table>().unwrap_or_default();
    absolute_paths(&toml::Value::Table(table), &mut paths);
    // What another begins with comes after it.
    paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
    paths.iter().fold(text.to_owned(), |text, path| text.replace(path, &from_here(path, here)))
}

fn absolute_paths(value: &toml::Value, paths: &mut Vec<String>) {
    match value {
        toml::Value::String(text) if Path::new(text).is_absolute() => paths.push(text.clone()),
        toml::Value::Array(values) => values.iter().for_each(|value| absolute_paths(value, paths)),
        toml::Value::Table(table) => table.values().for_each(|value| absolute_paths(value, paths)),
        _ => {}
    }
}

/// Where the songs come from, how they were split, and the recipe.
pub(super) fn data_and_recipe(measured: &Measured) -> Markup {
    let Measured { run, notes, evaluation, .. } = measured;
    let data = &run.info.data;
    let songs = match data.pieces {
        None => format!("{} songs", thousands(data.songs)),
        Some(pieces) => {
            format!("{} pieces of {} songs", thousands(pieces * data.songs), thousands(data.songs))
        }
    };
    let here = std::env::current_dir().unwrap_or_default();
    let split = match run.info.split {
        Split::Folds => format!("{} folds", run.parts.len()),
        Split::Test => "one test set".to_owned(),
    };
    let kept = match (evaluation.unit.as_str(), notes.group.as_deref()) {
        _ if evaluation.leaks => "with a leak: groups are on both sides".to_owned(),
        ("songs", _) => "song by song".to_owned(),
        (_, Some(group)) => format!("by {group}: none is on both sides"),
        _ => "by group: none is on both sides".to_owned(),
    };
    let fact =
        |name: &str, value: &str| html! { @if !value.is_empty() { dt { (name) } dd { (value) } } };
    html! {
        h2 { "Data, split and recipe" }
        div.card {
            dl.facts {
                (fact("Data", &format!("{}, {songs}", data.name)))
                (fact("About", notes.about.as_deref().unwrap_or("")))
                (fact("Licence", notes.licence.as_deref().unwrap_or("")))
                (fact("SHA-256", &data.sha256))
                (fact("Folder", &from_here(&data.folder.to_string_lossy(), &here)))
                @if let Some(front_end) = &data.front_end {
                    (fact("Front end", &format!("{} mel bands from {} to {} Hz, frames of {} every {} at {} Hz", front_end.n_mels, front_end.f_min, front_end.f_max, front_end.n_fft, front_end.hop, front_end.sample_rate)))
                }
                (fact("Score", &notes.meaning.clone().unwrap_or_else(|| run.info.score.clone())))
                (fact("Split", &format!("{split}, {kept}")))
                (fact("Calibration", &evaluation.calibration_words()))
            }
            @if !notes.text.is_empty() {
                details { summary { "The recipe, as it was resolved" } pre { (without_paths(&notes.text, &here)) } }
            }
        }
    }
}

// Paths are written as Unix does.
#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_is_handed_on_without_paths_of_this_machine() {
        let text = r#"
name = "small"
[data]
set = "/home/me/music/data/set"
join = "/mnt/disk/more.csv"
about = "likes / plays"
list = ["/mnt/disk"]
"#;
        let told = without_paths(text, Path::new("/home/me/music"));
        let expected = text
            .replace("/home/me/music/data/set", "data/set")
            .replace("/mnt/disk/more.csv", "…/more.csv")
            .replace("/mnt/disk", "…/disk");
        assert_eq!(told, expected);
    }
}
