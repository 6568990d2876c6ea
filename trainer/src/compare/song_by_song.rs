//! Song by song: on how many songs is a run closer to the truth than another? (The statistic that
//! Autoen-chorder was published with.) And what draws from a normal distribution would get, its baseline.

use crate::evaluate::Songs;
use crate::run::Task;

/// Mean and standard deviation of the published baseline: popularities of 40.02 ± 16.79 of 100.
const PUBLISHED_NORMAL: (f64, f64) = (0.4002, 0.1679);

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
pub(super) fn song_by_song(
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

/// The mean squared error that draws from the published normal distribution would have on average:
/// `deviation² + mean (truth − mean)²`; nothing where songs have no value.
pub(super) fn normal_draws(songs: &Songs) -> Option<f64> {
    if songs.task != Task::Regression || songs.is_empty() {
        return None;
    }
    let (mean, deviation) = PUBLISHED_NORMAL;
    let squares: f64 = songs.truth.iter().map(|truth| (truth - mean).powi(2)).sum();
    Some(deviation * deviation + squares / songs.len() as f64)
}
