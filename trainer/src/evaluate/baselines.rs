//! What a guess without listening gets of each figure, and what that guess is.

use super::songs::{Songs, pick};
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

pub(super) fn constant(songs: &Songs, chosen: &[usize]) -> Option<(f64, String)> {
    let mut there = pick(&songs.label, chosen);
    there.sort_unstable();
    there.dedup();
    Some((1.0 / there.len() as f64, "any one answer".into()))
}

pub(super) fn majority_f1(songs: &Songs, chosen: &[usize]) -> Option<(f64, String)> {
    let labels = pick(&songs.label, chosen);
    let (class, _) = most_common(&labels)?;
    let (_, name) = majority(songs, chosen)?;
    Some((macro_f1(&vec![class; labels.len()], &labels, songs.classes.len())?, name))
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
