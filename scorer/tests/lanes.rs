//! Lanes of windows of any length: as many as there can be, completing as regularly as whole frames allow,
//! and never all too young to have a score.

mod common;

use std::sync::Arc;

use common::{Log, Noise, close, push_in_blocks, with_metadata};
use earworm_scorer::model::Model;
use earworm_scorer::{Scorer, ScorerOptions, Status, score_offline};
use proptest::prelude::*;
use prost::Message;
use serde_json::json;

// The tiny model's front end.
const RATE: u32 = 16_000;
const HOP: usize = 256;
const N_FFT: usize = 512;

/// The tiny streaming model with a window and warm-up of so many frames.
fn tiny(window: usize, warm_up: usize) -> Arc<Model> {
    let model = with_metadata("tiny_lstm.onnx", |m| {
        m["window_frames"] = json!(window);
        m["warm_up_frames"] = json!(warm_up);
    });
    Model::from_bytes(&model.encode_to_vec(), "tiny").unwrap()
}

/// Sound without a pause that makes so many frames.
fn sound(frames: usize) -> Vec<f32> {
    let mut noise = Noise::new(frames as u64);
    (0..(frames - 1) * HOP + N_FFT).map(|_| 0.3 * noise.sample()).collect()
}

fn listen(model: &Arc<Model>, options: ScorerOptions, samples: &[f32]) -> Log {
    let mut log = Log::default();
    let mut scorer = Scorer::new(model.clone(), RATE, options).unwrap();
    scorer.push_mono(samples, &mut log).unwrap();
    log
}

/// First frames of the windows that complete in so many frames.
fn starts(frames: usize, window: usize, lanes: usize) -> Vec<usize> {
    let start = |k: usize| (2 * k * window + lanes) / (2 * lanes);
    (0..).map(start).take_while(|start| start + window <= frames).collect()
}

/// Listens to a few windows and holds them to everything that is promised of them.
fn check(model: &Arc<Model>, options: ScorerOptions) {
    let (whole, warm_up) = (model.metadata().window_frames, model.metadata().warm_up_frames);
    let window = options.window_frames(model.metadata());
    let lanes = options.lanes.min(window);
    let what = format!("{window} of {whole} frames, warm after {warm_up}, {options:?}");
    let always_warm = window - window.div_ceil(lanes) >= warm_up;
    // A window is shorter than the model's own only where that costs no score, and no longer than that takes.
    if let Some(wanted) = options.window_frames {
        assert!(window == whole || always_warm, "{what}");
        assert!(window <= wanted.max(warm_up * 4 / 3 + 12).min(whole), "{what}");
    }

    let frames = 4 * window + 10;
    let samples = sound(frames);
    let log = listen(model, options, &samples);

    // There are as many lanes as can be, and each completed window is the offline score of its frames.
    let frame_of = |time_s: f64| (time_s * f64::from(RATE) / HOP as f64).round() as usize;
    let completed: Vec<usize> = log.windows.iter().map(|w| frame_of(w.0.start_s)).collect();
    assert_eq!(completed, starts(frames, window, lanes), "{what}");
    for (&start, (_, raw)) in completed.iter().zip(&log.windows) {
        let until = (start + window - 1) * HOP + N_FFT;
        let offline = score_offline(model, &samples[start * HOP..until]).unwrap();
        assert!(close(raw, &offline, 1e-4), "{what}, at {start}");
    }

    // Once there is a score, there always is one.
    let first = log.readings.iter().position(|r| r.status == Status::Scoring);
    let first = first.unwrap_or_else(|| panic!("no score: {what}"));
    let again = log.readings[first..].iter().find(|r| r.status != Status::Scoring);
    assert!(!always_warm || again.is_none(), "{what}: at {:.2} s", again.unwrap().time_s);
}

#[test]
fn windows_that_four_does_not_divide_have_four_lanes() {
    for (window, warm_up) in [(61, 16), (62, 46), (63, 45), (64, 48), (107, 30), (430, 108)] {
        for options in [ScorerOptions::LIVE, ScorerOptions::FILE] {
            check(&tiny(window, warm_up), options);
        }
    }
}

#[test]
fn windows_of_a_few_frames_have_as_many_lanes() {
    for window in 1..=9 {
        for warm_up in [0, 1, window / 2, window] {
            check(&tiny(window, warm_up), ScorerOptions::LIVE);
        }
    }
}

/// What the plugin's window of a quarter comes to: as short as can be without listening again.
#[test]
fn short_windows_do_not_listen_again() {
    for (whole, warm_up, wanted, window) in
        [(430, 108, 104, 144), (2206, 441, 544, 592), (640, 108, 160, 160), (640, 108, 145, 145)]
    {
        let options = ScorerOptions { window_frames: Some(wanted), ..ScorerOptions::LIVE };
        let model = tiny(whole, warm_up);
        assert_eq!(options.window_frames(model.metadata()), window);
        check(&model, options);
    }
    // Three quarters of the model's own window are too short here: it is taken as it is.
    let options = ScorerOptions { window_frames: Some(30), ..ScorerOptions::LIVE };
    assert_eq!(options.window_frames(tiny(44, 44).metadata()), 44);
    check(&tiny(44, 44), options);
    // A lane by itself listens again however long it lives.
    let options = ScorerOptions { lanes: 1, ..options };
    assert_eq!(options.window_frames(tiny(64, 20).metadata()), 30);
    assert_eq!(options.window_frames(tiny(64, 40).metadata()), 40);
}

/// The network is asked for whole chunks wherever the lanes allow it, as each call costs.
#[test]
fn steps_are_as_long_as_can_be() {
    let steps = |window, options| {
        let model = tiny(window, 16);
        listen(&model, options, &sound(10 * window)).readings.len()
    };
    // Four lanes, equally far apart.
    assert_eq!(steps(64, ScorerOptions::LIVE), 10 * 64 / 2);
    assert_eq!(steps(64, ScorerOptions::FILE), 10 * 64 / 16);
    assert_eq!(steps(160, ScorerOptions::FILE), 10 * 160 / 10);
    // 15, 16, 15 and 15 frames apart: 8 steps of up to two, or one of 15 and a frame left over.
    assert_eq!(steps(61, ScorerOptions::LIVE), 10 * 4 * 8);
    assert_eq!(steps(61, ScorerOptions::FILE), 10 * 5);
}

#[test]
fn chunks_and_blocks_do_not_matter() {
    let model = tiny(61, 16);
    let samples = sound(400);
    let live = listen(&model, ScorerOptions::LIVE, &samples);
    let mut scorer = Scorer::new(model.clone(), RATE, ScorerOptions::LIVE).unwrap();
    // A reset on the way to a lane's next start leaves nothing behind.
    scorer.push_mono(&samples[..70 * HOP], &mut ()).unwrap();
    scorer.reset();
    let mut in_blocks = Log::default();
    push_in_blocks(&mut scorer, &samples, &mut Noise::new(3), &mut in_blocks);
    assert!(live == in_blocks);
    let file = listen(&model, ScorerOptions::FILE, &samples);
    assert_eq!(live.windows.len(), file.windows.len());
    for (a, b) in live.windows.iter().zip(&file.windows) {
        assert_eq!(a.0, b.0);
        assert!(close(&a.1, &b.1, 1e-4));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_window_and_warm_up(
        window in 1usize..150,
        warm_up in 0usize..150,
        wanted in prop::option::of(0usize..150),
        chunk_frames in 1usize..20,
    ) {
        let options = ScorerOptions { lanes: 4, chunk_frames, window_frames: wanted };
        check(&tiny(window, warm_up.min(window)), options);
    }
}
