//! A song's frames as lanes of the scorer see them: silence left out, level normalised.

use earworm_scorer::front_end::{FrontEndSettings, LevelNormaliser, is_silent};

use crate::dataset::FramesView;

/// A song's audible frames, as lanes of the scorer see them before level normalisation.
#[derive(Debug, Clone)]
pub struct Audible {
    pub(super) bands: usize,
    pub(super) mel_db: Vec<f32>,
    pub(super) level_db: Vec<f32>,
}

impl Audible {
    /// Leaves out a song's silent frames.
    pub fn of(song: FramesView<'_>, settings: &FrontEndSettings) -> Self {
        let bands = song.bands;
        let mut audible = Self { bands, mel_db: vec![], level_db: vec![] };
        for (mel_db, &level_db) in song.mel_db.chunks_exact(bands).zip(song.level_db) {
            if !is_silent(&settings.level, level_db) {
                audible.mel_db.extend_from_slice(mel_db);
                audible.level_db.push(level_db);
            }
        }
        audible
    }

    /// Only frames `start .. start + count`; frames past the end start over at the beginning, so that
    /// a song can fill a window that is longer than it.
    ///
    /// # Panics
    /// When there are no frames.
    pub fn cut(&self, start: usize, count: usize) -> Self {
        let mut cut = Self {
            bands: self.bands,
            mel_db: Vec::with_capacity(count * self.bands),
            level_db: Vec::with_capacity(count),
        };
        for n in start..start + count {
            let at = n % self.len();
            cut.mel_db.extend_from_slice(&self.mel_db[at * self.bands..(at + 1) * self.bands]);
            cut.level_db.push(self.level_db[at]);
        }
        cut
    }

    /// Number of frames.
    pub fn len(&self) -> usize {
        self.level_db.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.level_db.is_empty()
    }

    /// Frames `start .. start + count`, normalised as a window that starts there: `[count, bands]`.
    ///
    /// # Panics
    /// When there are not that many frames.
    pub fn window(&self, settings: &FrontEndSettings, start: usize, count: usize) -> Vec<f32> {
        self.window_with(settings, start, count, |_, _| 0.0)
    }

    /// The same with `offset_db(frame, band)` added before normalisation.
    pub(super) fn window_with(
        &self,
        settings: &FrontEndSettings,
        start: usize,
        count: usize,
        offset_db: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        let bands = self.bands;
        let amin_db = 10.0 * settings.amin.log10();
        let mut level = LevelNormaliser::new(settings.level);
        let mut out = vec![0.0; count * bands];
        let mut shifted = vec![0.0; bands];
        for (n, out) in out.chunks_exact_mut(bands).enumerate() {
            let at = (start + n) * bands;
            for (band, (to, &db)) in
                shifted.iter_mut().zip(&self.mel_db[at..at + bands]).enumerate()
            {
                *to = (db + offset_db(n, band)).max(amin_db);
            }
            level.next_frame(&shifted, self.level_db[start + n], out);
        }
        out
    }
}
