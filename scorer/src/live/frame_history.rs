//! The last mel frames, written by the worker and read by any number of threads without locks.

use super::parts::{AtomicU32, AtomicU64, Ordering, fence};

/// One mel frame as the meter hands it out.
#[derive(Debug, Clone, PartialEq)]
pub struct HistoryFrame {
    /// Its number since the stream was opened.
    pub index: u64,
    /// Its time, in seconds since the reset.
    pub time_s: f64,
    /// Its level in dBFS.
    pub level_db: f32,
    /// Power of each mel band in dB.
    pub mel_db: Vec<f32>,
}

/// A ring of frames in atomic words, guarded like a sequence lock: the writer announces a frame
/// before it touches the slot and again when it is whole; a reader throws away what may have been
/// overwritten while it copied.
pub(super) struct FrameHistory {
    bands: usize,
    capacity: u64,
    words: Box<[AtomicU32]>,
    begun: AtomicU64,
    whole: AtomicU64,
}

/// Words of a slot before its bands: level, and time as two halves.
const HEADER: usize = 3;

impl FrameHistory {
    pub(super) fn new(bands: usize, capacity: usize) -> Self {
        let words = (0..capacity * (bands + HEADER)).map(|_| AtomicU32::new(0)).collect();
        Self {
            bands,
            capacity: capacity as u64,
            words,
            begun: AtomicU64::new(0),
            whole: AtomicU64::new(0),
        }
    }

    fn slot(&self, index: u64) -> &[AtomicU32] {
        let size = self.bands + HEADER;
        let at = (index % self.capacity) as usize * size;
        &self.words[at..at + size]
    }

    /// Adds a frame. Only one thread may write.
    pub(super) fn write(&self, time_s: f64, level_db: f32, mel_db: &[f32]) {
        let index = self.whole.load(Ordering::Relaxed);
        self.begun.store(index + 1, Ordering::Relaxed);
        fence(Ordering::Release);
        let slot = self.slot(index);
        let time = time_s.to_bits();
        slot[0].store(level_db.to_bits(), Ordering::Relaxed);
        slot[1].store(time as u32, Ordering::Relaxed);
        slot[2].store((time >> 32) as u32, Ordering::Relaxed);
        for (word, &db) in slot[HEADER..].iter().zip(mel_db) {
            word.store(db.to_bits(), Ordering::Relaxed);
        }
        self.whole.store(index + 1, Ordering::Release);
    }

    /// Appends the frames from number `from` on that are still there, oldest first, and returns the
    /// number to ask for next.
    pub(super) fn read(&self, from: u64, frames: &mut Vec<HistoryFrame>) -> u64 {
        let whole = self.whole.load(Ordering::Acquire);
        let first = from.max(whole.saturating_sub(self.capacity));
        let kept = frames.len();
        for index in first..whole {
            let slot = self.slot(index);
            let word = |i: usize| slot[i].load(Ordering::Relaxed);
            frames.push(HistoryFrame {
                index,
                level_db: f32::from_bits(word(0)),
                time_s: f64::from_bits(u64::from(word(1)) | u64::from(word(2)) << 32),
                mel_db: (0..self.bands).map(|b| f32::from_bits(word(HEADER + b))).collect(),
            });
        }
        fence(Ordering::Acquire);
        let begun = self.begun.load(Ordering::Relaxed);
        let oldest = begun.saturating_sub(self.capacity);
        let stale = frames[kept..].iter().take_while(|frame| frame.index < oldest).count();
        frames.drain(kept..kept + stale);
        whole
    }
}
