//! What a network says of whole songs, window by window as the scorer's lanes complete them.

use anyhow::Result;
use candle_core::Device;
use earworm_scorer::front_end::FrontEndSettings;

use crate::batch::{Audible, side_by_side};
use crate::nn::Network;

/// Lanes of the scorer: windows start this many times per window.
pub const LANES: usize = 4;

/// Sequences run side by side.
const BATCH: usize = 32;

/// First frames of the windows that `lanes` lanes complete in a song of `frames` frames. A song
/// shorter than a window is one window by itself.
pub fn window_starts(frames: usize, window: usize, lanes: usize) -> Vec<usize> {
    match frames.checked_sub(window) {
        Some(last) => (0..=last).step_by((window / lanes).max(1)).collect(),
        None => vec![0],
    }
}

/// The network's raw outputs for each song: the mean over the windows of `lanes` lanes. With
/// [`LANES`] that is what the scorer calls integrated.
///
/// # Errors
/// When the device fails.
pub fn predict(
    network: &Network,
    songs: &[&Audible],
    settings: &FrontEndSettings,
    window: usize,
    lanes: usize,
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    let classes = network.shape.classes;
    // Windows of equal length run side by side; only songs shorter than a window differ.
    let mut jobs: Vec<(usize, usize, usize)> = songs
        .iter()
        .enumerate()
        .flat_map(|(index, song)| {
            let count = song.len().min(window);
            window_starts(song.len(), window, lanes)
                .into_iter()
                .map(move |start| (count, index, start))
        })
        .collect();
    jobs.sort();
    let mut sums = vec![(vec![0.0f64; classes], 0usize); songs.len()];
    for same_length in jobs.chunk_by(|a, b| a.0 == b.0) {
        for batch in same_length.chunks(BATCH) {
            let sequences: Vec<Vec<f32>> = batch
                .iter()
                .map(|&(count, index, start)| songs[index].window(settings, start, count))
                .collect();
            let frames = side_by_side(&sequences, settings.n_mels, device)?;
            let hidden = network.hidden(&frames, None)?;
            let logits = network.logits(&hidden.get(frames.dim(0)? - 1)?, None)?;
            for (&(_, index, _), row) in batch.iter().zip(logits.to_vec2::<f32>()?) {
                let (sum, count) = &mut sums[index];
                sum.iter_mut().zip(row).for_each(|(s, raw)| *s += f64::from(raw));
                *count += 1;
            }
        }
    }
    Ok(sums
        .into_iter()
        .map(|(sum, count)| sum.into_iter().map(|s| (s / count as f64) as f32).collect())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_that_lanes_complete() {
        assert_eq!(window_starts(1290, 640, 4), [0, 160, 320, 480, 640]);
        assert_eq!(window_starts(640, 640, 4), [0]);
        assert_eq!(window_starts(500, 640, 4), [0]);
    }
}
