//! Does the exported file give what the trained network gives?

use std::sync::Arc;

use anyhow::Result;
use candle_core::Device;
use earworm_scorer::Model;

use crate::batch::{Audible, side_by_side};
use crate::dataset::Dataset;
use crate::nn::Network;

/// Raw outputs may differ by this much. Both sum in float32, in different order.
pub const LARGEST_DIFFERENCE: f32 = 1e-4;

/// Songs compared, one window of each.
const SONGS: usize = 16;
/// Frames that tract takes at a time, with states carried on, as the scorer does.
const CHUNK: usize = 4;

/// The largest difference of raw outputs between Candle, which sees a window at once, and tract,
/// which sees it in chunks, over windows of real songs; and the number of windows.
///
/// # Errors
/// When one of the two fails.
pub fn largest_difference(
    network: &Network,
    model: &Arc<Model>,
    dataset: &Dataset,
) -> Result<(f32, usize)> {
    let metadata = model.metadata();
    let settings = &metadata.front_end;
    let bands = settings.n_mels;
    let frames = metadata.window_frames / CHUNK * CHUNK;
    let step = dataset.songs.len().div_ceil(SONGS);
    let windows: Vec<Vec<f32>> = dataset
        .songs
        .iter()
        .step_by(step)
        .map(|song| Audible::of(song, settings))
        .filter(|song| song.len() >= frames)
        .map(|song| song.window(settings, (song.len() - frames) / 2, frames))
        .collect();

    let mut worst = 0.0f32;
    let mut session = model.session(1, CHUNK)?;
    for window in &windows {
        let input = side_by_side(std::slice::from_ref(window), bands, &Device::Cpu)?;
        let hidden = network.hidden(&input, None)?;
        session.reset();
        for (n, chunk) in window.chunks_exact(CHUNK * bands).enumerate() {
            let ours = session.run(chunk)?;
            let at = hidden.get((n + 1) * CHUNK - 1)?;
            let theirs = network.logits(&at, None)?.flatten_all()?.to_vec1::<f32>()?;
            for (a, b) in ours.iter().zip(&theirs) {
                // What is not a number must not pass as small.
                let difference = (a - b).abs();
                worst = if difference.is_nan() { f32::INFINITY } else { worst.max(difference) };
            }
        }
    }
    Ok((worst, windows.len()))
}
