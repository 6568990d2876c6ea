//! The songs a run was most wrong about.

use crate::evaluate::Songs;
use crate::run::Task;

/// Songs of each kind.
const SONGS: usize = 6;

/// A song that was judged too high or too low.
pub(super) struct Wrong {
    pub(super) song: usize,
    pub(super) said: f64,
    pub(super) truth: f64,
}

/// What was said of a song and what is true, on one scale.
fn of(songs: &Songs, song: usize) -> Wrong {
    let (said, truth) = match songs.task {
        Task::Regression => (songs.said[song], songs.truth[song]),
        Task::Share if !songs.decides() => (100.0 * songs.said[song], 100.0 * songs.truth[song]),
        // Whether the score was right is asked of the half, not of the share.
        _ => (100.0 * songs.of_score(song), if songs.is_score(song) { 100.0 } else { 0.0 }),
    };
    Wrong { song, said, truth }
}

/// Songs judged much too high and much too low, the worst first; ties by track id.
pub(super) fn most_wrong(songs: &Songs) -> [Vec<Wrong>; 2] {
    [1.0, -1.0].map(|sign| {
        let mut all: Vec<Wrong> = songs.all().into_iter().map(|song| of(songs, song)).collect();
        let miss = |wrong: &Wrong| sign * (wrong.said - wrong.truth);
        all.sort_by(|a, b| {
            miss(b).total_cmp(&miss(a)).then_with(|| songs.ids[a.song].cmp(&songs.ids[b.song]))
        });
        all.retain(|wrong| miss(wrong) > 0.0);
        all.truncate(SONGS);
        all
    })
}
