//! Models: whole ONNX files, and the metadata of one.

use std::sync::{Arc, OnceLock};

use earworm_scorer::model::{METADATA_KEY, Metadata};
use earworm_scorer::{Model, Scorer, ScorerOptions};

use super::changes::wire::{self, Field, Value};
use super::check_message;

/// What the model is called in messages.
const ORIGIN: &str = "fuzz.onnx";

/// Largest window, in values, with which a model is not only loaded but used: it is to be found out
/// whether it runs, not whether it is quick.
const MOST_VALUES: usize = 1 << 16;

/// Loads a model file; what loads is used.
pub(super) fn model(bytes: &[u8]) {
    match Model::from_bytes(bytes, ORIGIN) {
        Ok(model) => use_it(&model),
        Err(error) => {
            let message = error.to_string();
            check_message(&message);
            assert!(message.starts_with(ORIGIN), "the file is not named: {message}");
        }
    }
}

/// Loads a model with these metadata, which is otherwise as it should be.
pub(super) fn metadata(bytes: &[u8]) {
    let mut file = property(METADATA_KEY.as_bytes(), bytes);
    file.extend_from_slice(include_bytes!("../../../scorer/tests/fixtures/tiny_lstm.onnx"));
    model(&file);
}

/// An entry of an ONNX file's `metadata_props`. Of two with one name the first one counts.
fn property(key: &[u8], value: &[u8]) -> Vec<u8> {
    let field = |number, content: &[u8]| Field { number, value: Value::Bytes(content.to_owned()) };
    let entry = wire::write(&[field(1, key), field(2, value)]);
    wire::write(&[field(14, &entry)])
}

fn use_it(model: &Arc<Model>) {
    let metadata = model.metadata();
    metadata.validate().expect("what is loaded is valid");
    let written = serde_json::to_string(metadata).expect("metadata can be written");
    let read: Metadata = serde_json::from_str(&written).expect("what is written can be read");
    assert_eq!(serde_json::to_string(&read).expect("again"), written);
    let settings = &metadata.front_end;
    let samples =
        metadata.window_frames.saturating_mul(settings.hop).saturating_add(settings.n_fft);
    let values = metadata.window_frames.saturating_mul(metadata.input_width());
    if values.max(samples) > MOST_VALUES {
        return;
    }
    // A model may run with one sequence and not with four; both ways are told.
    let options = ScorerOptions::LIVE;
    let mut scorer = match Scorer::new(model.clone(), settings.sample_rate.max(8000), options) {
        Ok(scorer) => scorer,
        Err(error) => return check_message(&error.to_string()),
    };
    for _ in 0..2 {
        if let Err(error) = scorer.push_interleaved(&sound()[..MOST_VALUES / 2], 1, &mut ()) {
            return check_message(&error.to_string());
        }
        let reading = scorer.reading();
        let scores = [reading.momentary, reading.window, reading.integrated];
        for score in scores.into_iter().chain([reading.hook.map(|hook| hook.score)]).flatten() {
            assert!((0.0..=100.0).contains(&score), "a score of {score}");
        }
    }
}

/// Some noise.
fn sound() -> &'static [f32] {
    static SOUND: OnceLock<Vec<f32>> = OnceLock::new();
    SOUND.get_or_init(|| {
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..MOST_VALUES).map(|_| 0.25 * next()).collect()
    })
}
