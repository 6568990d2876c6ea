//! The colours of meters and pictures.

/// Red, green and blue.
pub type Rgb = (u8, u8, u8);

/// Behind everything.
pub const BACKGROUND: Rgb = (0x10, 0x12, 0x19);
/// Behind a curve.
pub const PANEL: Rgb = (0x18, 0x1b, 0x25);
/// Lines of a grid and empty parts of bars.
pub const GRID: Rgb = (0x2c, 0x31, 0x3f);
/// Labels.
pub const DIM: Rgb = (0x93, 0x99, 0xab);
/// What is to be read first.
pub const BRIGHT: Rgb = (0xe8, 0xea, 0xf0);
/// The momentary score.
pub const MOMENTARY: Rgb = (0x5b, 0xa8, 0xd8);
/// The window score.
pub const WINDOW: Rgb = (0xff, 0xb4, 0x54);
/// The integrated score.
pub const INTEGRATED: Rgb = (0x7f, 0xd1, 0x9b);
/// The hook.
pub const HOOK: Rgb = (0xff, 0x6b, 0x8b);
/// Something is wrong.
pub const WARNING: Rgb = (0xff, 0x8a, 0x5c);

/// Matplotlib's "magma" at 17 equally spaced places: equal steps in value look equally large.
const MAGMA: [u32; 17] = [
    0x000004, 0x0a0822, 0x1d1147, 0x36106b, 0x51127c, 0x6a1c81, 0x832681, 0x9c2e7f, 0xb73779,
    0xcf4070, 0xe55064, 0xf4695c, 0xfb8761, 0xfea571, 0xfec287, 0xfde0a1, 0xfcfdbf,
];

/// The colour for a value from 0 (black) to 1 (pale yellow).
pub fn magma(value: f32) -> Rgb {
    // NaN is no value: black.
    let value = if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
    let place = value * (MAGMA.len() - 1) as f32;
    let below = (place as usize).min(MAGMA.len() - 2);
    let between = place - below as f32;
    let channel = |shift: u32| {
        let at = |i: usize| (MAGMA[i] >> shift & 0xff) as f32;
        (at(below) + (at(below + 1) - at(below)) * between).round() as u8
    };
    (channel(16), channel(8), channel(0))
}

/// Which decibels of a mel picture are shown black and which pale, fitted to what it shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MelRange {
    floor_db: f32,
    top_db: f32,
}

impl MelRange {
    /// A picture of near silence stays dark: its top is never below this.
    const LOWEST_TOP_DB: f32 = -30.0;
    /// Least and most decibels between floor and top.
    const SPANS_DB: std::ops::RangeInclusive<f32> = 36.0..=80.0;
    /// This part of the values is darker than the floor, or brighter than the top.
    const OUTSIDE: (f32, f32) = (0.08, 0.004);

    /// The range for a picture of these values.
    pub fn of(values: impl Iterator<Item = f32>) -> Self {
        // Digital silence says nothing about how dark quiet sound is.
        let mut values: Vec<f32> = values.filter(|db| db.is_finite() && *db > -95.0).collect();
        let mut value_at = |part: f32| {
            let index = (part * values.len() as f32) as usize;
            let index = index.min(values.len().checked_sub(1)?);
            Some(*values.select_nth_unstable_by(index, f32::total_cmp).1)
        };
        let high_db = value_at(1.0 - Self::OUTSIDE.1).unwrap_or(f32::MIN);
        let low_db = value_at(Self::OUTSIDE.0).unwrap_or(f32::MIN);
        let span_db = (high_db - low_db).clamp(*Self::SPANS_DB.start(), *Self::SPANS_DB.end());
        let top_db = high_db.max(Self::LOWEST_TOP_DB);
        Self { floor_db: top_db - span_db, top_db }
    }

    /// The colour of a value.
    pub fn colour(&self, db: f32) -> Rgb {
        magma((db - self.floor_db) / (self.top_db - self.floor_db))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn magma_goes_from_black_to_pale() {
        assert_eq!(magma(0.0), (0, 0, 4));
        assert_eq!(magma(1.0), (0xfc, 0xfd, 0xbf));
        assert_eq!(magma(7.0), magma(1.0));
        assert_eq!(magma(f32::NAN), magma(0.0));
        let luma =
            |(r, g, b): Rgb| 0.2126 * f32::from(r) + 0.7152 * f32::from(g) + 0.0722 * f32::from(b);
        let steps: Vec<f32> = (0..=100).map(|i| luma(magma(i as f32 / 100.0))).collect();
        assert!(steps.is_sorted(), "brightness must rise");
    }

    #[test]
    fn silence_is_dark() {
        for silence in [&[][..], &[-100.0; 50], &[-90.0; 50]] {
            let range = MelRange::of(silence.iter().copied());
            assert_eq!(range.colour(-90.0), magma(0.0), "{range:?}");
        }
    }

    #[test]
    fn the_range_follows_the_sound() {
        let range = MelRange::of((0..1000).map(|i| i as f32 / 20.0));
        assert_eq!(range.colour(50.0), magma(1.0));
        assert_eq!(range.colour(0.0), magma(0.0));
        assert_ne!(range.colour(20.0), magma(0.0));
    }
}
