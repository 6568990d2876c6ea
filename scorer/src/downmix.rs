//! Any number of channels to one, and anything that is not a number to silence.

/// Samples beyond ±this are brought back to it: 80 dB over full scale is no audio, and the sums
/// behind it stay finite.
const LOUDEST: f32 = 1e4;

/// Averages the channels of interleaved frames into `mono`, which is cleared first, and returns
/// how many samples were NaN or infinite; those count as silence.
///
/// Does not allocate when `mono` has capacity for the frames. A trailing incomplete frame is
/// ignored.
///
/// # Panics
/// When `channels` is zero.
pub fn downmix_interleaved(interleaved: &[f32], channels: usize, mono: &mut Vec<f32>) -> u64 {
    assert!(channels > 0, "audio has at least one channel");
    let mut invalid = 0;
    mono.clear();
    let frames = interleaved.len() / channels;
    mono.extend(
        (0..frames).map(|at| downmix_interleaved_at(interleaved, channels, at, &mut invalid)),
    );
    invalid
}

/// The mean of sample `index` over all channels; counts into `invalid` as [`downmix_interleaved`] does.
#[inline]
pub(crate) fn downmix_planar_at(channels: &[&[f32]], index: usize, invalid: &mut u64) -> f32 {
    let gain = 1.0 / channels.len() as f32;
    channels.iter().map(|channel| finite_or_zero(channel[index], invalid) * gain).sum()
}

/// The mean of frame `index` over its channels; counts into `invalid` as [`downmix_interleaved`] does.
#[inline]
pub(crate) fn downmix_interleaved_at(
    interleaved: &[f32],
    channels: usize,
    index: usize,
    invalid: &mut u64,
) -> f32 {
    let gain = 1.0 / channels as f32;
    let frame = &interleaved[index * channels..(index + 1) * channels];
    frame.iter().map(|&sample| finite_or_zero(sample, invalid) * gain).sum()
}

#[inline]
fn finite_or_zero(sample: f32, invalid: &mut u64) -> f32 {
    if sample.is_finite() {
        sample.clamp(-LOUDEST, LOUDEST)
    } else {
        *invalid += 1;
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_averaged_and_bad_samples_counted() {
        let mut mono = Vec::new();
        let invalid = downmix_interleaved(
            &[1.0, 0.0, f32::NAN, 0.5, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MAX],
            2,
            &mut mono,
        );
        assert_eq!(invalid, 3);
        assert_eq!(mono, [0.5, 0.25, 0.0, LOUDEST]);
    }

    #[test]
    fn an_incomplete_frame_is_ignored() {
        let mut mono = Vec::new();
        downmix_interleaved(&[0.3, 0.3, 0.3, 1.0], 3, &mut mono);
        assert_eq!(mono.len(), 1);
    }
}
