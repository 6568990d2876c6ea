//! What a guess without listening gets of each figure, and what that guess is.

use super::songs::{Songs, pick};
use crate::metrics::bootstrap::averaged;
use crate::metrics::{
    macro_f1, mean, mean_absolute_error, mean_squared_error, median, most_common,
};
use crate::run::Task;

pub(super) fn coin(_: &Songs, _: &[usize]) -> Option<(f64, String)> {
    Some((0.5, "a coin".into()))
}

pub(super) fn no_order(_: &Songs, _: &[usize]) -> Option<(f64, String)> {
    Some((0.0, "any order".into()))
}

/// The most common class and its share of the songs.
pub(super) fn majority(songs: &Songs, chosen: &[usize]) -> Option<(f64, String)> {
    let labels = pick(&songs.label, chosen);
    let (class, count) = most_common(&labels)?;
    let name = songs.classes.get(class)?;
    Some((count as f64 / labels.len() as f64, format!("always “{name}”")))
}

/// The balanced accuracy of one answer for all: in each part one class is right of those that are there.
/// Parts of one class have no balanced accuracy, and are left out here as there.
pub(super) fn constant(songs: &Songs, chosen: &[usize]) -> Option<(f64, String)> {
    let of_part = |part: &[usize]| {
        let mut there = pick(&songs.label, part);
        there.sort_unstable();
        there.dedup();
        (there.len() >= 2).then(|| 1.0 / there.len() as f64)
    };
    Some((by_part(songs, chosen, of_part)?, "any one answer".into()))
}

/// The macro F1 of the most common class of all songs, in each part.
pub(super) fn majority_f1(songs: &Songs, chosen: &[usize]) -> Option<(f64, String)> {
    let (class, _) = most_common(&pick(&songs.label, chosen))?;
    let (_, name) = majority(songs, chosen)?;
    let of_part = |part: &[usize]| {
        macro_f1(&vec![class; part.len()], &pick(&songs.label, part), songs.classes.len())
    };
    Some((by_part(songs, chosen, of_part)?, name))
}

/// What a guess gets in each part, averaged as the figures are: what is pooled is another figure.
fn by_part(
    songs: &Songs,
    chosen: &[usize],
    of_part: impl Fn(&[usize]) -> Option<f64>,
) -> Option<f64> {
    averaged(chosen, |song| songs.part[song], songs.parts, of_part)
}

pub(super) fn base_rates(songs: &Songs, chosen: &[usize]) -> Option<(f64, String)> {
    let classes = songs.classes.len();
    let labels = pick(&songs.label, chosen);
    let share = |class| labels.iter().filter(|&&l| l == class).count() as f64 / labels.len() as f64;
    let both: f64 = (0..classes).map(|class| share(class) * (1.0 - share(class))).sum();
    let value = if songs.task == Task::Classes { both } else { both / 2.0 };
    Some((value, "the classes’ shares".into()))
}

pub(super) fn always_the_median(songs: &Songs, chosen: &[usize]) -> Option<(f64, String)> {
    let truth = pick(&songs.truth, chosen);
    let middle = median(&truth);
    Some((mean_absolute_error(&vec![middle; truth.len()], &truth)?, "always the median".into()))
}

pub(super) fn always_the_mean(songs: &Songs, chosen: &[usize]) -> Option<(f64, String)> {
    let truth = pick(&songs.truth, chosen);
    Some((mean_squared_error(&vec![mean(&truth); truth.len()], &truth)?, "always the mean".into()))
}

pub(super) fn always_the_mean_r2(_: &Songs, _: &[usize]) -> Option<(f64, String)> {
    Some((0.0, "always the mean".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::figures::kinds;

    /// Songs of three classes, all taken for the second, with the class and the part of each.
    fn all_taken_for_the_second(labels: &[usize], parts: &[usize]) -> Songs {
        let n = labels.len();
        Songs {
            task: Task::Classes,
            classes: ["a", "b", "c"].map(str::to_owned).into(),
            score_class: 0,
            ids: (0..n).map(|i| i.to_string()).collect(),
            score: vec![0.0; n],
            said: vec![0.0; n],
            truth: labels.iter().map(|&label| label as f64).collect(),
            label: labels.to_vec(),
            decided: vec![1; n],
            probability: [0.0, 1.0, 0.0].repeat(n),
            plain: [0.0, 1.0, 0.0].repeat(n),
            part: parts.to_vec(),
            parts: 2,
            genre: vec![0; n],
            genres: vec![String::new()],
            unit: (0..n).collect(),
            units: (0..n).map(|i| i.to_string()).collect(),
            grouped: false,
        }
    }

    fn figure_and_baseline(name: &str, songs: &Songs) -> (f64, f64) {
        let all = songs.all();
        let kinds = kinds(Task::Classes, false);
        let figure = kinds.iter().find(|kind| kind.name == name).unwrap().of(songs, &all).unwrap();
        let baseline = if name == "macro f1" { majority_f1 } else { constant };
        (figure, baseline(songs, &all).unwrap().0)
    }

    #[test]
    fn always_the_same_answer_does_not_beat_its_own_baseline() {
        // Each part has one class.
        let alone = all_taken_for_the_second(&[1, 1, 1, 0, 0], &[0, 0, 0, 1, 1]);
        let (figure, baseline) = figure_and_baseline("macro f1", &alone);
        assert!((figure - 0.6).abs() < 1e-12 && (baseline - 0.6).abs() < 1e-12, "{baseline}");
        // Each part has two of the three, or one part has but one.
        let pairs = all_taken_for_the_second(&[0, 1, 1, 2], &[0, 0, 1, 1]);
        let (figure, baseline) = figure_and_baseline("balanced accuracy", &pairs);
        assert_eq!((figure, baseline), (0.5, 0.5));
        let one = all_taken_for_the_second(&[0, 1, 2, 2], &[0, 0, 1, 1]);
        assert_eq!(figure_and_baseline("balanced accuracy", &one), (0.5, 0.5));
    }
}
