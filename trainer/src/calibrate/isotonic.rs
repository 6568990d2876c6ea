//! Isotonic regression: the rising line that lies nearest, by pooling adjacent violators.

use earworm_scorer::model::{Calibration, MOST_POINTS};

/// Songs that the line gives one value.
struct Block {
    first: f32,
    last: f32,
    sum: f64,
    weight: f64,
}

impl Block {
    fn mean(&self) -> f64 {
        self.sum / self.weight
    }
}

/// Fits the never falling line with the least squared distance to outcomes 0 and 1, as scikit-learn's
/// `IsotonicRegression(out_of_bounds="clip")`: songs of equal evidence share a point, and only the
/// ends of level stretches are kept. More points than a model may carry are thinned out evenly.
/// (M. Ayer et al., "An empirical distribution function for sampling with incomplete information",
/// 1955.) Without songs it is level at a half.
pub fn isotonic(evidence: &[f32], high: &[bool]) -> Calibration {
    let mut order: Vec<usize> = (0..evidence.len()).collect();
    order.sort_by(|&a, &b| evidence[a].total_cmp(&evidence[b]));
    let mut blocks: Vec<Block> = Vec::new();
    // Zeros of both signs are equal, and so one point.
    for tied in order.chunk_by(|&a, &b| evidence[a] == evidence[b]) {
        let x = evidence[tied[0]];
        let sum = tied.iter().filter(|&&song| high[song]).count() as f64;
        blocks.push(Block { first: x, last: x, sum, weight: tied.len() as f64 });
        while let [.., before, after] = blocks.as_slice()
            && before.mean() >= after.mean()
        {
            let Some(after) = blocks.pop() else { break };
            if let Some(before) = blocks.last_mut() {
                before.last = after.last;
                before.sum += after.sum;
                before.weight += after.weight;
            }
        }
    }
    let mut points: Vec<(f32, f32)> = Vec::new();
    for block in &blocks {
        let y = block.mean() as f32;
        points.push((block.first, y));
        if block.last > block.first {
            points.push((block.last, y));
        }
    }
    if points.is_empty() {
        points.push((0.0, 0.5));
    }
    if points.len() > MOST_POINTS {
        let last = points.len() - 1;
        points = (0..MOST_POINTS).map(|i| points[i * last / (MOST_POINTS - 1)]).collect();
    }
    let (x, y) = points.into_iter().unzip();
    Calibration::Isotonic { x, y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::golden::{golden, numbers};
    use earworm_scorer::model::Task;
    use proptest::prelude::*;

    #[test]
    fn as_scikit_learn_draws_it() {
        let case = &golden()["binary"];
        let raw: Vec<f32> = numbers(&case["raw"]).iter().map(|&x| x as f32).collect();
        let high: Vec<bool> = numbers(&case["yes"]).iter().map(|&y| y == 1.0).collect();
        let line = isotonic(&raw, &high);
        let at = numbers(&case["isotonic"]["at"]);
        for (at, expected) in at.iter().zip(numbers(&case["isotonic"]["value"])) {
            let found = f64::from(line.apply(Task::Binary, &[*at as f32], 0));
            assert!((found - expected).abs() < 1e-5, "at {at}: {found}, not {expected}");
        }
    }

    #[test]
    fn many_points_are_thinned() {
        // Ever more of ever larger bundles of songs are high: each bundle is a block of its own.
        let (mut evidence, mut high) = (Vec::new(), Vec::new());
        for block in 0..300u32 {
            for song in 0..600 {
                evidence.push(block as f32 + song as f32 / 1000.0);
                high.push(song < 2 * block);
            }
        }
        let Calibration::Isotonic { x, y } = isotonic(&evidence, &high) else { unreachable!() };
        assert!(x.len() <= MOST_POINTS && y.is_sorted());
        let rising: Vec<f32> = (0..10_000).map(|i| i as f32).collect();
        let Calibration::Isotonic { x, .. } = isotonic(&rising, &vec![true; 10_000]) else {
            unreachable!()
        };
        assert_eq!(x, [0.0, 9999.0]);
    }

    proptest! {
        #[test]
        fn it_is_always_one_that_a_model_may_carry(
            songs in prop::collection::vec((-5i8..5, any::<bool>()), 0..80),
        ) {
            let evidence: Vec<f32> = songs.iter().map(|s| f32::from(s.0) / 3.0).collect();
            let high: Vec<bool> = songs.iter().map(|s| s.1).collect();
            let line = isotonic(&evidence, &high);
            prop_assert!(line.validate(Task::Binary).is_ok(), "{:?}", line);
        }
    }
}
