//! For tests: a reading whose values differ from each other, so that one that goes by another's name is noticed.

use earworm_kit::colour::{INTEGRATED, MOMENTARY, PANEL, Rgb, WINDOW};
use earworm_scorer::{Hook, Reading, Status};

/// The scores of [`reading`] with their names.
pub(crate) const SCORES: [(&str, f32); 3] =
    [("momentary", 11.0), ("window", 22.0), ("integrated", 33.0)];

/// The colours in which pictures show them.
const COLOURS: [(&str, Rgb); 3] =
    [("momentary", MOMENTARY), ("window", WINDOW), ("integrated", INTEGRATED)];

/// More than any model has.
const CLASSES: usize = 100;

/// The reading. Its details are 0.25 for each class, and 0.75 for the whole.
pub(crate) fn reading() -> Reading {
    Reading {
        time_s: 44.0,
        status: Status::Scoring,
        momentary: Some(11.0),
        window: Some(22.0),
        integrated: Some(33.0),
        hook: Some(Hook { score: 55.0, start_s: 6.0, end_s: 36.0 }),
        level_db: -7.0,
        coverage: 0.5,
        dropped: 88,
        invalid: 99,
        details: vec![0.25; CLASSES],
        integrated_details: vec![0.75; CLASSES],
    }
}

/// The score in whose colour a curve goes through this place of a picture, which is so many pixels wide.
pub(crate) fn score_drawn_at(pixels: &[u8], width: u32, (x, y): (f64, f64)) -> &'static str {
    let (x, y) = (x.round() as usize, y.round() as usize);
    // What a curve adds to the panel behind it, where that is most: edges are mixed.
    let added = (y - 3..=y + 3)
        .map(|y| {
            let first = 3 * (y * width as usize + x);
            added_to_panel((pixels[first], pixels[first + 1], pixels[first + 2]))
        })
        .max_by(|a, b| product(*a, *a).total_cmp(&product(*b, *b)))
        .expect("there are such rows");
    assert!(product(added, added) > 1000.0, "there is no curve at {x}, {y}");
    let alike = |rgb| {
        let whole = added_to_panel(rgb);
        product(added, whole) / product(whole, whole).sqrt()
    };
    let nearest = COLOURS.into_iter().max_by(|a, b| alike(a.1).total_cmp(&alike(b.1)));
    nearest.expect("there are colours").0
}

fn added_to_panel((r, g, b): Rgb) -> [f64; 3] {
    let panel = [PANEL.0, PANEL.1, PANEL.2].map(f64::from);
    let rgb = [r, g, b].map(f64::from);
    std::array::from_fn(|channel| rgb[channel] - panel[channel])
}

fn product(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.into_iter().zip(b).map(|(a, b)| a * b).sum()
}
