//! What two features do together.
//!
//! For a song x and the average song a, f(x) − f(x with i as in a) − f(x with j as in a) + f(x with both
//! as in a) is what i and j do together beyond what each does alone; it is zero for every model that adds
//! up functions of single features.

use anyhow::Result;
use rayon::prelude::*;

use super::{PairReport, PartOfRun, Score, average};

/// All pairs of `features`. Indices in the result are places in that list.
pub(super) fn pairs(
    parts: &[PartOfRun],
    score: &Score<'_>,
    features: &[usize],
) -> Result<Vec<PairReport>> {
    struct Prepared<'a> {
        part: &'a PartOfRun,
        average: Vec<f64>,
        whole: Vec<f64>,
        /// Scores with one feature as in the average song.
        without: Vec<Vec<f64>>,
    }
    let judge = |part: &PartOfRun, average: &[f64], replaced: &[usize]| -> Result<Vec<f64>> {
        let mut rows = part.rows.clone();
        for row in &mut rows {
            replaced.iter().for_each(|&feature| row[feature] = average[feature]);
        }
        Ok(score.of(&part.model.raw(&rows)?))
    };
    let prepared: Vec<Prepared<'_>> = parts
        .iter()
        .map(|part| {
            let average = average(part);
            let whole = judge(part, &average, &[])?;
            let without = features
                .iter()
                .map(|&feature| judge(part, &average, &[feature]))
                .collect::<Result<_>>()?;
            Ok(Prepared { part, average, whole, without })
        })
        .collect::<Result<_>>()?;
    let all: Vec<(usize, usize)> = (0..features.len())
        .flat_map(|first| (first + 1..features.len()).map(move |second| (first, second)))
        .collect();
    all.into_par_iter()
        .map(|(first, second)| {
            let (mut sizes, mut songs, mut together, mut same_side) = (0.0, 0usize, 0.0, 0usize);
            for Prepared { part, average, whole, without } in &prepared {
                let (i, j) = (features[first], features[second]);
                let both = judge(part, average, &[i, j])?;
                for (song, row) in part.rows.iter().enumerate() {
                    let beyond =
                        whole[song] - without[first][song] - without[second][song] + both[song];
                    sizes += beyond.abs();
                    songs += 1;
                    if (row[i] - average[i]) * (row[j] - average[j]) > 0.0 {
                        together += beyond;
                        same_side += 1;
                    }
                }
            }
            Ok(PairReport {
                first,
                second,
                strength: sizes / songs.max(1) as f64,
                together: together / same_side.max(1) as f64,
            })
        })
        .collect()
}
