//! Live audio from tap to meter: a full ring, resets, invalid samples, and one worker for many taps.

mod common;

use common::{Noise, music, tiny_streaming, tiny_window};
use earworm_scorer::live::{HistoryFrame, Meter, Stream, Tap, Turn, Worker, open, open_watched};
use earworm_scorer::{
    CompletedWindow, Observer, Reading, Scorer, ScorerOptions, Span, Status, front_end::Frame,
};

const RATE: u32 = 16_000;

fn open_tiny() -> (Tap, Stream, Meter) {
    open(tiny_streaming(), RATE, ScorerOptions::LIVE).unwrap()
}

/// Turns until nothing is waiting.
fn take_all(stream: &mut Stream) {
    while stream.turn() == Turn::Busy {}
}

/// What a plain scorer makes of the same audio.
#[derive(Default)]
struct Plain {
    frames: Vec<HistoryFrame>,
}

impl Observer for Plain {
    fn frame(&mut self, frame: Frame<'_>, span: Span) {
        self.frames.push(HistoryFrame {
            index: self.frames.len() as u64,
            time_s: span.end_s,
            level_db: frame.level_db,
            mel_db: frame.mel_db.to_vec(),
        });
    }
}

fn plain(rate: u32, interleaved: &[f32], channels: usize) -> (Reading, Vec<HistoryFrame>) {
    let mut scorer = Scorer::new(tiny_streaming(), rate, ScorerOptions::LIVE).unwrap();
    let mut plain = Plain::default();
    scorer.push_interleaved(interleaved, channels, &mut plain).unwrap();
    (scorer.reading().clone(), plain.frames)
}

fn assert_readings_close(got: &Reading, want: &Reading) {
    let scores = |r: &Reading| [r.momentary, r.window, r.integrated, r.hook.map(|h| h.score)];
    for (got, want) in scores(got).into_iter().zip(scores(want)) {
        assert_eq!(got.is_some(), want.is_some());
        assert!((got.unwrap_or(0.0) - want.unwrap_or(0.0)).abs() < 1e-4, "{got:?}, {want:?}");
    }
    assert_eq!((got.status, got.coverage), (want.status, want.coverage));
    assert_eq!((got.dropped, got.invalid), (want.dropped, want.invalid));
    assert!((got.time_s - want.time_s).abs() < 1e-6, "{} against {}", got.time_s, want.time_s);
}

#[test]
fn a_full_ring_drops_counts_and_resynchronises() {
    let (mut tap, mut stream, meter) = open_tiny();
    let ring = tap.room();
    let sound = music(RATE, 12.0, 1);
    let before = sound.len() / 2;
    for block in sound[..before].chunks(480) {
        tap.push_planar(&[block]);
    }
    let taken = ring - tap.room();
    assert!(taken < before, "the ring did not run full");
    take_all(&mut stream);
    // The gap is marked as soon as there is room again, and not before.
    assert_eq!(meter.reading().dropped, 0);
    assert!((meter.reading().time_s - taken as f64 / f64::from(RATE)).abs() < 1e-9);

    for block in sound[before..].chunks(480) {
        tap.push_planar(&[block]);
        take_all(&mut stream);
    }
    let reading = meter.reading();
    assert_eq!(reading.dropped, (before - taken) as u64);
    assert!((reading.time_s - 12.0).abs() < 1e-9, "{}", reading.time_s);
    assert_eq!(reading.status, Status::Scoring);

    // Frames stand where they were played: none in the gap, and those behind it at its end.
    let mut frames = Vec::new();
    meter.frames_since(0, &mut frames);
    let (gap_from, gap_to) = (taken as f64 / f64::from(RATE), before as f64 / f64::from(RATE));
    assert!(frames.iter().all(|f| f.time_s <= gap_from || f.time_s >= gap_to));
    let first_behind = frames.iter().find(|f| f.time_s > gap_from).unwrap();
    assert!((first_behind.time_s - gap_to - 512.0 / f64::from(RATE)).abs() < 1e-9);
    assert!(frames.last().unwrap().time_s > 11.9);
}

#[test]
fn what_is_lost_last_is_counted_when_the_tap_goes() {
    let (mut tap, mut stream, meter) = open_tiny();
    tap.push_planar(&[&music(RATE, 6.0, 2)]);
    drop(tap);
    while stream.turn() != Turn::Ended {}
    let reading = meter.reading();
    assert!(reading.dropped > 0);
    assert!((reading.time_s - 6.0).abs() < 1e-9, "{}", reading.time_s);
}

#[test]
fn a_reset_through_the_tap_starts_anew() {
    let (mut tap, mut stream, meter) = open_tiny();
    tap.push_planar(&[&music(RATE, 3.0, 3)]);
    tap.push_planar(&[&[f32::NAN; 50]]);
    take_all(&mut stream);
    assert_eq!((meter.resets(), meter.reading().invalid), (0, 50));

    // Not taken before the reset, and followed by more: it acts in its place.
    let sound = music(RATE, 2.0, 4);
    tap.push_planar(&[&music(RATE, 1.0, 5)]);
    tap.reset();
    tap.push_planar(&[&sound]);
    take_all(&mut stream);
    assert_eq!(meter.resets(), 1);
    assert_readings_close(&meter.reading(), &plain(RATE, &sound, 1).0);
}

/// Counts what it sees, in the hands of the test as well.
#[derive(Default, Clone)]
struct Counts(std::sync::Arc<std::sync::Mutex<(usize, usize, usize, usize)>>);

impl Observer for Counts {
    fn frame(&mut self, _frame: Frame<'_>, _span: Span) {
        self.0.lock().unwrap().0 += 1;
    }
    fn window(&mut self, _window: &CompletedWindow<'_>) {
        self.0.lock().unwrap().1 += 1;
    }
    fn reading(&mut self, _reading: &Reading) {
        self.0.lock().unwrap().2 += 1;
    }
    fn reset(&mut self) {
        let mut counts = self.0.lock().unwrap();
        *counts = (0, 0, 0, counts.3 + 1);
    }
}

#[test]
fn a_watcher_sees_everything_since_the_reset() {
    let counts = Counts::default();
    let options = ScorerOptions::LIVE;
    let (mut tap, mut stream, meter) =
        open_watched(tiny_streaming(), RATE, options, Box::new(counts.clone())).unwrap();
    // All of it fits into the ring.
    tap.push_planar(&[&music(RATE, 0.5, 30)]);
    tap.reset();
    let sound = music(RATE, 3.0, 31);
    tap.push_planar(&[&sound]);
    take_all(&mut stream);
    let (frames, windows, readings, resets) = *counts.0.lock().unwrap();
    let mut plain = Plain::default();
    let mut scorer = Scorer::new(tiny_streaming(), RATE, options).unwrap();
    scorer.push_mono(&sound, &mut plain).unwrap();
    assert_eq!((frames, resets), (plain.frames.len(), 1));
    assert!(windows > 5 && readings > windows, "{windows} windows, {readings} readings");
    assert_eq!(meter.resets(), 1);
}

#[test]
fn a_reset_forgets_what_was_dropped_before_it() {
    let (mut tap, mut stream, meter) = open_tiny();
    tap.push_planar(&[&music(RATE, 6.0, 6)]);
    tap.reset();
    take_all(&mut stream);
    tap.push_planar(&[&music(RATE, 1.0, 7)]);
    take_all(&mut stream);
    assert_eq!((meter.resets(), meter.reading().dropped), (1, 0));
    assert!((meter.reading().time_s - 1.0).abs() < 1e-9);
}

#[test]
fn invalid_samples_are_silence_and_counted() {
    let mut sound = music(RATE, 2.0, 8);
    for (i, sample) in sound.iter_mut().enumerate().filter(|(i, _)| i % 100 == 0) {
        *sample = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][i / 100 % 3];
    }
    let (mut tap, mut stream, meter) = open_tiny();
    for block in sound.chunks(333) {
        tap.push_planar(&[block]);
        take_all(&mut stream);
    }
    let (want, frames) = plain(RATE, &sound, 1);
    assert_eq!(want.invalid, 320);
    assert_readings_close(&meter.reading(), &want);
    let mut heard = Vec::new();
    meter.frames_since(0, &mut heard);
    assert_eq!(heard, frames);
}

#[test]
fn a_stream_ends_when_its_tap_is_dropped() {
    let (mut tap, mut stream, meter) = open(tiny_streaming(), 44_100, ScorerOptions::LIVE).unwrap();
    assert_eq!(stream.turn(), Turn::Idle);
    // Shorter than a window, so that its end makes a difference.
    let sound = music(44_100, 0.9, 9);
    tap.push_planar(&[&sound]);
    drop(tap);
    assert_eq!(stream.turn(), Turn::Busy, "what was written before is still taken");
    take_all(&mut stream);
    assert_eq!(stream.turn(), Turn::Ended);
    let mut scorer = Scorer::new(tiny_streaming(), 44_100, ScorerOptions::LIVE).unwrap();
    scorer.push_mono(&sound, &mut ()).unwrap();
    scorer.finish(&mut ()).unwrap();
    assert!(scorer.reading().hook.is_some());
    assert_readings_close(&meter.reading(), scorer.reading());
}

#[test]
fn planar_and_interleaved_are_the_same() {
    let (left, right) = (music(RATE, 2.0, 10), music(RATE, 2.0, 11));
    let interleaved: Vec<f32> = left.iter().zip(&right).flat_map(|(&l, &r)| [l, r]).collect();
    let readings = [false, true].map(|planar| {
        let (mut tap, mut stream, meter) = open_tiny();
        if planar {
            tap.push_planar(&[&left, &right]);
        } else {
            tap.push_interleaved(&interleaved, 2);
        }
        take_all(&mut stream);
        meter.reading()
    });
    assert_eq!(readings[0], readings[1]);
}

#[test]
fn odd_blocks_do_nothing() {
    let (mut tap, mut stream, meter) = open_tiny();
    tap.push_planar(&[]);
    tap.push_planar(&[&[], &[]]);
    tap.push_planar(&[&[0.1; 10], &[]]);
    tap.push_interleaved(&[0.1; 10], 0);
    tap.push_interleaved(&[0.1; 10], 11);
    assert_eq!(stream.turn(), Turn::Idle);
    assert_eq!(meter.readings(), 0);
}

#[test]
fn a_window_model_runs_live_too() {
    let (mut tap, mut stream, meter) = open(tiny_window(), RATE, ScorerOptions::LIVE).unwrap();
    for block in music(RATE, 10.0, 12).chunks(800) {
        tap.push_planar(&[block]);
        take_all(&mut stream);
    }
    assert_eq!(meter.reading().status, Status::Scoring);
    assert!(meter.reading().window.is_some() && meter.failure().is_none());
}

/// Pushes a whole signal from the calling thread, as an offline host would: never more than there
/// is room for.
fn push_offline(tap: &mut Tap, interleaved: &[f32], channels: usize, blocks: &mut Noise) {
    let mut rest = interleaved;
    while !rest.is_empty() {
        let frames = blocks.between(1..2000).min(rest.len() / channels);
        while tap.room() < frames.next_multiple_of(1024) {
            std::thread::yield_now();
        }
        let (now, later) = rest.split_at(frames * channels);
        tap.push_interleaved(now, channels);
        rest = later;
    }
}

#[test]
fn one_worker_serves_eight_taps_at_once() {
    const TAPS: usize = 8;
    let rates = [16_000, 22_050, 44_100, 48_000];
    // Channels of one source differ, so that a mixed-up ring would be heard.
    let sounds: Vec<(u32, Vec<f32>)> = (0..TAPS)
        .map(|tap| {
            let rate = rates[tap % rates.len()];
            let left = music(rate, 9.0, 100 + tap as u64);
            let right = music(rate, 9.0, 200 + tap as u64);
            (rate, left.iter().zip(&right).flat_map(|(&l, &r)| [l, r]).collect())
        })
        .collect();
    let model = tiny_streaming();
    let worker = Worker::start();
    let (taps, meters): (Vec<Tap>, Vec<Meter>) = (sounds.iter())
        .map(|&(rate, _)| {
            let (tap, stream, meter) = open(model.clone(), rate, ScorerOptions::LIVE).unwrap();
            worker.attach(stream);
            (tap, meter)
        })
        .unzip();
    // The taps come back, so that the streams are still open when the worker is asked to drain.
    let taps: Vec<Tap> = std::thread::scope(|scope| {
        let threads: Vec<_> = (taps.into_iter().zip(&sounds).enumerate())
            .map(|(seed, (mut tap, (_, sound)))| {
                scope.spawn(move || {
                    push_offline(&mut tap, sound, 2, &mut Noise::new(seed as u64));
                    tap
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    worker.drain();
    for (meter, (rate, sound)) in meters.iter().zip(&sounds) {
        let (want, want_frames) = plain(*rate, sound, 2);
        assert_eq!(want.status, Status::Scoring);
        assert_readings_close(&meter.reading(), &want);
        let mut frames = Vec::new();
        assert_eq!(meter.frames_since(0, &mut frames), want_frames.len() as u64);
        assert_frames_close(&frames, &want_frames);
        assert_eq!(meter.frames_since(want_frames.len() as u64, &mut frames), frames.len() as u64);
        assert_eq!(frames.len(), want_frames.len(), "nothing new, nothing twice");
    }
    drop(taps);
}

fn assert_frames_close(got: &[HistoryFrame], want: &[HistoryFrame]) {
    assert_eq!(got.len(), want.len());
    for (got, want) in got.iter().zip(want) {
        assert_eq!((got.index, &got.mel_db), (want.index, &want.mel_db));
        assert!((got.time_s - want.time_s).abs() < 1e-6);
    }
}

#[test]
fn the_meter_keeps_the_last_half_minute_of_frames() {
    let (mut tap, mut stream, meter) = open_tiny();
    let sound = music(RATE, 40.0, 13);
    for block in sound.chunks(1600) {
        tap.push_planar(&[block]);
        take_all(&mut stream);
    }
    let mut frames = Vec::new();
    let next = meter.frames_since(0, &mut frames);
    let kept = (30.0 * 62.5) as usize;
    assert_eq!(frames.len(), kept);
    let all = plain(RATE, &sound, 1).1;
    assert_eq!(next, all.len() as u64);
    assert_frames_close(&frames, &all[all.len() - kept..]);
}
