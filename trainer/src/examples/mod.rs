//! What a model learns from: stretches of songs as frames, or rows of a table.

mod audible;
mod augment;
mod bands;
mod loader;

use anyhow::{Result, ensure};
use earworm_scorer::front_end::{FrontEndSettings, is_silent};
use rand::{RngExt, SeedableRng};

pub use self::audible::Audible;
pub use self::augment::{mix, mixup_shares, varied};
pub use self::loader::{Batch, Loader, Order};
pub(crate) use self::loader::{frames_first, step_rng};
use crate::Rng;
use crate::dataset::{Dataset, FramesView};
use crate::recipe::{Clip, DataRecipe};

/// Most songs that a message names.
const NAMED: usize = 5;

/// Share of a song after which the seed of system A starts where it found no chorus.
const WITHOUT_CHORUS: f64 = 0.4;

/// Songs as stretches of frames. Frames stay on disk, memory-mapped, until they are asked for.
pub struct Songs<'a> {
    dataset: &'a Dataset,
    clip: Clip,
    clip_frames: usize,
    seed: u64,
    /// Pieces that each song's stretch is cut into; songs are counted by pieces.
    pieces: usize,
    beside: Option<Beside>,
}

/// Numbers of songs that go beside every frame of their sound.
pub struct Beside {
    /// One row a song, as they are.
    pub rows: Rows,
    /// What is subtracted of each number by the network.
    pub mean: Vec<f32>,
    /// What it is then divided by, above zero.
    pub deviation: Vec<f32>,
}

/// One row of numbers a song, scaled.
pub struct Rows {
    /// Number of columns.
    pub columns: usize,
    /// All rows, one after the other.
    pub values: Vec<f32>,
}

/// What a network is trained on.
pub enum Examples<'a> {
    /// Frames of songs.
    Songs(Songs<'a>),
    /// Rows of a table: networks see them as sequences of one frame.
    Rows(Rows),
}

impl Rows {
    /// The row of a song.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row(&self, song: usize) -> &[f32] {
        &self.values[song * self.columns..(song + 1) * self.columns]
    }
}

impl<'a> Songs<'a> {
    /// The stretches that a recipe chooses. The seed decides where [`Clip::Random`] ones begin.
    pub fn new(dataset: &'a Dataset, data: &DataRecipe, seed: u64) -> Self {
        Self {
            dataset,
            clip: data.clip,
            clip_frames: data.clip_frames(),
            seed,
            pieces: data.pieces.unwrap_or(1),
            beside: None,
        }
    }

    /// The same, with numbers beside every frame.
    #[must_use]
    pub fn with(self, beside: Beside) -> Self {
        Self { beside: Some(beside), ..self }
    }

    /// Numbers beside every frame.
    pub fn beside(&self) -> usize {
        self.beside.as_ref().map_or(0, |beside| beside.rows.columns)
    }

    /// Values of a frame: bands, and the numbers beside them.
    pub fn width(&self) -> usize {
        self.settings().n_mels + self.beside()
    }

    /// Frames `[frames, bands]` of a song with its numbers beside each: `[frames, width]`.
    pub fn put_beside(&self, frames: Vec<f32>, song: usize) -> Vec<f32> {
        let Some(beside) = &self.beside else { return frames };
        let row = beside.rows.row(song);
        let mut wider = Vec::with_capacity(frames.len() / self.settings().n_mels * self.width());
        for frame in frames.chunks_exact(self.settings().n_mels) {
            wider.extend_from_slice(frame);
            wider.extend_from_slice(row);
        }
        wider
    }

    /// Number of songs, or of pieces.
    pub fn count(&self) -> usize {
        self.dataset.songs.len() * self.pieces
    }

    /// Settings of the frames.
    pub fn settings(&self) -> &'a FrontEndSettings {
        &self.dataset.front_end
    }

    /// Number of audible frames in a song's stretch.
    pub fn len(&self, song: usize) -> usize {
        self.whole_len(song / self.pieces) / self.pieces
    }

    /// Number of audible frames in the stretch of a song of the data set.
    fn whole_len(&self, song: usize) -> usize {
        let audible = self.dataset.songs[song].audible;
        if self.clip == Clip::Whole { audible } else { audible.min(self.clip_frames) }
    }

    /// Whether a song's stretch has no audible frame.
    pub fn is_empty(&self, song: usize) -> bool {
        self.len(song) == 0
    }

    /// A song's stretch.
    pub fn stretch(&self, song: usize) -> Audible {
        let (whole, piece) = (song / self.pieces, song % self.pieces);
        let stretch = self.whole_stretch(whole);
        if self.pieces == 1 {
            return stretch;
        }
        let length = self.len(song);
        stretch.cut(piece * length, length)
    }

    /// The stretch of a song of the data set.
    fn whole_stretch(&self, song: usize) -> Audible {
        let view = self.dataset.frames(song);
        let audible = Audible::of(view, self.settings());
        let (all, wanted) = (audible.len(), self.whole_len(song));
        if self.clip == Clip::Whole || wanted == 0 {
            return audible;
        }
        let last = all - wanted;
        let start = match self.clip {
            Clip::Whole | Clip::Start => 0,
            Clip::Middle => last / 2,
            Clip::Random => Rng::seed_from_u64(self.seed ^ (song as u64)).random_range(0..=last),
            Clip::Chorus => match self.dataset.songs[song].chorus {
                Some(seconds) => self.audible_before(view, seconds).min(last),
                None if (all as f64 * WITHOUT_CHORUS) as usize <= last => {
                    (all as f64 * WITHOUT_CHORUS) as usize
                }
                None => last / 2,
            },
        };
        audible.cut(start, wanted)
    }

    /// Number of audible frames before a time of the file.
    fn audible_before(&self, view: FramesView<'_>, seconds: f64) -> usize {
        let settings = self.settings();
        let before = ((seconds * settings.frame_rate()) as usize).min(view.len());
        view.level_db[..before].iter().filter(|&&level| !is_silent(&settings.level, level)).count()
    }
}

impl Examples<'_> {
    /// Mel bands, or columns.
    pub fn bands(&self) -> usize {
        match self {
            Self::Songs(songs) => songs.width(),
            Self::Rows(rows) => rows.columns,
        }
    }

    /// How many of them, the last ones, are numbers of the song.
    pub fn beside(&self) -> usize {
        match self {
            Self::Songs(songs) => songs.beside(),
            Self::Rows(_) => 0,
        }
    }

    /// Frames that a network sees at a time at most: a window's, or one, a row.
    pub fn frames(&self, data: &DataRecipe) -> usize {
        match self {
            Self::Songs(_) => data.window_frames,
            Self::Rows(_) => 1,
        }
    }

    /// Mean and standard deviation of each band over the training songs; 0 and 1 for rows, which are
    /// scaled already.
    pub fn statistics(&self, songs: &[usize]) -> (Vec<f32>, Vec<f32>) {
        match self {
            Self::Songs(all) => {
                let (mut mean, mut deviation) = all.band_statistics(songs);
                if let Some(beside) = &all.beside {
                    mean.extend(&beside.mean);
                    deviation.extend(&beside.deviation);
                }
                (mean, deviation)
            }
            Self::Rows(rows) => (vec![0.0; rows.columns], vec![1.0; rows.columns]),
        }
    }

    /// Checks that there is something to learn from in each song.
    ///
    /// # Errors
    /// When songs have fewer audible frames than a score needs; `name` tells their names.
    pub fn check(&self, least: usize, name: impl Fn(usize) -> String) -> Result<()> {
        let Self::Songs(songs) = self else { return Ok(()) };
        let short: Vec<usize> =
            (0..songs.count()).filter(|&song| songs.len(song) < least).collect();
        let named: Vec<String> = short.iter().take(NAMED).map(|&song| name(song)).collect();
        let more = if short.len() > NAMED {
            "and others, which `dataset stats --recipe` lists, have"
        } else if short.len() > 1 {
            "have"
        } else {
            "has"
        };
        ensure!(
            short.is_empty(),
            "{} of {} tracks: {} {more} too little sound to learn from ({least} audible frames are needed); take them out of the manifest",
            short.len(),
            songs.count(),
            named.join(", ")
        );
        Ok(())
    }
}

/// At most so many of the songs, as far apart as they can be.
pub(crate) fn evenly(songs: &[usize], most: usize) -> Vec<usize> {
    let taken = songs.len().min(most);
    (0..taken).map(|n| songs[n * songs.len() / taken]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_even() {
        let songs: Vec<usize> = (100..110).collect();
        assert_eq!(evenly(&songs, 20), songs);
        assert_eq!(evenly(&songs, 4), [100, 102, 105, 107]);
        assert!(evenly(&[], 4).is_empty() && evenly(&songs, 0).is_empty());
    }
}
