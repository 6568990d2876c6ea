//! How far to trust a score, in plain words that follow from the figures.

use super::{Evaluation, Figure};
use crate::run::Task;

fn find<'a>(evaluation: &'a Evaluation, name: &str, scope: &str) -> Option<&'a Figure> {
    evaluation.figures.iter().find(|f| f.name == name && f.scope == scope)
}

fn percent(value: f64) -> String {
    format!("{:.1}\u{a0}%", 100.0 * value)
}

/// In a sentence or two: whether the run is better than knowing nothing, beyond its interval.
pub fn finding(evaluation: &Evaluation) -> String {
    let nothing = "Nothing was measured that says whether it is better than knowing nothing.";
    match evaluation.task {
        Task::Share => {
            let Some(auc) = find(evaluation, "auc", "all") else { return nothing.into() };
            let (value, low, high) = (auc.value, auc.low, auc.high);
            let verdict = if low > 0.5 {
                "It ranks songs better than a coin"
            } else {
                "It is not shown to rank songs better than a coin"
            };
            let within = find(evaluation, "auc", "within genre").map_or(String::new(), |auc| {
                let verdict = if auc.low > 0.5 { "so it does" } else { "that is not shown" };
                format!(
                    " Between songs of one genre {verdict}: {:.3}, {:.3} to {:.3}.",
                    auc.value, auc.low, auc.high
                )
            });
            format!("{verdict}: AUC {value:.3}, interval {low:.3} to {high:.3}.{within}")
        }
        Task::Binary | Task::Classes => {
            let (Some(accuracy), Some(majority)) =
                (find(evaluation, "accuracy", "all"), &evaluation.majority)
            else {
                return nothing.into();
            };
            let verdict = if accuracy.low > majority.share {
                "It beats the majority class beyond its interval"
            } else if accuracy.high < majority.share {
                "It is worse than always naming the majority class"
            } else if accuracy.value > majority.share {
                "It is above the majority class, but not beyond its interval"
            } else {
                "It does not beat the majority class"
            };
            let ranks = find(evaluation, "auc", "all").map_or(String::new(), |auc| {
                let verdict =
                    if auc.low > 0.5 { "better than" } else { "not shown to be better than" };
                format!(
                    " Its ranking is {verdict} a coin’s: AUC {:.3} ({:.3} to {:.3}).",
                    auc.value, auc.low, auc.high
                )
            });
            format!(
                "{verdict}: {} right ({} to {}); always “{}” is right {}.{ranks}",
                percent(accuracy.value),
                percent(accuracy.low),
                percent(accuracy.high),
                majority.class,
                percent(majority.share)
            )
        }
        Task::Regression => {
            let Some(spearman) = find(evaluation, "spearman", "all") else {
                return nothing.into();
            };
            let verdict = if spearman.low > 0.0 {
                "It puts songs in a better order than none"
            } else {
                "It is not shown to put songs in any better order than none"
            };
            let r2 = find(evaluation, "r2", "all").map_or(String::new(), |r2| {
                let verdict = if r2.low > 0.0 { "Its values beat" } else { "Its values do not beat" };
                format!(
                    " {verdict} always saying the mean beyond the interval: R² {:.3} ({:.3} to {:.3}).",
                    r2.value, r2.low, r2.high
                )
            });
            format!(
                "{verdict}: Spearman {:.3}, interval {:.3} to {:.3}.{r2}",
                spearman.value, spearman.low, spearman.high
            )
        }
    }
}

/// How far to trust a score.
pub fn trust(evaluation: &Evaluation) -> String {
    let nothing = "It was not measured; do not trust it.";
    if evaluation.leaks {
        return format!(
            "Do not trust it: it was judged on {} of which it had learnt from others (split.leak).",
            evaluation.unit
        );
    }
    match evaluation.task {
        Task::Regression => {
            let (Some(spearman), Some(error)) =
                (find(evaluation, "spearman", "all"), find(evaluation, "mae", "all"))
            else {
                return nothing.into();
            };
            let advice = if spearman.low <= 0.0 {
                " Its order is not proven to be more than chance."
            } else if spearman.value < 0.5 {
                " That is a hint, not a promise: use it to compare versions of a mix, not to judge a song."
            } else {
                " Use it as one opinion among several."
            };
            let value = super::show::number;
            format!(
                "On songs it has never heard it is off by {} on average; always saying the middle value is off by {}. Its order agrees with the true one by a Spearman correlation of {:.2} ({:.2} to {:.2}; 0 is no order, 1 is the true one).{advice}",
                value(error.value),
                value(error.baseline.unwrap_or(f64::NAN)),
                spearman.value,
                spearman.low,
                spearman.high
            )
        }
        Task::Share => of_ranking(evaluation).unwrap_or_else(|| nothing.into()),
        Task::Binary | Task::Classes => of_classes(evaluation).unwrap_or_else(|| nothing.into()),
    }
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
        "{whom}, {which}, it puts the right one first {:.0} times in 100 (between {:.0} and {:.0}; a coin would 50 times).",
        all.value * 100.0,
        all.low * 100.0,
        all.high * 100.0
    );
    Some(overall + &within_genre(evaluation) + advice(all))
}

fn within_genre(evaluation: &Evaluation) -> String {
    let Some(within) = find(evaluation, "auc", "within genre") else { return String::new() };
    let (value, low, high) = (within.value * 100.0, within.low * 100.0, within.high * 100.0);
    if within.low > 0.5 {
        format!(
            " Between songs of one genre it does so {value:.0} times in 100 ({low:.0} to {high:.0})."
        )
    } else {
        format!(
            " Between songs of one genre it is not proven to do better than a coin: {value:.0} times in 100 ({low:.0} to {high:.0})."
        )
    }
}

fn advice(auc: &Figure) -> &'static str {
    if auc.low <= 0.5 {
        " That is not proven to be more than chance."
    } else if auc.value < 0.7 {
        " That is a hint, not a promise: use it to compare versions of a mix, not to judge a song."
    } else {
        " Use it as one opinion among several."
    }
}

fn of_classes(evaluation: &Evaluation) -> Option<String> {
    let accuracy = find(evaluation, "accuracy", "all")?;
    let majority = evaluation.majority.as_ref()?;
    let right = format!(
        "Of songs it has never heard it names the class of {:.0} in 100 rightly (between {:.0} and {:.0}); always saying “{}” would be right {:.0} times.",
        accuracy.value * 100.0,
        accuracy.low * 100.0,
        accuracy.high * 100.0,
        majority.class,
        majority.share * 100.0
    );
    let beaten = match accuracy.low > majority.share {
        true => "",
        false => " That is not proven to be better.",
    };
    let Some(auc) = find(evaluation, "auc", "all") else { return Some(right + beaten) };
    let pairs = format!(
        " Of two songs of different classes it puts the right one first {:.0} times in 100 ({:.0} to {:.0}; a coin would 50 times).",
        auc.value * 100.0,
        auc.low * 100.0,
        auc.high * 100.0
    );
    Some(right + beaten + &pairs + &within_genre(evaluation) + advice(auc))
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
            low,
            high,
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
