//! Tests between runs on the same songs.

use crate::evaluate::Songs;
use crate::evaluate::figures::{Kind, Within, kinds};
use crate::metrics::bootstrap::{FEWEST_UNITS, draw, interval};
use crate::metrics::{holm, mcnemar_exact, most_common};
use crate::run::Task;

/// How a difference was tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestKind {
    /// McNemar's exact test on the songs that only one of the two got right.
    McNemar,
    /// A paired bootstrap: both runs are measured on the same draws of groups.
    Bootstrap,
}

impl TestKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::McNemar => "McNemar, exact",
            Self::Bootstrap => "paired bootstrap",
        }
    }
}

/// A run against another, in one figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Test {
    /// Index of the run.
    pub run: usize,
    /// The figure.
    pub figure: &'static str,
    /// How it was tested.
    pub kind: TestKind,
    /// The run's figure minus the other's.
    pub difference: f64,
    /// Lower end of the 95 % interval of the difference.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// How likely a difference at least as large is between equals.
    pub p: f64,
    /// That, corrected after Holm for all runs tested in this figure.
    pub corrected: f64,
}

impl Test {
    /// Whether the difference is more than chance, after correction.
    pub fn differs(&self) -> bool {
        self.corrected < 0.05
    }
}

/// Each run but `reference` against it; nothing of too few units to tell. `aligned[run][i]` is the index in
/// `run` of the song that is at `i` in the first run.
pub(crate) fn tests(
    songs: &[&Songs],
    aligned: &[Vec<usize>],
    reference: usize,
    draws: usize,
    seed: u64,
) -> Vec<Test> {
    let wanted: &[&str] = match songs[0].task {
        Task::Share => &["auc", "spearman", "accuracy"],
        Task::Binary | Task::Classes => &["accuracy", "auc"],
        Task::Regression => &["spearman", "mae"],
    };
    let kinds: Vec<Kind> = kinds(songs[0].task, false)
        .into_iter()
        .filter(|kind| wanted.contains(&kind.name) && kind.within == Within::Parts)
        .collect();
    // One row for each run and figure, run after run.
    let values = |chosen: &[usize]| -> Vec<Option<f64>> {
        songs
            .iter()
            .zip(aligned)
            .flat_map(|(songs, aligned)| {
                let own: Vec<usize> = chosen.iter().map(|&song| aligned[song]).collect();
                kinds.iter().map(move |kind| kind.of(songs, &own)).collect::<Vec<_>>()
            })
            .collect()
    };
    let all = songs[0].all();
    let units = songs[0].units_of(&all);
    if units.len() < FEWEST_UNITS {
        return Vec::new();
    }
    let whole = values(&all);
    let drawn = draw(&units, draws, seed, values);
    let mut tests = Vec::new();
    for (column, kind) in kinds.iter().enumerate() {
        let row = |run: usize| run * kinds.len() + column;
        let mut of_figure = Vec::new();
        for run in (0..songs.len()).filter(|&run| run != reference) {
            let (Some(own), Some(other)) = (whole[row(run)], whole[row(reference)]) else {
                continue;
            };
            let differences: Vec<Option<f64>> = drawn[row(run)]
                .iter()
                .zip(&drawn[row(reference)])
                .map(|(a, b)| Some((*a)? - (*b)?))
                .collect();
            let Some((low, high)) = interval(&differences) else { continue };
            let (kind_of_test, p) = if kind.name == "accuracy" {
                let right = |run: usize, song: usize| {
                    let (songs, song) = (songs[run], aligned[run][song]);
                    songs.decided[song] == songs.label[song]
                };
                let only = |a: usize, b: usize| {
                    all.iter().filter(|&&song| right(a, song) && !right(b, song)).count()
                };
                (TestKind::McNemar, mcnemar_exact(only(run, reference), only(reference, run)))
            } else {
                (TestKind::Bootstrap, two_sided(&differences))
            };
            of_figure.push(Test {
                run,
                figure: kind.name,
                kind: kind_of_test,
                difference: own - other,
                low,
                high,
                p,
                corrected: p,
            });
        }
        correct(&mut of_figure);
        tests.extend(of_figure);
    }
    tests
}

/// Each run against always naming the majority class, by McNemar's exact test; nothing of too few units to
/// tell.
pub(crate) fn against_majority(songs: &[&Songs]) -> Vec<Test> {
    let mut tests = Vec::new();
    let units = |songs: &Songs| songs.units_of(&songs.all());
    let decides = matches!(songs[0].task, Task::Binary | Task::Classes);
    if !decides || units(songs[0]).len() < FEWEST_UNITS {
        return tests;
    }
    for (run, songs) in songs.iter().enumerate() {
        let Some((majority, count)) = most_common(&songs.label) else { continue };
        let (mut only_run, mut only_majority) = (0, 0);
        for (&decided, &label) in songs.decided.iter().zip(&songs.label) {
            match (decided == label, majority == label) {
                (true, false) => only_run += 1,
                (false, true) => only_majority += 1,
                _ => {}
            }
        }
        let n = songs.len() as f64;
        let share = count as f64 / n;
        let all = songs.all();
        let gain = |chosen: &[usize]| {
            let sum: i64 = chosen
                .iter()
                .map(|&song| {
                    let right = songs.decided[song] == songs.label[song];
                    i64::from(right) - i64::from(songs.label[song] == majority)
                })
                .sum();
            Some(sum as f64 / chosen.len() as f64)
        };
        let drawn = draw(&units(songs), super::DRAWS, 0, |chosen| vec![gain(chosen)]);
        let (low, high) = interval(&drawn[0]).unwrap_or((f64::NAN, f64::NAN));
        let p = mcnemar_exact(only_run, only_majority);
        let difference = gain(&all).unwrap_or(-share);
        tests.push(Test {
            run,
            figure: "accuracy",
            kind: TestKind::McNemar,
            difference,
            low,
            high,
            p,
            corrected: p,
        });
    }
    correct(&mut tests);
    tests
}

fn correct(tests: &mut [Test]) {
    let corrected = holm(&tests.iter().map(|test| test.p).collect::<Vec<_>>());
    tests.iter_mut().zip(corrected).for_each(|(test, p)| test.corrected = p);
}

/// Twice the share of draws on the rarer side of zero; a draw is added to each, because no finite
/// number of draws shows that something cannot be.
fn two_sided(differences: &[Option<f64>]) -> f64 {
    let finite: Vec<f64> = differences.iter().flatten().copied().collect();
    let below = finite.iter().filter(|&&d| d <= 0.0).count();
    let above = finite.iter().filter(|&&d| d >= 0.0).count();
    (2.0 * (below.min(above) + 1) as f64 / (finite.len() + 1) as f64).min(1.0)
}

#[cfg(test)]
mod tests_of_tests {
    use super::*;

    #[test]
    fn a_bootstrap_cannot_prove_the_impossible() {
        let always: Vec<Option<f64>> = vec![Some(0.1); 999];
        assert_eq!(two_sided(&always), 0.002);
        let never: Vec<Option<f64>> = vec![Some(0.0); 999];
        assert_eq!(two_sided(&never), 1.0);
        let half: Vec<Option<f64>> = (0..1000).map(|i| Some(f64::from(i) - 499.5)).collect();
        assert_eq!(two_sided(&half), 1.0);
    }
}
