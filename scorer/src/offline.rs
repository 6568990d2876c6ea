//! The score of a window in one go, to which streaming is held.

use std::sync::Arc;

use crate::describe;
use crate::front_end::{FrontEnd, LevelNormaliser, is_silent};
use crate::model::{Input, Model};
use crate::scorer::ScorerError;

/// The raw outputs of a model for exactly these samples (one channel at the model's rate), from a
/// fresh start and in one go: the offline score that lanes are held to. A model of descriptors hears
/// them all, silent or not.
///
/// # Errors
/// When the model cannot be run, or has a fixed window and the audio another number of frames.
pub fn score_offline(model: &Arc<Model>, samples: &[f32]) -> Result<Vec<f32>, ScorerError> {
    let metadata = model.metadata();
    let described = describe::of_samples(model, samples)?;
    if matches!(metadata.input, Input::Descriptors { .. }) {
        return Ok(model.session(1, 1)?.run(&described)?.to_vec());
    }
    let mut front_end = FrontEnd::new(&metadata.front_end)?;
    let mut level = LevelNormaliser::new(metadata.front_end.level);
    let bands = metadata.front_end.n_mels;
    let mut mel = Vec::new();
    front_end.push(samples, |frame| {
        if !is_silent(&metadata.front_end.level, frame.level_db) {
            let at = mel.len();
            mel.resize(at + bands, 0.0);
            level.next_frame(frame.mel_db, frame.level_db, &mut mel[at..]);
            mel.extend_from_slice(&described);
        }
    });
    let mut session = model.session(1, mel.len() / metadata.input_width())?;
    Ok(session.run(&mel)?.to_vec())
}
