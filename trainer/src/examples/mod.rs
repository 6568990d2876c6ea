//! What a model learns from: stretches of songs as frames, or rows of a table.

mod audible;
mod augment;
mod loader;

use anyhow::{Result, bail};
use earworm_scorer::front_end::FrontEndSettings;
use rand::{RngExt, SeedableRng};

pub use self::audible::Audible;
pub use self::augment::{mix, mixup_shares, varied};
pub use self::loader::{Batch, Loader, Order};
pub(crate) use self::loader::{frames_first, step_rng};
use crate::Rng;
use crate::dataset::Dataset;
use crate::recipe::{Clip, DataRecipe};

/// Share of a song after which the seed of system A starts where it found no chorus.
const WITHOUT_CHORUS: f64 = 0.4;

/// Songs as stretches of frames. Frames stay on disk, memory-mapped, until they are asked for.
pub struct Songs<'a> {
    dataset: &'a Dataset,
    clip: Clip,
    clip_frames: usize,
    seed: u64,
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
        Self { dataset, clip: data.clip, clip_frames: data.clip_frames(), seed }
    }

    /// Settings of the frames.
    pub fn settings(&self) -> &'a FrontEndSettings {
        &self.dataset.front_end
    }

    /// Number of audible frames in a song's stretch.
    pub fn len(&self, song: usize) -> usize {
        let audible = self.dataset.songs[song].audible;
        if self.clip == Clip::Whole { audible } else { audible.min(self.clip_frames) }
    }

    /// Whether a song's stretch has no audible frame.
    pub fn is_empty(&self, song: usize) -> bool {
        self.len(song) == 0
    }

    /// A song's stretch.
    pub fn stretch(&self, song: usize) -> Audible {
        let view = self.dataset.frames(song);
        let audible = Audible::of(view, self.settings());
        let (all, wanted) = (audible.len(), self.len(song));
        if self.clip == Clip::Whole || wanted == 0 {
            return audible;
        }
        let last = all - wanted;
        let start = match self.clip {
            Clip::Whole | Clip::Start => 0,
            Clip::Middle => last / 2,
            Clip::Random => Rng::seed_from_u64(self.seed ^ (song as u64)).random_range(0..=last),
            Clip::Chorus => match self.dataset.songs[song].chorus {
                Some(seconds) => ((seconds * self.settings().frame_rate()) as usize).min(last),
                None if (all as f64 * WITHOUT_CHORUS) as usize <= last => {
                    (all as f64 * WITHOUT_CHORUS) as usize
                }
                None => last / 2,
            },
        };
        audible.cut(start, wanted)
    }

    /// Mean and standard deviation of each band over songs, each normalised as one window.
    pub fn band_statistics(&self, songs: &[usize]) -> (Vec<f32>, Vec<f32>) {
        let settings = self.settings();
        let bands = settings.n_mels;
        let (mut sum, mut squares, mut count) = (vec![0.0f64; bands], vec![0.0f64; bands], 0.0f64);
        for &song in songs {
            let stretch = self.stretch(song);
            let window = stretch.window(settings, 0, stretch.len());
            for frame in window.chunks_exact(bands) {
                for (band, &value) in frame.iter().enumerate() {
                    sum[band] += f64::from(value);
                    squares[band] += f64::from(value) * f64::from(value);
                }
            }
            count += stretch.len() as f64;
        }
        let mean: Vec<f32> = sum.iter().map(|s| (s / count) as f32).collect();
        let deviation = squares
            .iter()
            .zip(&sum)
            .map(|(sq, s)| ((sq / count - (s / count).powi(2)).max(1e-6).sqrt()) as f32)
            .collect();
        (mean, deviation)
    }
}

impl Examples<'_> {
    /// Mel bands, or columns.
    pub fn bands(&self) -> usize {
        match self {
            Self::Songs(songs) => songs.settings().n_mels,
            Self::Rows(rows) => rows.columns,
        }
    }

    /// Mean and standard deviation of each band over the training songs; 0 and 1 for rows, which are
    /// scaled already.
    pub fn statistics(&self, songs: &[usize]) -> (Vec<f32>, Vec<f32>) {
        match self {
            Self::Songs(all) => all.band_statistics(songs),
            Self::Rows(rows) => (vec![0.0; rows.columns], vec![1.0; rows.columns]),
        }
    }

    /// Checks that there is something to learn from in each song.
    ///
    /// # Errors
    /// When a song has fewer audible frames than a score needs; `name` tells its name.
    pub fn check(&self, least: usize, name: impl Fn(usize) -> String) -> Result<()> {
        let Self::Songs(songs) = self else { return Ok(()) };
        for song in 0..songs.dataset.songs.len() {
            if songs.len(song) < least {
                bail!(
                    "track {} has too little sound to learn from; take it out of the manifest",
                    name(song)
                );
            }
        }
        Ok(())
    }
}
