//! What runs on the audio thread: samples of any format become floats and go into the tap. Nothing
//! here allocates, locks, waits or writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cpal::{Data, FromSample, I24, Sample, SampleFormat, SizedSample, U24};
use crossbeam::channel::Sender;
use earworm_scorer::live::Tap;

use crate::station::Station;

/// Samples that are converted at a time.
const SCRATCH: usize = 4096;

/// Lends a tap to a stream: it goes home when the stream lets go of its callback.
struct Lent {
    tap: Option<Tap>,
    home: Sender<Tap>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(tap) = self.tap.take() {
            let _ = self.home.send(tap);
        }
    }
}

/// What a stream has given so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Frames that came in.
    pub(super) frames: AtomicU64,
    /// Blocks of them in which something was to be heard.
    pub(super) sounds: AtomicU64,
}

/// The callback's own things.
pub(super) struct Inbox {
    lent: Lent,
    channels: usize,
    scratch: Box<[f32]>,
    station: Arc<Station>,
    heard: Arc<Heard>,
    /// What is nowhere louder than this is silence to the model as well.
    audible: f32,
}

impl Inbox {
    /// Takes `channels` interleaved channels into `tap`, which comes back over `home` when this is
    /// dropped; `heard` counts what came in.
    pub(super) fn new(
        tap: Tap,
        home: Sender<Tap>,
        channels: usize,
        station: Arc<Station>,
        heard: Arc<Heard>,
    ) -> Self {
        let channels = channels.max(1);
        // Whole frames only, however many channels there are.
        let scratch = vec![0.0; SCRATCH.next_multiple_of(channels)].into_boxed_slice();
        let gate_db = station.model().metadata().front_end.level.gate_db;
        let audible = 10f32.powf(gate_db / 20.0);
        Self { lent: Lent { tap: Some(tap), home }, channels, scratch, station, heard, audible }
    }

    /// Takes what the sound system gives. A format that [`can_take`] refuses is ignored.
    pub(super) fn take(&mut self, data: &Data) {
        match data.sample_format() {
            SampleFormat::F32 => self.take_as::<f32>(data),
            SampleFormat::F64 => self.take_as::<f64>(data),
            SampleFormat::I8 => self.take_as::<i8>(data),
            SampleFormat::I16 => self.take_as::<i16>(data),
            SampleFormat::I24 => self.take_as::<I24>(data),
            SampleFormat::I32 => self.take_as::<i32>(data),
            SampleFormat::I64 => self.take_as::<i64>(data),
            SampleFormat::U8 => self.take_as::<u8>(data),
            SampleFormat::U16 => self.take_as::<u16>(data),
            SampleFormat::U24 => self.take_as::<U24>(data),
            SampleFormat::U32 => self.take_as::<u32>(data),
            SampleFormat::U64 => self.take_as::<u64>(data),
            _ => {}
        }
    }

    fn take_as<T: SizedSample>(&mut self, data: &Data)
    where
        f32: FromSample<T>,
    {
        if let Some(samples) = data.as_slice::<T>() {
            self.take_samples(samples);
        }
    }

    /// Takes little-endian 32-bit floats, aligned or not.
    #[cfg(unix)]
    pub(super) fn take_float_bytes(&mut self, bytes: &[u8]) {
        let (samples, _) = bytes.as_chunks::<4>();
        self.take_each(samples, |&bytes| f32::from_le_bytes(bytes));
    }

    /// Takes interleaved samples.
    fn take_samples<T: Sample>(&mut self, samples: &[T])
    where
        f32: FromSample<T>,
    {
        self.take_each(samples, |&sample| f32::from_sample(sample));
    }

    fn take_each<T>(&mut self, samples: &[T], to_float: impl Fn(&T) -> f32) {
        let Some(tap) = &mut self.lent.tap else { return };
        if self.station.take_reset() {
            tap.reset();
        }
        let mut sounds = false;
        for piece in samples.chunks(self.scratch.len()) {
            let floats = &mut self.scratch[..piece.len()];
            for (float, sample) in floats.iter_mut().zip(piece) {
                *float = to_float(sample);
            }
            sounds = sounds || floats.iter().any(|float| float.abs() >= self.audible);
            tap.push_interleaved(floats, self.channels);
        }
        let frames = (samples.len() / self.channels) as u64;
        self.heard.frames.fetch_add(frames, Ordering::Relaxed);
        self.heard.sounds.fetch_add(sounds.into(), Ordering::Relaxed);
        self.station.tally.samples.fetch_add(frames, Ordering::Relaxed);
    }
}

/// Whether samples of this format can be taken: all but those of one bit.
pub(super) fn can_take(format: SampleFormat) -> bool {
    !matches!(format, SampleFormat::DsdU8 | SampleFormat::DsdU16 | SampleFormat::DsdU32)
}

#[cfg(test)]
mod tests {
    use assert_no_alloc::{AllocDisabler, assert_no_alloc};
    use crossbeam::channel;
    use earworm_scorer::Model;
    use earworm_watch::real_time;

    use super::*;

    // Does nothing outside `assert_no_alloc`.
    #[global_allocator]
    static WATCHED: AllocDisabler = AllocDisabler;

    fn inbox(channels: usize) -> (Inbox, channel::Receiver<Tap>, Arc<Station>) {
        let (station, tap) = Station::new(Model::embedded(), 48_000).unwrap();
        let (home, back) = channel::unbounded();
        (Inbox::new(tap, home, channels, station.clone(), Arc::default()), back, station)
    }

    fn data<T>(samples: &mut [T], format: SampleFormat) -> Data {
        // SAFETY: the pointer and length are those of a slice of that format, which outlives it.
        unsafe { Data::from_parts(samples.as_mut_ptr().cast(), samples.len(), format) }
    }

    #[test]
    fn the_callback_never_allocates_or_calls_the_system() {
        let (mut inbox, _back, station) = inbox(2);
        let mut floats: Vec<f32> = (0..48_000).map(|i| (i as f32 * 0.05).sin()).collect();
        floats[77] = f32::NAN;
        let mut words: Vec<i16> = (0..9_000).map(|i| i as i16).collect();
        #[cfg(unix)]
        let bytes: Vec<u8> = (0..800).flat_map(|i| (i as f32).to_le_bytes()).collect();
        // More than the ring holds: the way on which samples are dropped is walked too.
        for round in 0..40 {
            if round % 8 == 7 {
                station.reset();
            }
            let floats = data(&mut floats, SampleFormat::F32);
            let words = data(&mut words, SampleFormat::I16);
            let mut take = || {
                inbox.take(&floats);
                inbox.take(&words);
                #[cfg(unix)]
                inbox.take_float_bytes(&bytes);
            };
            real_time(|| assert_no_alloc(&mut take));
        }
        let of_bytes = if cfg!(unix) { 400 } else { 0 };
        assert_eq!(inbox.heard.frames.load(Ordering::Relaxed), 40 * (24_000 + 4_500 + of_bytes));
    }

    #[test]
    fn every_format_means_the_same() {
        let (mut inbox, _back, _station) = inbox(1);
        fn check<T: SizedSample>(inbox: &mut Inbox, half: T, format: SampleFormat)
        where
            f32: FromSample<T>,
        {
            inbox.take(&data(&mut [half; 5], format));
            assert!((inbox.scratch[4] - 0.5).abs() < 0.01, "{format}: {}", inbox.scratch[4]);
            inbox.scratch.fill(9.0);
        }
        check(&mut inbox, 0.5f32, SampleFormat::F32);
        check(&mut inbox, 0.5f64, SampleFormat::F64);
        check(&mut inbox, 64i8, SampleFormat::I8);
        check(&mut inbox, 1i16 << 14, SampleFormat::I16);
        check(&mut inbox, I24::new(1 << 22).unwrap(), SampleFormat::I24);
        check(&mut inbox, 1i32 << 30, SampleFormat::I32);
        check(&mut inbox, 1i64 << 62, SampleFormat::I64);
        check(&mut inbox, 192u8, SampleFormat::U8);
        check(&mut inbox, 3u16 << 14, SampleFormat::U16);
        check(&mut inbox, U24::new(3 << 22).unwrap(), SampleFormat::U24);
        check(&mut inbox, 3u32 << 30, SampleFormat::U32);
        check(&mut inbox, 3u64 << 62, SampleFormat::U64);
        assert!(!can_take(SampleFormat::DsdU8) && can_take(SampleFormat::I24));
    }

    #[test]
    fn what_is_to_be_heard_is_told_from_silence() {
        let (mut inbox, _back, _station) = inbox(2);
        let mut sounds = |samples: [f32; 1000]| {
            let before = inbox.heard.sounds.load(Ordering::Relaxed);
            inbox.take_samples(&samples);
            inbox.heard.sounds.load(Ordering::Relaxed) - before
        };
        assert_eq!(sounds([0.0; 1000]), 0);
        // The noise that comes with 16 bits.
        assert_eq!(sounds([-2.0 / 32_768.0; 1000]), 0);
        assert_eq!(sounds([f32::NAN; 1000]), 0);
        let mut click = [0.0; 1000];
        click[999] = -0.01;
        assert_eq!(sounds(click), 1);
    }

    #[test]
    fn the_tap_goes_home() {
        let (inbox, back, _station) = inbox(2);
        drop(inbox);
        assert!(back.try_recv().is_ok());
    }
}
