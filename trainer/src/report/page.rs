//! The page of a run.

use anyhow::Result;
use maud::{Markup, PreEscaped, html};

use super::html::{document, seconds, standing, thousands};
use super::{pictures, sections};
use crate::evaluate::{Evaluation, Figure, Majority, Measured, number};
use crate::run::{Run, RunInfo, Split, Task};
use crate::stats::MAJORITY;

/// The page of a run, whole in itself.
///
/// # Errors
/// When a picture cannot be drawn.
pub fn html(measured: &Measured) -> Result<String> {
    let Measured { run, evaluation, .. } = measured;
    let pictures = pictures(measured)?;
    let body = html! {
        (header(run, evaluation))
        (trust(measured))
        (sections::figures(evaluation))
        h2 { "Pictures" }
        div.pictures {
            @for (name, picture) in &pictures {
                figure id=(name) class=[name.starts_with("search").then_some("wide")] {
                    h3 { (picture.title) }
                    (PreEscaped(picture.inline()))
                    figcaption { (picture.caption) }
                }
            }
        }
        (sections::by_genre(evaluation))
        (sections::by_group(evaluation))
        (sections::wrong(measured))
        (sections::training(evaluation))
        (sections::search(run))
        (sections::data_and_recipe(measured))
        (footer(&run.info))
    };
    Ok(document(&format!("{} · Earworm report", run.info.name), &body))
}

/// The figure that says most, and whether it is good news.
fn first(evaluation: &Evaluation) -> Option<&Figure> {
    evaluation.figures.first()
}

fn header(run: &Run, evaluation: &Evaluation) -> Markup {
    let info = &run.info;
    let task = match info.task {
        Task::Share => "a share of listeners",
        Task::Binary => "yes or no",
        Task::Classes => "one of several classes",
        Task::Regression => "a value",
    };
    let tone = first(evaluation).map_or("weak", standing);
    let grouped = evaluation.unit != "songs";
    let pieces = evaluation
        .pieces
        .map_or(String::new(), |pieces| format!("in {} pieces", thousands(pieces)));
    html! {
        header {
            p.kicker { "Earworm report" @if let Some(day) = info.started.get(..10) { " · " (day) } }
            h1 { (info.name) }
            p.sub { "Predicts " (task) ": " strong { (info.score) } ". " (evaluation.songs_and_split()) "." }
            p class=(format!("finding {tone}")) { (evaluation.finding) }
            dl.tiles {
                @if let Some(figure) = first(evaluation) {
                    (tile(&figure.name.to_uppercase_first(), &number(figure.value), &figure.interval_words()))
                }
                @if let Some(majority) = &evaluation.majority {
                    @if info.task != Task::Share {
                        (tile("Majority class", &number(majority.share), &format!("always “{}”", majority.class)))
                    }
                }
                (tile("Songs judged", &thousands(evaluation.songs), &pieces))
                @if grouped { (tile(&evaluation.unit.to_uppercase_first(), &thousands(evaluation.groups), "")) }
                @if evaluation.split == Split::Folds { (tile("Folds", &run.parts.len().to_string(), "")) }
                (tile("Parameters", &thousands(evaluation.parameters), ""))
                (tile("Training", &seconds(evaluation.seconds), &format!("on {}", info.devices())))
            }
        }
    }
}

fn tile(name: &str, value: &str, note: &str) -> Markup {
    html! {
        div.tile {
            dt { (name) }
            dd { (value) @if !note.is_empty() { small { (note) } } }
        }
    }
}

/// A word with its first letter as a capital; short names of figures as they are written.
pub(super) trait Capital {
    fn to_uppercase_first(&self) -> String;
}

impl Capital for str {
    fn to_uppercase_first(&self) -> String {
        match self {
            "auc" => return "AUC".into(),
            "r2" => return "R²".into(),
            "mae" => return "Mean absolute error".into(),
            "mse" => return "Mean squared error".into(),
            "macro f1" => return "Macro F1".into(),
            "brier" => return "Brier score".into(),
            _ => {}
        }
        let mut chars = self.chars();
        chars.next().map_or(String::new(), |c| c.to_uppercase().chain(chars).collect())
    }
}

/// What to trust and what not.
fn trust(measured: &Measured) -> Markup {
    let doubts = doubts(measured);
    html! {
        h2 { "What to trust, and what not" }
        div.card.trust {
            div { p { (measured.evaluation.trust) } }
            ul { @for doubt in &doubts { li { (doubt) } } }
        }
    }
}

/// What a reader should know before believing a figure.
fn doubts(measured: &Measured) -> Vec<String> {
    let Measured { run, evaluation, .. } = measured;
    let one = evaluation.unit.trim_end_matches('s');
    let find = |name: &str, scope: &str| {
        evaluation.figures.iter().find(|f| f.name == name && f.scope == scope)
    };
    let mut doubts = Vec::new();
    doubts.push(if evaluation.leaks {
        format!("What is judged had others of the same {one} among what was learnt from (split.leak): figures flatter, and say nothing of a new {one}.")
    } else if evaluation.unit == "songs" {
        "Songs were drawn one by one for the intervals, and songs of one artist can lie on both sides of the split: figures may flatter. Name a group column to keep artists apart.".to_owned()
    } else {
        format!("No {one} is on both sides of a split, and the intervals are drawn over {}: they say what to expect of a new {one}, of the same kind of music as this data set.", evaluation.unit)
    });
    doubts.extend(evaluation.majority.as_ref().and_then(nearly_everything));
    for name in ["auc", "spearman"] {
        if let (Some(all), Some(within)) = (find(name, "all"), find(name, "within genre"))
            && all.beats_baseline() == Some(true)
            && within.beats_baseline() == Some(false)
        {
            doubts.push("It is better than chance over all songs, but that is not shown within a genre: part of what it has learnt is which genre a song belongs to.".into());
            break;
        }
    }
    if let (Some(train), Some(test)) = (evaluation.train_accuracy, find("accuracy", "all"))
        && test.is_below(train)
    {
        doubts.push(format!(
            "It gets {:.1} % of its training songs right and {:.1} % of unseen ones: the difference is learnt by heart.",
            100.0 * train,
            100.0 * test.value
        ));
    }
    let values: Vec<f64> = evaluation.parts.iter().filter_map(|part| part.value).collect();
    if values.len() > 1 {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let name = first(evaluation).map_or("The figure", |f| &f.name).to_uppercase_first();
        doubts.push(format!(
            "{name} of single folds runs from {} to {}: a model trained on other songs may well be that much worse or better.",
            number(low),
            number(high)
        ));
    }
    if run.search.as_ref().is_some_and(|s| s.configs.len() > 1) && run.info.split == Split::Folds {
        doubts.push("The configuration was chosen by folds of the same songs: expect a little less of new ones.".into());
    }
    if evaluation.songs < 300 {
        doubts.push(format!(
            "{} are few: what looks like a difference is often luck; look at the intervals.",
            evaluation.songs_words()
        ));
    }
    doubts.extend(evaluation.notes.iter().cloned());
    doubts
}

/// What is to be said of a class that nearly all songs are of.
fn nearly_everything(majority: &Majority) -> Option<String> {
    (majority.share > MAJORITY).then(|| {
        format!(
            "{:.1} % of the songs are “{}”: always answering so is right as often. The balanced accuracy counts all classes alike.",
            100.0 * majority.share,
            majority.class
        )
    })
}

fn footer(info: &RunInfo) -> Markup {
    html! {
        footer {
            p {
                "Begun " (info.started) " on " (info.device)
                @if let Some(commit) = &info.git_commit { ", commit " code { (commit) } }
                ". " @for (index, (name, version)) in info.versions.iter().enumerate() {
                    @if index > 0 { ", " } (name) " " (version)
                }
            }
            @for (started, changes) in info.turns() { p { "Gone on with " (started) ": " (changes) "." } }
            p { code { (info.command) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Session, of_before};

    #[test]
    fn what_another_program_went_on_with_is_told() {
        let mut info = of_before();
        assert!(!footer(&info).into_string().contains("Gone on"));
        info.sessions = vec![Session {
            started: "2026-01-02".into(),
            device: "cuda".into(),
            versions: info.versions.clone(),
            ..Session::default()
        }];
        let told = footer(&info).into_string();
        assert!(told.contains("Gone on with 2026-01-02: on cuda."), "{told}");
    }

    #[test]
    fn a_class_that_is_nearly_everything_is_told() {
        let of = |share| nearly_everything(&Majority { class: "not viral".into(), share });
        let told = of(0.93).unwrap();
        assert!(told.starts_with("93.0 % of the songs are “not viral”"), "{told}");
        assert_eq!(of(MAJORITY), None);
    }
}
