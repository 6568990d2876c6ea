//! What a network says of whole songs, window by window as the scorer's lanes complete them.
//!
//! The scorer has lanes for networks with states only. Those without it evaluates about every three seconds, so that
//! its mean over a song is of other windows than here, and differs a little. Here all networks are judged by the
//! windows of lanes: what was published of them rests on it, and figures of both kinds compare.

use anyhow::Result;
use candle_core::{Device, Tensor};
use earworm_scorer::lane_starts;

use crate::examples::{Examples, Songs, frames_first};
use crate::nn::{Contract, Network};

/// Lanes of the scorer: windows start this many times per window. Networks without states are judged so, too.
pub const LANES: usize = 4;

/// Sequences run side by side.
const BATCH: usize = 32;

/// First frames of the windows that the scorer's `lanes` lanes complete in a song of `frames` frames. A
/// song shorter than a window is one window by itself.
pub fn window_starts(frames: usize, window: usize, lanes: usize) -> Vec<usize> {
    let Some(last) = frames.checked_sub(window) else { return vec![0] };
    let rounds = (0..).map(|round| round * window);
    let starts =
        rounds.flat_map(|round| lane_starts(window, lanes).map(move |start| round + start));
    starts.take_while(|&start| start <= last).collect()
}

/// The network's raw outputs for each of `songs`: the mean over the windows of `lanes` lanes. With
/// [`LANES`] that is what the scorer calls integrated, of networks with states. Rows have one answer.
///
/// Networks that need whole windows hear a song that is shorter than one over and over.
///
/// # Errors
/// When the device fails.
pub fn predict(
    network: &dyn Network,
    examples: &Examples<'_>,
    songs: &[usize],
    window: usize,
    lanes: usize,
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    match examples {
        Examples::Songs(all) => predict_songs(network, all, songs, window, lanes, device),
        Examples::Rows(rows) => {
            let mut raw = Vec::with_capacity(songs.len());
            for batch in songs.chunks(BATCH * 8) {
                let values = batch.iter().flat_map(|&song| rows.row(song).iter().copied());
                let shape = (1, batch.len(), rows.columns);
                let x = Tensor::from_vec(values.collect::<Vec<f32>>(), shape, device)?;
                raw.extend(network.forward(&x, &[0], None)?.get(0)?.to_vec2::<f32>()?);
            }
            Ok(raw)
        }
    }
}

fn predict_songs(
    network: &dyn Network,
    all: &Songs<'_>,
    songs: &[usize],
    window: usize,
    lanes: usize,
    device: &Device,
) -> Result<Vec<Vec<f32>>> {
    let settings = all.settings();
    // Windows of equal length run side by side; only songs shorter than a window differ.
    let mut jobs: Vec<(usize, usize, usize)> = songs
        .iter()
        .enumerate()
        .flat_map(|(index, &song)| {
            let frames = all.len(song);
            let count = match network.contract() {
                Contract::Window => window,
                Contract::Streaming => frames.min(window),
            };
            window_starts(frames, window, lanes).into_iter().map(move |start| (count, index, start))
        })
        .collect();
    jobs.sort_unstable();
    let mut sums: Vec<(Vec<f64>, usize)> = vec![(vec![], 0); songs.len()];
    for same_length in jobs.chunk_by(|a, b| a.0 == b.0) {
        for batch in same_length.chunks(BATCH) {
            let count = batch[0].0;
            let mut values = Vec::with_capacity(batch.len() * count * all.width());
            let mut last: Option<(usize, crate::examples::Audible)> = None;
            for &(_, index, start) in batch {
                let stretch = match last.take() {
                    Some((of, stretch)) if of == index => stretch,
                    _ => all.stretch(songs[index]),
                };
                let window = stretch.cut(start, count).window(settings, 0, count);
                values.extend(all.put_beside(window, songs[index]));
                last = Some((index, stretch));
            }
            let frames = frames_first(&values, batch.len(), count);
            let frames = Tensor::from_vec(frames, (count, batch.len(), all.width()), device)?;
            let raw = network.forward(&frames, &[count as u32 - 1], None)?.get(0)?;
            for (&(_, index, _), row) in batch.iter().zip(raw.to_vec2::<f32>()?) {
                let (sum, windows) = &mut sums[index];
                sum.resize(row.len(), 0.0);
                sum.iter_mut().zip(row).for_each(|(s, raw)| *s += f64::from(raw));
                *windows += 1;
            }
        }
    }
    Ok(sums
        .into_iter()
        .map(|(sum, windows)| sum.into_iter().map(|s| (s / windows as f64) as f32).collect())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_those_that_lanes_complete() {
        assert_eq!(window_starts(1290, 640, 4), [0, 160, 320, 480, 640]);
        assert_eq!(window_starts(1300, 430, 4), [0, 108, 215, 323, 430, 538, 645, 753, 860]);
        assert_eq!(window_starts(4, 2, 4), [0, 1, 2]);
        assert_eq!(window_starts(640, 640, 4), [0]);
        assert_eq!(window_starts(500, 640, 4), [0]);
    }
}
