//! The scorer's central promises: blocks do not matter, lanes equal the offline score, gain cancels.

mod common;

use common::{Log, Noise, close, fixture, music, push_in_blocks, tiny_streaming, tiny_window};
use earworm_scorer::front_end::FrontEnd;
use earworm_scorer::model::Model;
use earworm_scorer::{Reading, Scorer, ScorerOptions, Status, score_offline};
use proptest::prelude::*;

#[test]
fn every_completed_lane_equals_the_offline_score_of_its_seconds() {
    let model = tiny_streaming();
    let rate = model.metadata().front_end.sample_rate;
    let samples = music(rate, 600.0, 1);
    let mut log = Log::default();
    let mut scorer = Scorer::new(model.clone(), rate, ScorerOptions::LIVE).unwrap();
    push_in_blocks(&mut scorer, &samples, &mut Noise::new(2), &mut log);

    // A lane completes every quarter window; pauses make windows longer, so there are a few fewer.
    assert!(log.windows.len() > 1800, "{} windows", log.windows.len());
    for (span, raw) in log.windows.iter() {
        let from = (span.start_s * f64::from(rate)).round() as usize;
        let to = (span.end_s * f64::from(rate)).round() as usize;
        let offline = score_offline(&model, &samples[from..to]).unwrap();
        assert!(close(raw, &offline, 1e-4), "{span:?}: {raw:?} against {offline:?}");
    }
}

#[test]
fn a_shorter_window_is_the_offline_score_of_its_own_seconds() {
    let (model, rate) = (tiny_streaming(), 16_000);
    let samples = music(rate, 12.0, 21);
    let options = ScorerOptions { window_frames: Some(32), ..ScorerOptions::LIVE };
    assert_eq!(options.window_frames(model.metadata()), 32);
    let mut log = Log::default();
    let mut scorer = Scorer::new(model.clone(), rate, options).unwrap();
    scorer.push_mono(&samples, &mut log).unwrap();
    assert!(log.windows.len() > 40, "{} windows", log.windows.len());
    for (span, raw) in &log.windows {
        let from = (span.start_s * f64::from(rate)).round() as usize;
        let to = (span.end_s * f64::from(rate)).round() as usize;
        let offline = score_offline(&model, &samples[from..to]).unwrap();
        assert!(close(raw, &offline, 1e-4), "{span:?}");
    }
    let last = log.readings.last().unwrap();
    assert!(last.coverage > 0.4 && last.coverage <= 1.0, "{}", last.coverage);
    // Neither longer than the model's own nor so short that no lane is warm after another has
    // completed; window models have but one.
    let clamped = |frames, metadata| {
        ScorerOptions { window_frames: Some(frames), ..ScorerOptions::FILE }.window_frames(metadata)
    };
    let metadata = model.metadata();
    assert_eq!(clamped(100_000, metadata), metadata.window_frames);
    assert_eq!((metadata.warm_up_frames, clamped(0, metadata)), (16, 24));
    let window = tiny_window();
    assert_eq!(clamped(8, window.metadata()), window.metadata().window_frames);
}

#[test]
fn lanes_complete_a_quarter_window_apart() {
    let model = tiny_streaming();
    let mut log = Log::default();
    let mut scorer = Scorer::new(model, 16_000, ScorerOptions::LIVE).unwrap();
    let tone: Vec<f32> = (0..16_000 * 10).map(|i| 0.3 * (i as f32 * 0.1).sin()).collect();
    scorer.push_mono(&tone, &mut log).unwrap();
    let hop_s = 256.0 / 16_000.0;
    assert_eq!(log.windows[0].0.start_s, 0.0);
    for pair in log.windows.windows(2) {
        assert!((pair[1].0.start_s - pair[0].0.start_s - 16.0 * hop_s).abs() < 1e-9);
        assert!((pair[0].0.end_s - pair[0].0.start_s - (63.0 * hop_s + 0.032)).abs() < 1e-9);
    }
}

#[test]
fn chunk_sizes_do_not_matter_to_completed_windows() {
    let samples = music(16_000, 30.0, 3);
    let run = |options| {
        let mut log = Log::default();
        Scorer::new(tiny_streaming(), 16_000, options)
            .and_then(|mut s| Ok(s.push_mono(&samples, &mut log)?))
            .unwrap();
        log.windows
    };
    let (live, file) = (run(ScorerOptions::LIVE), run(ScorerOptions::FILE));
    assert_eq!(live.len(), file.len());
    for (a, b) in live.iter().zip(&file) {
        assert_eq!(a.0, b.0);
        assert!(close(&a.1, &b.1, 1e-4));
    }
}

/// Frames that are too few for a chunk count as well.
#[test]
fn a_finished_file_has_the_readings_of_all_of_it() {
    let rate = 16_000;
    let frame = |frames: usize| 512 + 256 * (frames - 1);
    // With the 16th frame the model is warm; a window has 64.
    for frames in [16, 17, 30, 63, 70, 111] {
        let samples = &music(rate, 3.0, 5)[..frame(frames)];
        let read = |chunk_frames| {
            let options = ScorerOptions { chunk_frames, ..ScorerOptions::FILE };
            let mut scorer = Scorer::new(tiny_streaming(), rate, options).unwrap();
            scorer.push_mono(samples, &mut ()).unwrap();
            scorer.finish(&mut ()).unwrap();
            scorer.reading().clone()
        };
        let one_by_one = read(1);
        for chunk in [3, 16] {
            let reading = read(chunk);
            assert_eq!(reading.coverage, one_by_one.coverage, "{frames} frames");
            assert_eq!(reading.status, one_by_one.status, "{frames} frames");
            let hook = |reading: &Reading| reading.hook.map(|hook| hook.score);
            for (a, b) in [
                (reading.window, one_by_one.window),
                (reading.momentary, one_by_one.momentary),
                (reading.integrated, one_by_one.integrated),
                (hook(&reading), hook(&one_by_one)),
            ] {
                let (a, b) = (a.expect("it is warm"), b.expect("it is warm"));
                assert!((a - b).abs() < 1e-2, "{frames} frames by {chunk}: {a} against {b}");
            }
        }
    }
}

/// They count, but they are not what is heard at the end.
#[test]
fn frames_that_waited_do_not_sound_in_the_silence_behind_them() {
    let rate = 16_000;
    let mut samples = music(rate, 3.0, 5)[..512 + 256 * 40].to_vec();
    samples.extend(vec![0.0; 2 * rate as usize]);
    let mut scorer = Scorer::new(tiny_streaming(), rate, ScorerOptions::FILE).unwrap();
    let mut log = Log::default();
    scorer.push_mono(&samples, &mut log).unwrap();
    let before = scorer.reading().clone();
    scorer.finish(&mut log).unwrap();
    let last = log.readings.last().unwrap();
    assert_eq!((last.status, last.momentary), (Status::Silence, None));
    assert_eq!(scorer.reading().status, Status::Silence);
    assert!(last.coverage > before.coverage, "{} and {}", last.coverage, before.coverage);
}

#[test]
fn silence_has_no_score() {
    let mut scorer = Scorer::new(tiny_streaming(), 48_000, ScorerOptions::LIVE).unwrap();
    let mut log = Log::default();
    scorer.push_mono(&vec![0.0; 48_000 * 5], &mut log).unwrap();
    scorer.finish(&mut log).unwrap();
    let reading = scorer.reading();
    assert_eq!(reading.status, Status::Silence);
    assert_eq!((reading.window, reading.integrated, reading.momentary), (None, None, None));
    assert_eq!((reading.hook, reading.coverage), (None, 0.0));
    assert!(log.windows.is_empty());
}

#[test]
fn half_a_second_gives_a_first_impression() {
    let model = Model::embedded();
    let settings = &model.metadata().front_end;
    let rate = settings.sample_rate;
    let warm_up_s = (model.metadata().warm_up_frames * settings.hop) as f64 / f64::from(rate);
    let mut scorer = Scorer::new(model, rate, ScorerOptions::LIVE).unwrap();
    let mut log = Log::default();
    for block in music(rate, 8.0, 3).chunks(441) {
        scorer.push_mono(block, &mut log).unwrap();
    }
    let first = log.readings.iter().find(|r| r.momentary.is_some()).unwrap();
    assert!((0.5..0.75).contains(&first.time_s), "{}", first.time_s);
    assert_eq!((first.status, first.window), (Status::Listening, None));
    // Once warm, it is the youngest warm lane's, and there is a window.
    let scoring = log.readings.iter().find(|r| r.status == Status::Scoring).unwrap();
    assert!(scoring.time_s >= warm_up_s && scoring.momentary.is_some() && scoring.window.is_some());
}

#[test]
fn a_pause_keeps_the_window_and_goes_on() {
    let mut scorer = Scorer::new(tiny_streaming(), 16_000, ScorerOptions::LIVE).unwrap();
    let sound = music(16_000, 4.0, 4);
    scorer.push_mono(&sound, &mut ()).unwrap();
    let before = scorer.reading().clone();
    assert_eq!(before.status, Status::Scoring);
    scorer.push_mono(&vec![0.0; 32_000], &mut ()).unwrap();
    assert_eq!(scorer.reading().status, Status::Silence);
    assert!(scorer.reading().window.is_some());
    assert_eq!(scorer.reading().momentary, None);
    scorer.push_mono(&sound, &mut ()).unwrap();
    assert_eq!(scorer.reading().status, Status::Scoring);
}

/// Windows are judged seconds apart: until the next, what was heard before the pause stands.
#[test]
fn a_pause_of_a_window_model_keeps_its_score() {
    let model = tiny_window();
    let rate = model.metadata().front_end.sample_rate;
    let mut scorer = Scorer::new(model, rate, ScorerOptions::LIVE).unwrap();
    let sound = music(rate, 12.0, 4);
    scorer.push_mono(&sound, &mut ()).unwrap();
    let before = scorer.reading().clone();
    assert_eq!(before.status, Status::Scoring);
    scorer.push_mono(&vec![0.0; 2 * rate as usize], &mut ()).unwrap();
    assert_eq!(scorer.reading().status, Status::Silence);
    // The first frames behind the pause.
    scorer.push_mono(&sound[..rate as usize / 10], &mut ()).unwrap();
    assert_eq!(scorer.reading().status, Status::Scoring);
    assert_eq!((scorer.reading().window, scorer.reading().momentary), (before.window, None));
}

#[test]
fn lost_samples_move_the_clock_and_are_counted() {
    let mut scorer = Scorer::new(tiny_streaming(), 48_000, ScorerOptions::LIVE).unwrap();
    let sound = music(48_000, 6.0, 5);
    let mut log = Log::default();
    scorer.push_mono(&sound, &mut log).unwrap();
    scorer.skip_lost(96_000, &mut log).unwrap();
    scorer.push_mono(&sound, &mut log).unwrap();
    assert_eq!(scorer.reading().dropped, 96_000);
    assert!((scorer.reading().time_s - 14.0).abs() < 1e-6);
    let last = log.windows.last().unwrap().0;
    assert!(last.end_s > 13.5 && last.end_s <= 14.0, "{last:?}");
}

#[test]
fn window_models_score_the_last_window() {
    let model = tiny_window();
    let rate = model.metadata().front_end.sample_rate;
    let samples = music(rate, 20.0, 8);
    let mut log = Log::default();
    let mut scorer = Scorer::new(model.clone(), rate, ScorerOptions::LIVE).unwrap();
    push_in_blocks(&mut scorer, &samples, &mut Noise::new(9), &mut log);
    assert!(log.windows.len() > 5);
    for (span, raw) in &log.windows {
        let from = (span.start_s * f64::from(rate)).round() as usize;
        let to = (span.end_s * f64::from(rate)).round() as usize;
        let offline = score_offline(&model, &samples[from..to]).unwrap();
        assert!(close(raw, &offline, 1e-4), "{span:?}");
    }
}

#[test]
fn tract_gives_what_onnxruntime_gave() {
    let text = std::fs::read_to_string(fixture("reference.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
    let numbers = |key: &str| -> Vec<f32> {
        reference[key].as_array().unwrap().iter().map(|v| v.as_f64().unwrap() as f32).collect()
    };
    let mel = numbers("mel");
    let frames = 64;
    let check = |raw: &[f32], key| {
        let theirs = numbers(key);
        assert!(close(raw, &theirs, 1e-5), "{key}: {raw:?} against {theirs:?}");
    };
    check(tiny_window().session(2, frames).unwrap().run(&mel).unwrap(), "window");
    check(tiny_streaming().session(2, frames).unwrap().run(&mel).unwrap(), "streaming");

    // And the same in steps of eight frames with the states carried on.
    let bands = mel.len() / 2 / frames;
    let mut session = tiny_streaming().session(2, 8).unwrap();
    let mut last = Vec::new();
    for step in 0..frames / 8 {
        let part = step * 8 * bands..(step + 1) * 8 * bands;
        let (a, b) = mel.split_at(frames * bands);
        last = session.run(&[&a[part.clone()], &b[part]].concat()).unwrap().to_vec();
    }
    check(&last, "streaming");
}

/// Every extreme signal gives finite readings between 0 and 100.
#[test]
fn extreme_signals_stay_in_range() {
    let rate = 16_000usize;
    let mut noise = Noise::new(10);
    let signals: Vec<(&str, Vec<f32>)> = vec![
        ("direct current", vec![1.0; rate * 4]),
        ("square", (0..rate * 4).map(|i| if i / 50 % 2 == 0 { 1.0 } else { -1.0 }).collect()),
        ("noise", (0..rate * 4).map(|_| noise.sample()).collect()),
        ("clicks", (0..rate * 4).map(|i| if i % 4000 == 0 { 1.0 } else { 0.0 }).collect()),
        ("not numbers", vec![f32::NAN; rate * 4]),
        ("largest", (0..rate * 4).map(|i| if i % 2 == 0 { f32::MAX } else { f32::MIN }).collect()),
        ("denormal", vec![1e-40; rate * 4]),
    ];
    for (name, signal) in signals {
        let mut scorer = Scorer::new(tiny_streaming(), 16_000, ScorerOptions::LIVE).unwrap();
        let mut log = Log::default();
        scorer.push_mono(&signal, &mut log).unwrap();
        for reading in &log.readings {
            let scores = [reading.momentary, reading.window, reading.integrated];
            for score in scores.into_iter().flatten() {
                assert!((0.0..=100.0).contains(&score), "{name}: {score}");
            }
            assert!(reading.level_db.is_finite(), "{name}");
            assert!(reading.details.iter().all(|v| (0.0..=1.0).contains(v)), "{name}");
        }
    }
}

#[test]
fn one_model_serves_many_scorers() {
    let model = tiny_streaming();
    let sound = music(16_000, 3.0, 11);
    let readings: Vec<Reading> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut scorer =
                        Scorer::new(model.clone(), 16_000, ScorerOptions::LIVE).unwrap();
                    scorer.push_mono(&sound, &mut ()).unwrap();
                    scorer.reading().clone()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(readings.windows(2).all(|pair| pair[0] == pair[1]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn frames_are_bit_for_bit_the_same_in_any_blocks(seed in 0u64..1000, rate in prop::sample::select(vec![8_000u32, 16_000, 44_100, 48_000])) {
        let settings = tiny_streaming().metadata().front_end.clone();
        let samples = music(settings.sample_rate, 1.0, seed);
        let whole = FrontEnd::new(&settings).unwrap().frames_of(&samples);
        let mut front_end = FrontEnd::new(&settings).unwrap();
        let mut cut = earworm_scorer::front_end::Frames::new(settings.n_mels);
        let mut blocks = Noise::new(seed + 1);
        let mut rest = samples.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(blocks.between(1..2000).min(rest.len()));
            front_end.push(now, |frame| cut.push(frame));
            rest = later;
        }
        prop_assert_eq!(whole, cut);

        // The same through resampler, lanes and model: readings are equal, not merely close.
        let samples = music(rate, 3.0, seed);
        let run = |blocks: Option<u64>| {
            let mut log = Log::default();
            let mut scorer = Scorer::new(tiny_streaming(), rate, ScorerOptions::LIVE).unwrap();
            match blocks {
                None => scorer.push_mono(&samples, &mut log).unwrap(),
                Some(seed) => push_in_blocks(&mut scorer, &samples, &mut Noise::new(seed), &mut log),
            }
            (log.windows, log.readings)
        };
        let (windows, readings) = run(None);
        // Some of this music is nearly all pauses.
        prop_assert!(!readings.is_empty());
        prop_assert_eq!((windows, readings), run(Some(seed + 2)));
    }

    #[test]
    fn gain_moves_the_score_by_less_than_a_point(seed in 0u64..1000, gain_db in -12.0f32..12.0) {
        let samples = music(16_000, 4.0, seed);
        let gain = 10f32.powf(gain_db / 20.0);
        let louder: Vec<f32> = samples.iter().map(|s| s * gain).collect();
        let score = |samples: &[f32]| {
            let mut scorer = Scorer::new(tiny_streaming(), 16_000, ScorerOptions::LIVE).unwrap();
            scorer.push_mono(samples, &mut ()).unwrap();
            scorer.reading().window.expect("in four seconds some music is no pause")
        };
        let (a, b) = (score(&samples), score(&louder));
        prop_assert!((a - b).abs() < 1.0, "{} against {}", a, b);
    }
}

#[test]
fn model_is_shared_not_copied() {
    let model = tiny_streaming();
    let a = Scorer::new(model.clone(), 48_000, ScorerOptions::LIVE).unwrap();
    let b = Scorer::new(model.clone(), 44_100, ScorerOptions::LIVE).unwrap();
    assert!(std::ptr::eq::<Model>(&**a.model(), &**b.model()));
}
