//! The colours of the editor and of exported pictures: those of the terminal meter.

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
