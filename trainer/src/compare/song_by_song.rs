//! Song by song: on how many songs is a run closer to the truth than another? (The statistic that
//! Autoen-chorder was published with.) And what draws from a normal distribution would get, its baseline.

use serde::{Deserialize, Serialize};

use crate::evaluate::Songs;
use crate::metrics::mean;
use crate::run::Task;

/// What draws from a normal distribution would get.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NormalDraws {
    /// Mean of the distribution; of several, one for each part, the mean over the songs.
    pub mean: f64,
    /// Its standard deviation, likewise.
    pub deviation: f64,
    /// Their mean squared error on average over all draws.
    pub mse: f64,
}

/// A run against the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SongBySong {
    /// Index of the run.
    pub run: usize,
    /// Share of the songs on which it is closer to the truth; both being as close counts half.
    pub closer: f64,
}

/// Each run but `reference` against it; nothing where songs have a class and not a value.
/// `aligned[run][i]` is the index in `run` of the song that is at `i` in the first run.
pub(crate) fn song_by_song(
    songs: &[&Songs],
    aligned: &[Vec<usize>],
    reference: usize,
) -> Vec<SongBySong> {
    if !matches!(songs[0].task, Task::Regression | Task::Share) {
        return Vec::new();
    }
    let off = |run: usize, song: usize| {
        let (songs, song) = (songs[run], aligned[run][song]);
        (songs.said[song] - songs.truth[song]).abs()
    };
    let count = songs[0].len();
    (0..songs.len())
        .filter(|&run| run != reference)
        .map(|run| {
            let won = |song: usize| match off(run, song).total_cmp(&off(reference, song)) {
                std::cmp::Ordering::Less => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Greater => 0.0,
            };
            SongBySong { run, closer: (0..count).map(won).sum::<f64>() / count.max(1) as f64 }
        })
        .collect()
}

/// What draws from a normal distribution would get on average, `deviation² + (truth − mean)²` of each song;
/// nothing where songs have no value. Unless `stated`, mean and deviation are those of the songs of the
/// other parts, which a model may learn from; where there is one part, of its own songs.
pub(crate) fn normal_draws(songs: &Songs, stated: Option<(f64, f64)>) -> Option<NormalDraws> {
    let values = songs.task == Task::Regression && !songs.is_empty();
    values.then(|| expected(&songs.truth, &songs.part, stated))
}

fn expected(truth: &[f64], part: &[usize], stated: Option<(f64, f64)>) -> NormalDraws {
    let of_others = |own: usize| {
        let mut others: Vec<f64> =
            truth.iter().zip(part).filter(|&(_, &p)| p != own).map(|(&t, _)| t).collect();
        if others.is_empty() {
            others = truth.to_vec();
        }
        let middle = mean(&others);
        let squares: Vec<f64> = others.iter().map(|t| (t - middle).powi(2)).collect();
        (middle, mean(&squares).sqrt())
    };
    let parts = part.iter().max().map_or(0, |&last| last + 1);
    let normal: Vec<(f64, f64)> =
        (0..parts).map(|own| stated.unwrap_or_else(|| of_others(own))).collect();
    let over = |f: &dyn Fn(usize) -> f64| mean(&(0..truth.len()).map(f).collect::<Vec<_>>());
    NormalDraws {
        mean: over(&|song| normal[part[song]].0),
        deviation: over(&|song| normal[part[song]].1),
        mse: over(&|song| {
            let (middle, deviation) = normal[part[song]];
            deviation.powi(2) + (truth[song] - middle).powi(2)
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_as_wrong_as_one_can_work_out() {
        let close = |a: NormalDraws, b: [f64; 3]| {
            let own = [a.mean, a.deviation, a.mse];
            assert!(own.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?} is not {b:?}");
        };
        // One part: its own mean and deviation, so twice the variance.
        close(expected(&[0.0, 1.0], &[0, 0], None), [0.5, 0.5, 0.5]);
        // Each by the other's: 0.5 ± 0 for 0 and 1, 0.5 ± 0.5 for the halves.
        close(expected(&[0.0, 1.0, 0.5, 0.5], &[0, 0, 1, 1], None), [0.5, 0.25, 0.25]);
        // As published, whatever the songs are.
        let stated = Some((0.4002, 0.1679));
        close(
            expected(&[0.4002, 0.5002], &[0, 1], stated),
            [0.4002, 0.1679, 0.1679f64.powi(2) + 0.005],
        );
    }
}
