//! Batches, made on a thread of their own while the network is busy with the one before.

use std::thread::{self, ScopedJoinHandle};

use crossbeam::channel::{Receiver, bounded};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

use super::{Examples, mix, mixup_shares, varied};
use crate::Rng;
use crate::recipe::{Augmentation, BudgetRecipe, DataRecipe};
use crate::targets::Targets;

/// Batches made ahead.
const AHEAD: usize = 2;

/// What a training step needs, all from the seed and the number of the step: a training that was
/// stopped gets the same batches when it goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Frames `[frames, songs, bands]`.
    pub values: Vec<f32>,
    /// Number of frames.
    pub frames: usize,
    /// The songs.
    pub songs: Vec<usize>,
    /// Frames at which the loss is taken, the last one first.
    pub judged_at: Vec<u32>,
    /// Targets `[songs, outputs]`.
    pub learnt: Vec<f32>,
    /// Weights `[songs, outputs]`.
    pub weights: Vec<f32>,
}

/// The songs of each step.
#[derive(Debug, Clone)]
pub struct Order<'a> {
    /// Songs that are learnt from.
    pub songs: &'a [usize],
    /// Their classes, when every class is to be drawn equally often.
    pub balanced: Option<&'a [usize]>,
    /// Songs in a step.
    pub batch: usize,
    /// Where the draws come from.
    pub seed: u64,
}

impl Order<'_> {
    /// Steps of one pass.
    pub fn steps(&self) -> usize {
        self.songs.len().div_ceil(self.batch)
    }

    /// All songs of one pass, in order.
    pub fn of_epoch(&self, epoch: usize) -> Vec<usize> {
        let mut rng = step_rng(self.seed, epoch as u64, 1);
        let Some(classes) = self.balanced else {
            let mut order = self.songs.to_vec();
            order.shuffle(&mut rng);
            return order;
        };
        let mut members: Vec<Vec<usize>> = vec![];
        for &song in self.songs {
            members.resize(members.len().max(classes[song] + 1), vec![]);
            members[classes[song]].push(song);
        }
        members.retain(|songs| !songs.is_empty());
        (0..self.songs.len())
            .map(|_| {
                let class = &members[rng.random_range(0..members.len())];
                class[rng.random_range(0..class.len())]
            })
            .collect()
    }
}

/// Random numbers of one step and purpose.
pub(crate) fn step_rng(seed: u64, step: u64, purpose: u64) -> Rng {
    let mut rng = Rng::seed_from_u64(seed);
    rng.set_stream(purpose);
    // Steps are far enough apart that none draws from the next one's numbers.
    rng.set_word_pos(u128::from(step) << 40);
    rng
}

/// Makes batches.
pub struct Loader<'a> {
    /// What they are made of.
    pub examples: &'a Examples<'a>,
    /// The targets.
    pub targets: &'a Targets,
    /// Window and warm-up.
    pub data: &'a DataRecipe,
    /// How crops are varied.
    pub augmentation: &'a Augmentation,
    /// Batch size and positions.
    pub budget: &'a BudgetRecipe,
    /// Whether the network needs whole windows.
    pub whole_windows: bool,
    /// What masked values become, one a band.
    pub blank: &'a [f32],
    /// The songs of each step.
    pub order: Order<'a>,
}

impl<'a> Loader<'a> {
    /// The batch of step `step`, whose songs are given.
    pub fn batch(&self, step: usize, songs: &[usize]) -> Batch {
        let mut rng = step_rng(self.order.seed, step as u64, 2);
        let (mut crops, frames) = match self.examples {
            Examples::Rows(rows) => {
                (songs.iter().flat_map(|&song| rows.row(song).iter().copied()).collect(), 1)
            }
            Examples::Songs(all) => {
                let window = self.data.window_frames;
                let count = if self.whole_windows {
                    window
                } else {
                    let shortest = songs.iter().map(|&song| all.len(song)).min().unwrap_or(0);
                    let longest = window.min(shortest);
                    rng.random_range(self.data.warm_up_frames.min(longest)..=longest)
                };
                let mut crops = Vec::with_capacity(songs.len() * count * all.width());
                for &song in songs {
                    let start = rng.random_range(0..=all.len(song).saturating_sub(count));
                    let crop = varied(
                        &all.stretch(song),
                        all.settings(),
                        (start, count),
                        self.augmentation,
                        self.blank,
                        &mut rng,
                    );
                    crops.extend(all.put_beside(crop, song));
                }
                (crops, count)
            }
        };
        let gather = |f: &[Vec<f32>]| -> Vec<f32> {
            songs.iter().flat_map(|&song| f[song].iter().copied()).collect()
        };
        let (mut learnt, mut weights) =
            (gather(&self.targets.learnt), gather(&self.targets.weights));
        if self.augmentation.mixup > 0.0 {
            let shares = mixup_shares(self.augmentation.mixup, songs.len(), &mut rng);
            for values in [&mut crops, &mut learnt, &mut weights] {
                let item = values.len() / songs.len();
                mix(values, item, &shares);
            }
        }
        let mut judged_at = vec![frames as u32 - 1];
        if !self.whole_windows && frames > 1 {
            let earliest = self.data.warm_up_frames.min(frames) - 1;
            for _ in 1..self.budget.positions {
                judged_at.push(rng.random_range(earliest..frames) as u32);
            }
        }
        let values = frames_first(&crops, songs.len(), frames);
        Batch { values, frames, songs: songs.to_vec(), judged_at, learnt, weights }
    }

    /// Batches of steps `steps`, made ahead on another thread of `scope`. The thread ends when the
    /// receiver is dropped.
    pub fn start<'scope>(
        &'scope self,
        scope: &'scope thread::Scope<'scope, '_>,
        steps: std::ops::Range<usize>,
    ) -> (Receiver<Batch>, ScopedJoinHandle<'scope, ()>) {
        let (sender, receiver) = bounded(AHEAD);
        let handle = scope.spawn(move || {
            let per_epoch = self.order.steps();
            let mut epoch = usize::MAX;
            let mut order = Vec::new();
            for step in steps {
                if step / per_epoch != epoch {
                    epoch = step / per_epoch;
                    order = self.order.of_epoch(epoch);
                }
                let size = self.order.batch;
                let songs = order.chunks(size).nth(step % per_epoch).unwrap_or_default();
                if sender.send(self.batch(step, songs)).is_err() {
                    return;
                }
            }
        });
        (receiver, handle)
    }
}

/// `[songs, frames, bands]` to `[frames, songs, bands]`.
pub(crate) fn frames_first(values: &[f32], songs: usize, frames: usize) -> Vec<f32> {
    let bands = values.len() / (songs * frames).max(1);
    let mut out = Vec::with_capacity(values.len());
    for frame in 0..frames {
        for song in 0..songs {
            let at = (song * frames + frame) * bands;
            out.extend_from_slice(&values[at..at + bands]);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_first() {
        assert_eq!(
            frames_first(&[1., 2., 3., 4., 5., 6., 7., 8.], 2, 2),
            [1., 2., 5., 6., 3., 4., 7., 8.]
        );
    }

    #[test]
    fn an_epoch_is_the_same_every_time_and_holds_every_song() {
        let songs: Vec<usize> = (10..30).collect();
        let order = Order { songs: &songs, balanced: None, batch: 8, seed: 4 };
        assert_eq!(order.steps(), 3);
        assert_eq!(order.of_epoch(2), order.of_epoch(2));
        assert_ne!(order.of_epoch(2), order.of_epoch(3));
        let mut sorted = order.of_epoch(1);
        sorted.sort_unstable();
        assert_eq!(sorted, songs);
    }

    #[test]
    fn balanced_epochs_draw_classes_alike() {
        let songs: Vec<usize> = (0..1000).collect();
        let classes: Vec<usize> = songs.iter().map(|&s| usize::from(s >= 950)).collect();
        let order = Order { songs: &songs, balanced: Some(&classes), batch: 8, seed: 4 };
        let rare = order.of_epoch(0).iter().filter(|&&s| s >= 950).count();
        assert!((400..600).contains(&rare), "{rare}");
    }

    #[test]
    fn steps_draw_different_numbers() {
        let draw = |step, purpose| step_rng(9, step, purpose).random_range(0..u64::MAX);
        assert_eq!(draw(3, 1), draw(3, 1));
        assert_ne!(draw(3, 1), draw(4, 1));
        assert_ne!(draw(3, 1), draw(3, 2));
    }
}
