//! The song that comes with Earworm, and what the built `earworm` makes of it.

mod common;

use std::path::PathBuf;

use earworm_scorer::decode::{AudioFile, AudioFormat};

#[test]
fn the_song_is_as_its_readme_says() {
    assert!(
        common::demo().metadata().unwrap().len() < 1_000_000,
        "it stays small in the repository"
    );
    let mut file = AudioFile::open(common::demo()).unwrap();
    assert_eq!(file.format(), AudioFormat { sample_rate: 44_100, channels: 2 });
    let (mut samples, mut sum, mut peak) = (0usize, 0.0f64, 0.0f32);
    while let Some(block) = file.next_block().unwrap() {
        samples += block.len();
        sum += block.iter().map(|&x| f64::from(x * x)).sum::<f64>();
        peak = block.iter().fold(peak, |peak, x| peak.max(x.abs()));
    }
    assert_eq!(file.damaged_packets(), 0);
    let seconds = samples as f64 / 2.0 / 44_100.0;
    let rms_db = 10.0 * (sum / samples as f64).log10();
    assert!((64.0..65.0).contains(&seconds), "{seconds} s");
    assert!((rms_db + 14.0).abs() < 0.3, "{rms_db} dBFS");
    assert!(peak < 1.0, "it clips: {peak}");
}

#[test]
fn a_file_and_a_stream_score_alike() {
    for model in models() {
        let score = common::score(&model);
        let duration = score["duration_s"].as_f64().unwrap();
        assert!((64.0..65.0).contains(&duration), "{score}");
        let value = common::in_points(&score["score"]);
        let hook = &score["hook"];
        common::in_points(&hook["score"]);
        let (start, end) = (hook["start_s"].as_f64().unwrap(), hook["end_s"].as_f64().unwrap());
        assert!(0.0 <= start && start < end && end <= duration, "{score}");
        assert!(score["error"].is_null(), "{score}");

        let last = common::last_of_listening(&model);
        let integrated = common::in_points(&last["integrated"]);
        assert!((value - integrated).abs() < 1e-3, "{score}\n{last}");
        assert_eq!(last["dropped"], 0, "{last}");
        let heard = last["t"].as_f64().unwrap();
        assert!((heard - duration).abs() < 1.0, "{heard} s of {duration} s were heard");
    }
}

/// `--model` and its value for each model there is; nothing for the one built in.
fn models() -> Vec<Vec<PathBuf>> {
    let mut models: Vec<_> = common::TINY_MODELS
        .iter()
        .map(|model| vec![PathBuf::from("--model"), common::in_checkout(model)])
        .collect();
    // The built-in model.
    models.push(Vec::new());
    models
}
