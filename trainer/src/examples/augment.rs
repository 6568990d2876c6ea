//! How crops are varied in training.

use earworm_scorer::front_end::FrontEndSettings;
use rand::RngExt;
use rand_distr::{Beta, Distribution};

use super::Audible;
use crate::Rng;
use crate::recipe::Augmentation;

/// A varied crop, `[count, bands]`: frames `start .. start + count` with gain, tilt and masks drawn as
/// the recipe says. `blank` is what masked values become, one a band; what it has behind them is not
/// looked at.
///
/// # Panics
/// When the song has no frames.
pub fn varied(
    song: &Audible,
    settings: &FrontEndSettings,
    (start, count): (usize, usize),
    augmentation: &Augmentation,
    blank: &[f32],
    rng: &mut Rng,
) -> Vec<f32> {
    let bands = song.bands;
    let gain = symmetric(rng, augmentation.gain_db);
    let tilt = symmetric(rng, augmentation.tilt_db);
    let middle = (bands as f32 - 1.0) / 2.0;
    // Gain moves level and bands alike: all that it changes is what falls below `amin`.
    let slope = |band: usize| tilt * (band as f32 - middle) / (2.0 * middle).max(1.0);
    let mut gained = song.cut(start, count);
    gained.level_db.iter_mut().for_each(|db| *db += gain);
    let mut out = gained.window_with(settings, 0, count, |_, band| gain + slope(band));
    for _ in 0..augmentation.time_masks {
        let width = rng.random_range(0..=augmentation.time_mask_frames.min(count));
        let first = rng.random_range(0..=count - width);
        for frame in out[first * bands..(first + width) * bands].chunks_exact_mut(bands) {
            frame.copy_from_slice(&blank[..bands]);
        }
    }
    for _ in 0..augmentation.band_masks {
        let width = rng.random_range(0..=augmentation.band_mask_width.min(bands));
        let first = rng.random_range(0..=bands - width);
        for frame in out.chunks_exact_mut(bands) {
            frame[first..first + width].copy_from_slice(&blank[first..first + width]);
        }
    }
    out
}

fn symmetric(rng: &mut Rng, limit: f32) -> f32 {
    if limit > 0.0 { rng.random_range(-limit..=limit) } else { 0.0 }
}

/// The share that each song of a batch keeps of itself in mixup, drawn from Beta(strength, strength);
/// all of it without mixup.
pub fn mixup_shares(strength: f32, batch: usize, rng: &mut Rng) -> Vec<f32> {
    match Beta::new(strength, strength) {
        Ok(beta) if strength > 0.0 => (0..batch).map(|_| beta.sample(rng)).collect(),
        _ => vec![1.0; batch],
    }
}

/// Mixes each item with the next one of the batch (the last with the first): item `i` becomes
/// `share_i · item_i + (1 − share_i) · item_{i+1}`. `item` values belong to each item.
pub fn mix(values: &mut [f32], item: usize, shares: &[f32]) {
    let plain = values.to_vec();
    let batch = shares.len();
    for (n, (&share, own)) in shares.iter().zip(values.chunks_exact_mut(item)).enumerate() {
        let other = &plain[(n + 1) % batch * item..][..item];
        for (own, other) in own.iter_mut().zip(other) {
            *own = share * *own + (1.0 - share) * other;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    fn audible() -> (Audible, FrontEndSettings) {
        let settings = FrontEndSettings::default_model();
        let bands = settings.n_mels;
        let mut rng = Rng::seed_from_u64(3);
        let mel_db = (0..200 * bands).map(|_| rng.random_range(-30.0f32..20.0)).collect();
        let level_db = (0..200).map(|_| rng.random_range(-40.0f32..-5.0)).collect();
        (Audible { bands, mel_db, level_db }, settings)
    }

    fn none() -> Augmentation {
        Augmentation::default()
    }

    #[test]
    fn without_variation_a_crop_is_the_window() {
        let (song, settings) = audible();
        let mut rng = Rng::seed_from_u64(1);
        let varied = varied(&song, &settings, (20, 100), &none(), &[0.0; 64], &mut rng);
        assert_eq!(varied, song.window(&settings, 20, 100));
    }

    #[test]
    fn gain_changes_nothing_above_the_floor() {
        let (song, settings) = audible();
        let gain = Augmentation { gain_db: 12.0, ..none() };
        let mut rng = Rng::seed_from_u64(1);
        let varied = varied(&song, &settings, (0, 100), &gain, &[0.0; 64], &mut rng);
        for (a, b) in varied.iter().zip(song.window(&settings, 0, 100)) {
            assert!((a - b).abs() < 1e-3);
        }
    }

    #[test]
    fn masks_blank_whole_bands() {
        let (song, settings) = audible();
        let mask = Augmentation { band_masks: 1, band_mask_width: 64, ..none() };
        let mut rng = Rng::seed_from_u64(2);
        let varied = varied(&song, &settings, (0, 50), &mask, &[99.0; 64], &mut rng);
        let blanked = |frame: &[f32]| frame.iter().map(|&v| v == 99.0).collect::<Vec<_>>();
        let first = blanked(&varied[..64]);
        assert!(first.contains(&true));
        assert!(varied.chunks(64).all(|frame| blanked(frame) == first));
    }

    /// Numbers beside the sound have their means behind those of the bands.
    #[test]
    fn masks_look_at_bands_alone() {
        let (song, settings) = audible();
        let mask = Augmentation {
            time_masks: 2,
            time_mask_frames: 20,
            band_masks: 1,
            band_mask_width: 9,
            ..none()
        };
        let masked = |blank: &[f32]| {
            let mut rng = Rng::seed_from_u64(2);
            varied(&song, &settings, (0, 50), &mask, blank, &mut rng)
        };
        assert!(masked(&[99.0; 64]).contains(&99.0));
        assert_eq!(masked(&[99.0; 64]), masked(&[[99.0; 64].as_slice(), &[7.0; 3]].concat()));
    }

    #[test]
    fn mixing_keeps_the_sum_of_shares() {
        let shares = [1.0, 0.25, 0.5];
        let mut values = [1.0, 2.0, 10.0, 20.0, 100.0, 200.0];
        mix(&mut values, 2, &shares);
        assert_eq!(values, [1.0, 2.0, 77.5, 155.0, 50.5, 101.0]);
        let mut rng = Rng::seed_from_u64(2);
        assert_eq!(mixup_shares(0.0, 3, &mut rng), [1.0; 3]);
        let drawn = mixup_shares(0.4, 1000, &mut rng);
        assert!(drawn.iter().all(|s| (0.0..=1.0).contains(s)));
        assert!((drawn.iter().sum::<f32>() / 1000.0 - 0.5).abs() < 0.05);
    }
}
