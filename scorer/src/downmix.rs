//! Any number of channels to one, and anything that is not a number to silence.

use std::mem::MaybeUninit;

use pulp::Arch;

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
    let frames = interleaved.len() / channels;
    mono.clear();
    mono.reserve(frames);
    let invalid = fill_interleaved(
        Arch::new(),
        &interleaved[..frames * channels],
        channels,
        &mut mono.spare_capacity_mut()[..frames],
    );
    // SAFETY: so many were filled just now.
    unsafe { mono.set_len(frames) };
    invalid
}

/// Writes the mean of each of the interleaved frames into `out`, all of it, and returns how many samples
/// were invalid, as [`downmix_interleaved`] does. Fast for one and two channels of plain audio, as
/// [`fill_planar`] is.
///
/// # Panics
/// When there are fewer frames than `out` has room for.
#[inline]
pub(crate) fn fill_interleaved(
    arch: Arch,
    interleaved: &[f32],
    channels: usize,
    out: &mut [MaybeUninit<f32>],
) -> u64 {
    let interleaved = &interleaved[..out.len() * channels];
    let plain = match channels {
        1 => {
            arch.dispatch(|| fill_mono(interleaved, out)) || !interleaved.iter().any(|&x| is_odd(x))
        }
        2 => {
            arch.dispatch(|| fill_pairs(interleaved, out))
                || !interleaved.iter().any(|&x| is_odd(x))
        }
        _ => false,
    };
    if plain {
        return 0;
    }
    let mut invalid = 0;
    for (index, out) in out.iter_mut().enumerate() {
        out.write(downmix_interleaved_at(interleaved, channels, index, &mut invalid));
    }
    invalid
}

/// Writes the mean over all channels of each frame from `at` on into `out`, all of it, and returns
/// how many samples were invalid, as [`downmix_interleaved`] does.
///
/// One and two channels of plain audio, which is nearly always, take a path without branches that
/// the compiler turns into vector instructions: the audio thread of every instance goes through here.
///
/// # Panics
/// When a channel ends before `out` is full.
#[inline]
pub(crate) fn fill_planar(
    arch: Arch,
    channels: &[&[f32]],
    at: usize,
    out: &mut [MaybeUninit<f32>],
) -> u64 {
    let end = at + out.len();
    let plain = match channels {
        [only] => {
            let only = &only[at..end];
            arch.dispatch(|| fill_mono(only, out)) || !only.iter().any(|&x| is_odd(x))
        }
        [left, right] => {
            let (left, right) = (&left[at..end], &right[at..end]);
            arch.dispatch(|| fill_stereo(left, right, out))
                || !left.iter().chain(right).any(|&x| is_odd(x))
        }
        _ => false,
    };
    if plain {
        return 0;
    }
    let mut invalid = 0;
    for (index, out) in out.iter_mut().enumerate() {
        out.write(downmix_planar_at(channels, at + index, &mut invalid));
    }
    invalid
}

/// Copies the samples; false if some may need care.
#[inline(always)]
fn fill_mono(only: &[f32], out: &mut [MaybeUninit<f32>]) -> bool {
    let mut bits = 0;
    for (out, &x) in out.iter_mut().zip(only) {
        bits |= x.to_bits();
        out.write(x);
    }
    are_plain(bits)
}

/// Averages the samples; false if some may need care.
#[inline(always)]
fn fill_stereo(left: &[f32], right: &[f32], out: &mut [MaybeUninit<f32>]) -> bool {
    let mut bits = 0;
    for ((out, &l), &r) in out.iter_mut().zip(left).zip(right) {
        bits |= l.to_bits() | r.to_bits();
        out.write(l * 0.5 + r * 0.5);
    }
    are_plain(bits)
}

/// Averages pairs of samples; false if some may need care.
#[inline(always)]
fn fill_pairs(interleaved: &[f32], out: &mut [MaybeUninit<f32>]) -> bool {
    let mut bits = 0;
    for (out, &[l, r]) in out.iter_mut().zip(interleaved.as_chunks::<2>().0) {
        bits |= l.to_bits() | r.to_bits();
        out.write(l * 0.5 + r * 0.5);
    }
    are_plain(bits)
}

/// Whether samples with these bits among them are surely plain. All bits together are at least as much
/// as those of any one, so what is odd is always found; sound above ±2 is too, and looked at again.
#[inline(always)]
fn are_plain(bits: u32) -> bool {
    !is_odd(f32::from_bits(bits))
}

/// Whether a sample needs care: it is no number, or louder than [`LOUDEST`]. Magnitudes compare like
/// their bits, and infinity and NaN have larger ones than any number.
#[inline(always)]
fn is_odd(sample: f32) -> bool {
    sample.to_bits() & 0x7fff_ffff > LOUDEST.to_bits()
}

/// The mean of sample `index` over all channels; counts into `invalid` as [`downmix_interleaved`] does.
#[inline]
fn downmix_planar_at(channels: &[&[f32]], index: usize, invalid: &mut u64) -> f32 {
    let gain = 1.0 / channels.len() as f32;
    channels.iter().map(|channel| finite_or_zero(channel[index], invalid) * gain).sum()
}

/// The mean of frame `index` over its channels; counts into `invalid` as [`downmix_interleaved`] does.
#[inline]
fn downmix_interleaved_at(
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
    fn whole_blocks_are_what_single_frames_are() {
        let mut left: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.37).sin()).collect();
        let right: Vec<f32> = (0..1000).map(|i| (i as f32 * 0.11).cos() * 1e-3).collect();
        for odd in [0.25, 3.0, -9e3, f32::NAN, f32::NEG_INFINITY, 2e4, -1e-42] {
            left[501] = odd;
            let planar: [&[f32]; 3] = [&left, &right, &left];
            for channels in [&planar[..1], &planar[..2], &planar[..]] {
                let mut out = [MaybeUninit::uninit(); 700];
                let invalid = fill_planar(Arch::new(), channels, 13, &mut out);
                let mut want_invalid = 0;
                for (index, out) in out.iter().enumerate() {
                    let want = downmix_planar_at(channels, 13 + index, &mut want_invalid);
                    // SAFETY: `fill_planar` fills all of it.
                    assert_eq!(unsafe { out.assume_init() }.to_bits(), want.to_bits());
                }
                assert_eq!(invalid, want_invalid);
            }
        }
    }

    #[test]
    fn interleaved_blocks_are_what_single_frames_are() {
        let mut sound: Vec<f32> = (0..1800).map(|i| (i as f32 * 0.37).sin()).collect();
        for odd in [0.25, 3.0, -9e3, f32::NAN, f32::NEG_INFINITY, 2e4, -1e-42] {
            sound[701] = odd;
            for channels in 1..=3 {
                let frames = sound.len() / channels;
                let mut mono = vec![9.0; 3];
                let invalid = downmix_interleaved(&sound, channels, &mut mono);
                let mut want_invalid = 0;
                assert_eq!(mono.len(), frames);
                for (index, got) in mono.iter().enumerate() {
                    let want = downmix_interleaved_at(&sound, channels, index, &mut want_invalid);
                    assert_eq!(got.to_bits(), want.to_bits());
                }
                assert_eq!(invalid, want_invalid);
            }
        }
    }

    #[test]
    fn an_incomplete_frame_is_ignored() {
        let mut mono = Vec::new();
        downmix_interleaved(&[0.3, 0.3, 0.3, 1.0], 3, &mut mono);
        assert_eq!(mono.len(), 1);
    }
}
