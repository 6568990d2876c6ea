//! A meter that is left on: a whole day of everything that may come.

mod common;

use common::{Noise, close, music, tiny_streaming};
use earworm_scorer::{
    CompletedWindow, Observer, Reading, Scorer, ScorerOptions, Span, score_offline,
};

const RATE: usize = 16_000;
const MINUTES: usize = 24 * 60;

/// A minute each of what a day brings.
fn minutes() -> Vec<(&'static str, Vec<f32>)> {
    let minute = 0..60 * RATE;
    let mut noise = Noise::new(7);
    vec![
        ("music", music(RATE as u32, 60.0, 3)),
        ("silence", vec![0.0; 60 * RATE]),
        ("noise", minute.clone().map(|_| noise.sample()).collect()),
        ("direct current", vec![1.0; 60 * RATE]),
        ("clicks", minute.clone().map(|i| if i % 4000 == 0 { 1.0 } else { 0.0 }).collect()),
        ("square", minute.clone().map(|i| if i / 50 % 2 == 0 { 1.0 } else { -1.0 }).collect()),
        ("denormal", vec![1e-40; 60 * RATE]),
        ("not numbers", minute.map(|i| if i % 1000 == 0 { f32::NAN } else { 0.1 }).collect()),
    ]
}

/// Looks at every reading, and keeps the last window.
#[derive(Default)]
struct Watch {
    readings: u64,
    time_s: f64,
    hook: f32,
    last: Option<(Span, Vec<f32>)>,
}

impl Observer for Watch {
    fn window(&mut self, window: &CompletedWindow<'_>) {
        self.last = Some((window.span, window.raw.to_vec()));
    }

    fn reading(&mut self, reading: &Reading) {
        let scores = [reading.momentary, reading.window, reading.integrated];
        for score in scores.into_iter().flatten() {
            assert!((0.0..=100.0).contains(&score), "{reading:?}");
        }
        assert!(reading.level_db.is_finite(), "{reading:?}");
        assert!((0.0..=1.0).contains(&reading.coverage), "{reading:?}");
        assert!(reading.time_s > self.time_s, "{} after {}", reading.time_s, self.time_s);
        let hook = reading.hook.map_or(0.0, |hook| hook.score);
        assert!((self.hook..=100.0).contains(&hook), "the best so far gets no worse: {reading:?}");
        (self.readings, self.time_s, self.hook) = (self.readings + 1, reading.time_s, hook);
    }
}

#[test]
fn a_day_of_anything_stays_in_range_and_exact() {
    let model = tiny_streaming();
    let mut scorer = Scorer::new(model.clone(), RATE as u32, ScorerOptions::FILE).unwrap();
    let mut watch = Watch::default();
    let minutes = minutes();
    for (_, sound) in (0..MINUTES).map(|minute| &minutes[minute % minutes.len()]) {
        scorer.push_mono(sound, &mut watch).unwrap();
    }
    // A day later a window is still exactly the offline score of its seconds.
    let song = music(RATE as u32, 60.0, 5);
    scorer.push_mono(&song, &mut watch).unwrap();
    let begin_s = (MINUTES * 60) as f64;
    let (span, raw) = watch.last.expect("windows were completed");
    let at = |time_s: f64| ((time_s - begin_s) * RATE as f64).round() as usize;
    let offline = score_offline(&model, &song[at(span.start_s)..at(span.end_s)]).unwrap();
    assert!(close(&raw, &offline, 1e-4), "{raw:?}, {offline:?}");
    assert!((scorer.reading().time_s - begin_s - 60.0).abs() < 0.5);
    assert!(watch.readings > 100_000, "{} readings", watch.readings);
    let invalid = (MINUTES / minutes.len() * 60 * RATE / 1000) as u64;
    assert_eq!(scorer.reading().invalid, invalid);
}
