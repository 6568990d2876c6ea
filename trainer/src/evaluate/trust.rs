//! How far to trust a score, in plain words that follow from the figures.

use super::{Evaluation, Figure};
use crate::run::Task;

fn find<'a>(evaluation: &'a Evaluation, name: &str, scope: &str) -> Option<&'a Figure> {
    evaluation.figures.iter().find(|f| f.name == name && f.scope == scope)
}

fn percent(value: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * value)
}

/// What is said of a figure without an interval.
fn cannot_tell(evaluation: &Evaluation, what: &str, figure: &str) -> String {
    format!("{} are too few to tell whether it {what}: {figure}.", evaluation.counted())
}

/// In a sentence or two: whether the run is better than knowing nothing, beyond its interval.
pub fn finding(evaluation: &Evaluation) -> String {
    let found = match evaluation.task {
        Task::Share => ranking_found(evaluation),
        Task::Binary | Task::Classes => classes_found(evaluation),
        Task::Regression => order_found(evaluation),
    };
    let nothing = "Nothing was measured that says whether it is better than knowing nothing.";
    found.unwrap_or_else(|| nothing.into())
}

fn ranking_found(evaluation: &Evaluation) -> Option<String> {
    let auc = find(evaluation, "auc", "all")?;
    let value = auc.value;
    let overall = match auc.interval() {
        None => {
            cannot_tell(evaluation, "ranks songs better than a coin", &format!("AUC {value:.3}"))
        }
        Some((low, high)) => {
            let verdict = if low > 0.5 {
                "It ranks songs better than a coin"
            } else {
                "It is not shown to rank songs better than a coin"
            };
            format!("{verdict}: AUC {value:.3}, interval {low:.3} to {high:.3}.")
        }
    };
    let within = find(evaluation, "auc", "within genre").map_or(String::new(), |auc| {
        let verdict = match auc.interval() {
            None => "there are too few to tell",
            Some((low, _)) if low > 0.5 => "so it does",
            Some(_) => "that is not shown",
        };
        let interval = auc.interval().map_or(String::new(), |(l, h)| format!(", {l:.3} to {h:.3}"));
        format!(" Between songs of one genre {verdict}: {:.3}{interval}.", auc.value)
    });
    Some(overall + &within)
}

fn classes_found(evaluation: &Evaluation) -> Option<String> {
    let (accuracy, majority) =
        (find(evaluation, "accuracy", "all")?, evaluation.majority.as_ref()?);
    let right = percent(accuracy.value);
    let always = format!("always “{}” is right {}", majority.class, percent(majority.share));
    let overall = match accuracy.interval() {
        None => {
            cannot_tell(evaluation, "beats the majority class", &format!("{right} right; {always}"))
        }
        Some((low, high)) => {
            let verdict = if low > majority.share {
                "It beats the majority class beyond its interval"
            } else if high < majority.share {
                "It is worse than always naming the majority class"
            } else if accuracy.value > majority.share {
                "It is above the majority class, but not beyond its interval"
            } else {
                "It does not beat the majority class"
            };
            format!("{verdict}: {right} right ({} to {}); {always}.", percent(low), percent(high))
        }
    };
    let ranks = find(evaluation, "auc", "all").map_or(String::new(), |auc| match auc.interval() {
        None => {
            format!(" There are too few to tell its ranking from a coin’s: AUC {:.3}.", auc.value)
        }
        Some((low, high)) => {
            let verdict = if low > 0.5 { "better than" } else { "not shown to be better than" };
            format!(
                " Its ranking is {verdict} a coin’s: AUC {:.3} ({low:.3} to {high:.3}).",
                auc.value
            )
        }
    });
    Some(overall + &ranks)
}

fn order_found(evaluation: &Evaluation) -> Option<String> {
    let spearman = find(evaluation, "spearman", "all")?;
    let value = spearman.value;
    let overall = match spearman.interval() {
        None => cannot_tell(
            evaluation,
            "puts songs in a better order than none",
            &format!("Spearman {value:.3}"),
        ),
        Some((low, high)) => {
            let verdict = if low > 0.0 {
                "It puts songs in a better order than none"
            } else {
                "It is not shown to put songs in any better order than none"
            };
            format!("{verdict}: Spearman {value:.3}, interval {low:.3} to {high:.3}.")
        }
    };
    let r2 = find(evaluation, "r2", "all").map_or(String::new(), |r2| match r2.interval() {
        None => format!(" R² {:.3}, of too few to tell.", r2.value),
        Some((low, high)) => {
            let verdict = if low > 0.0 { "Its values beat" } else { "Its values do not beat" };
            format!(
                " {verdict} always saying the mean beyond the interval: R² {:.3} ({low:.3} to {high:.3}).",
                r2.value
            )
        }
    });
    Some(overall + &r2)
}

/// How far to trust a score.
pub fn trust(evaluation: &Evaluation) -> String {
    if evaluation.leaks {
        return format!(
            "Do not trust it: it was judged on {} of which it had learnt from others (split.leak).",
            evaluation.unit
        );
    }
    let words = match evaluation.task {
        Task::Regression => of_order(evaluation),
        Task::Share => of_ranking(evaluation),
        Task::Binary | Task::Classes => of_classes(evaluation),
    };
    words.unwrap_or_else(|| "It was not measured; do not trust it.".into())
}

/// What to do with a score whose figure has no interval.
fn too_few(evaluation: &Evaluation) -> String {
    format!(
        " {} are too few to tell whether that is more than chance: do not trust it.",
        evaluation.counted()
    )
}

fn of_order(evaluation: &Evaluation) -> Option<String> {
    let (spearman, error) = (find(evaluation, "spearman", "all")?, find(evaluation, "mae", "all")?);
    let advice = if spearman.interval().is_none() {
        too_few(evaluation)
    } else if !spearman.is_above(0.0) {
        " Its order is not proven to be more than chance.".into()
    } else if spearman.value < 0.5 {
        " That is a hint, not a promise: use it to compare versions of a mix, not to judge a song."
            .into()
    } else {
        " Use it as one opinion among several.".into()
    };
    let interval =
        spearman.interval().map_or(String::new(), |(l, h)| format!("{l:.2} to {h:.2}; "));
    let value = super::show::number;
    Some(format!(
        "On songs it has never heard it is off by {} on average; always saying the middle value is off by {}. Its order agrees with the true one by a Spearman correlation of {:.2} ({interval}0 is no order, 1 is the true one).{advice}",
        value(error.value),
        value(error.baseline.unwrap_or(f64::NAN)),
        spearman.value,
    ))
}

/// An interval in parts of a hundred, with words before and after it; nothing without one.
fn in_hundred(figure: &Figure, before: &str, between: &str, after: &str) -> String {
    figure.interval().map_or(String::new(), |(low, high)| {
        format!("{before}{:.0} {between} {:.0}{after}", low * 100.0, high * 100.0)
    })
}

fn of_ranking(evaluation: &Evaluation) -> Option<String> {
    let all = find(evaluation, "auc", "all")?;
    let whom = match &*evaluation.unit {
        "songs" => "Of two songs it has never heard".to_owned(),
        unit => format!("Of two songs by {unit} it has never heard"),
    };
    let which = match &*evaluation.score {
        "liked" => "one liked by more and one by fewer people than the median song".to_owned(),
        other => format!("one of the upper and one of the lower half by {other:?}"),
    };
    let overall = format!(
        "{whom}, {which}, it puts the right one first {:.0} times in 100 ({}a coin would 50 times).",
        all.value * 100.0,
        in_hundred(all, "between ", "and", "; "),
    );
    Some(overall + &within_genre(evaluation) + &advice(evaluation, all))
}

fn within_genre(evaluation: &Evaluation) -> String {
    let Some(within) = find(evaluation, "auc", "within genre") else { return String::new() };
    let verdict = if within.interval().is_none() {
        "there are too few to tell:"
    } else if within.is_above(0.5) {
        "it does so"
    } else {
        "it is not proven to do better than a coin:"
    };
    let interval = in_hundred(within, " (", "to", ")");
    let value = within.value * 100.0;
    format!(" Between songs of one genre {verdict} {value:.0} times in 100{interval}.")
}

fn advice(evaluation: &Evaluation, auc: &Figure) -> String {
    if auc.interval().is_none() {
        return too_few(evaluation);
    }
    let words = if !auc.is_above(0.5) {
        " That is not proven to be more than chance."
    } else if auc.value < 0.7 {
        " That is a hint, not a promise: use it to compare versions of a mix, not to judge a song."
    } else {
        " Use it as one opinion among several."
    };
    words.into()
}

fn of_classes(evaluation: &Evaluation) -> Option<String> {
    let accuracy = find(evaluation, "accuracy", "all")?;
    let majority = evaluation.majority.as_ref()?;
    let right = format!(
        "Of songs it has never heard it names the class of {:.0} in 100 rightly{}; always saying “{}” would be right {:.0} times.",
        accuracy.value * 100.0,
        in_hundred(accuracy, " (between ", "and", ")"),
        majority.class,
        majority.share * 100.0
    );
    let auc = find(evaluation, "auc", "all");
    let beaten = match (accuracy.interval(), auc) {
        (Some((low, _)), _) if low > majority.share => String::new(),
        (Some(_), _) => " That is not proven to be better.".into(),
        // Said once, of the ranking.
        (None, Some(auc)) if auc.interval().is_none() => String::new(),
        (None, _) => too_few(evaluation),
    };
    let Some(auc) = auc else { return Some(right + &beaten) };
    let pairs = format!(
        " Of two songs of different classes it puts the right one first {:.0} times in 100 ({}a coin would 50 times).",
        auc.value * 100.0,
        in_hundred(auc, "", "to", "; "),
    );
    Some(right + &beaten + &pairs + &within_genre(evaluation) + &advice(evaluation, auc))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::calibrate::{FittedOn, Method};
    use crate::evaluate::Majority;
    use crate::run::Split;
    use earworm_scorer::model::Calibration;

    pub(crate) fn figure(name: &str, scope: &str, value: f64, low: f64, high: f64) -> Figure {
        Figure {
            name: name.into(),
            scope: scope.into(),
            value,
            low: Some(low),
            high: Some(high),
            baseline: None,
            baseline_is: None,
            higher_is_better: true,
        }
    }

    pub(crate) fn evaluation(task: Task, figures: Vec<Figure>) -> Evaluation {
        Evaluation {
            name: "test".into(),
            task,
            score: "liked".into(),
            split: Split::Folds,
            songs: 321,
            pieces: None,
            groups: 102,
            unit: "artists".into(),
            leaks: false,
            metrics: Vec::new(),
            figures,
            majority: Some(Majority { class: "no".into(), share: 0.6 }),
            train_accuracy: None,
            calibration_method: Method::Platt,
            calibration: Calibration::Identity,
            calibration_fitted_on: FittedOn::Nothing,
            reliability: Vec::new(),
            confusion: None,
            by_genre: Vec::new(),
            by_group: Vec::new(),
            parts: Vec::new(),
            parameters: 0,
            seconds: 0.0,
            notes: Vec::new(),
            finding: String::new(),
            trust: String::new(),
        }
    }

    #[test]
    fn trust_follows_from_the_figures() {
        let auc = |scope, value, low, high| figure("auc", scope, value, low, high);
        let says = |figures| trust(&evaluation(Task::Share, figures));
        let weak = says(vec![auc("all", 0.55, 0.45, 0.65), auc("within genre", 0.5, 0.4, 0.6)]);
        assert!(weak.contains("not proven to be more than chance"), "{weak}");
        let fair = says(vec![auc("all", 0.66, 0.58, 0.74), auc("within genre", 0.6, 0.53, 0.68)]);
        assert!(fair.contains("66 times") && fair.contains("a hint"), "{fair}");
        assert!(says(vec![]).contains("do not trust"));
    }

    #[test]
    fn of_too_few_nothing_is_proven() {
        let alone =
            |name: &str| Figure { low: None, high: None, ..figure(name, "all", 1.0, 1.0, 1.0) };
        for (task, names) in [
            (Task::Share, ["auc", "spearman"]),
            (Task::Binary, ["accuracy", "auc"]),
            (Task::Classes, ["accuracy", "auc"]),
            (Task::Regression, ["spearman", "mae"]),
        ] {
            let mut few = evaluation(task, names.map(alone).to_vec());
            (few.songs, few.groups, few.unit) = (4, 4, "songs".into());
            let (found, trusted) = (finding(&few), trust(&few));
            assert!(found.starts_with("4 songs are too few to tell"), "{found}");
            assert!(trusted.contains("4 songs are too few to tell"), "{trusted}");
            assert!(
                trusted.ends_with("do not trust it.") && !trusted.contains("between"),
                "{trusted}"
            );
        }
    }

    #[test]
    fn the_committed_model_says_the_same() {
        // The figures of models/emotify-lstm, and what its card has said since it was made.
        let card = include_str!("../../../models/emotify-lstm/README.md");
        let figures = vec![
            figure("auc", "all", 0.6282551861432494, 0.5387068941360416, 0.7009763712547685),
            figure(
                "auc",
                "within genre",
                0.5499264641883688,
                0.47015664890664893,
                0.638236070897993,
            ),
        ];
        let words = trust(&evaluation(Task::Share, figures));
        assert!(card.contains(&words), "{words}");
    }

    #[test]
    fn findings_hold_the_majority_against_the_interval() {
        let accuracy = |value, low, high| {
            finding(&evaluation(Task::Binary, vec![figure("accuracy", "all", value, low, high)]))
        };
        assert!(accuracy(0.7, 0.62, 0.78).starts_with("It beats the majority class beyond"));
        assert!(accuracy(0.62, 0.58, 0.66).contains("not beyond its interval"));
        assert!(accuracy(0.58, 0.5, 0.66).starts_with("It does not beat"));
        assert!(accuracy(0.5, 0.45, 0.55).starts_with("It is worse than"));
    }
}
