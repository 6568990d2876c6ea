//! Does the exported file give what the trained network gives?

use std::sync::Arc;

use anyhow::Result;
use candle_core::{Device, Tensor};
use earworm_scorer::Model;

use crate::dataset::Dataset;
use crate::examples::Audible;
use crate::nn::{Contract, Network};
use crate::rows_model::rows_of;

/// Raw outputs may differ by this much. Both sum in float32, in different order.
pub const LARGEST_DIFFERENCE: f32 = 1e-4;

/// Songs compared, one window of each.
const SONGS: usize = 16;
/// Frames that tract takes at a time of a streaming model, with states carried on, as the scorer does.
const CHUNK: usize = 4;

/// The largest difference of raw outputs between Candle and tract over windows of real songs, and the
/// number of windows. See [`compare`].
///
/// # Errors
/// When one of the two fails.
pub fn largest_difference(
    network: &dyn Network,
    model: &Arc<Model>,
    dataset: &Dataset,
) -> Result<(f32, usize)> {
    let metadata = model.metadata();
    let settings = &metadata.front_end;
    let frames = metadata.window_frames;
    let step = dataset.songs.len().div_ceil(SONGS).max(1);
    let beside = beside(metadata.input.names(), dataset)?;
    let windows: Vec<Vec<f32>> = (0..dataset.songs.len())
        .step_by(step)
        .map(|song| (song, Audible::of(dataset.frames(song), settings)))
        .filter(|(_, sound)| !sound.is_empty())
        .map(|(song, sound)| {
            // A song shorter than the window is repeated, as where it is judged.
            let start = sound.len().saturating_sub(frames) / 2;
            let window = sound.cut(start, frames).window(settings, 0, frames);
            let frames = window.chunks_exact(settings.n_mels);
            frames.flat_map(|frame| frame.iter().chain(&beside[song]).copied()).collect()
        })
        .collect();
    Ok((compare(network, model, &windows)?, windows.len()))
}

/// The numbers of each song that go beside its frames; zero where one is missing.
fn beside(names: &[String], dataset: &Dataset) -> Result<Vec<Vec<f32>>> {
    if names.is_empty() {
        return Ok(vec![vec![]; dataset.songs.len()]);
    }
    let table = rows_of(dataset)?;
    let columns: Vec<Vec<Option<f64>>> =
        names.iter().map(|name| table.column(name)).collect::<Result<_>>()?;
    let number = |song: usize| columns.iter().map(move |c| c[song].unwrap_or(0.0) as f32);
    Ok((0..dataset.songs.len()).map(|song| number(song).collect()).collect())
}

/// The largest difference of raw outputs between Candle, which sees a window at once, and tract, which
/// sees a window model's window at once and a streaming model's in chunks. Windows are
/// `[window_frames, bands]`, row by row, as lanes normalise them.
///
/// # Errors
/// When one of the two fails.
pub fn compare(network: &dyn Network, model: &Arc<Model>, windows: &[Vec<f32>]) -> Result<f32> {
    let metadata = model.metadata();
    let bands = metadata.input_width();
    let chunk = match metadata.contract {
        Contract::Streaming => CHUNK.min(metadata.window_frames),
        Contract::Window => metadata.window_frames,
    };
    let chunks = metadata.window_frames / chunk;
    let judged_at: Vec<u32> = (1..=chunks).map(|n| (n * chunk - 1) as u32).collect();
    let mut worst = 0.0f32;
    let mut session = model.session(1, chunk)?;
    for window in windows {
        let input = Tensor::from_slice(window, (metadata.window_frames, 1, bands), &Device::Cpu)?;
        // [positions, 1, outputs]; a window network has one position.
        let theirs = network.forward(&input, &judged_at, None)?.squeeze(1)?.to_vec2::<f32>()?;
        session.reset();
        for (chunk, theirs) in window.chunks_exact(chunk * bands).zip(theirs) {
            for (a, b) in session.run(chunk)?.iter().zip(&theirs) {
                // What is not a number must not pass as small.
                let difference = (a - b).abs();
                worst = if difference.is_nan() { f32::INFINITY } else { worst.max(difference) };
            }
        }
    }
    Ok(worst)
}
