//! Permutation importance.

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rayon::prelude::*;

use super::{PartOfRun, Score};
use crate::Rng;

/// Shuffles of each feature.
const SHUFFLES: usize = 30;

/// How much each feature is needed.
pub(super) struct Importance {
    /// The figure of the songs as they are: mean over the parts.
    pub(super) whole: f64,
    /// What is lost of it: mean, 2.5 % and 97.5 % quantile over the shuffles, one a feature.
    pub(super) drops: Vec<(f64, f64, f64)>,
}

/// Shuffles each feature among the songs of each part, which its model had not seen.
pub(super) fn importance(parts: &[PartOfRun], score: &Score<'_>, seed: u64) -> Result<Importance> {
    let whole = figure(parts, score, |part| part.rows.clone())?
        .context("the judged songs cannot be ranked: too few, or all alike")?;
    let features = parts[0].model.columns.names.len();
    let drops = (0..features)
        .into_par_iter()
        .map(|feature| {
            let mut drops: Vec<f64> = (0..SHUFFLES)
                .map(|shuffle| {
                    let mut rng = Rng::seed_from_u64(seed);
                    rng.set_stream((feature * SHUFFLES + shuffle) as u64);
                    let shuffled = figure(parts, score, |part| {
                        let mut values: Vec<f64> = part.rows.iter().map(|r| r[feature]).collect();
                        values.shuffle(&mut rng);
                        let mut rows = part.rows.clone();
                        rows.iter_mut().zip(values).for_each(|(row, v)| row[feature] = v);
                        rows
                    })?;
                    Ok(whole - shuffled.unwrap_or(0.0))
                })
                .collect::<Result<_>>()?;
            drops.sort_by(f64::total_cmp);
            let mean = drops.iter().sum::<f64>() / drops.len() as f64;
            let at = |share: f64| drops[(share * (drops.len() - 1) as f64).round() as usize];
            Ok((mean, at(0.025), at(0.975)))
        })
        .collect::<Result<_>>()?;
    Ok(Importance { whole, drops })
}

/// The mean figure over the parts, of rows that `change` makes of theirs.
fn figure(
    parts: &[PartOfRun],
    score: &Score<'_>,
    mut change: impl FnMut(&PartOfRun) -> Vec<Vec<f64>>,
) -> Result<Option<f64>> {
    let mut figures = Vec::new();
    for part in parts {
        let judged = score.of(&part.model.raw(&change(part))?);
        figures.extend(score.quality(&judged, &part.truth));
    }
    Ok((!figures.is_empty()).then(|| figures.iter().sum::<f64>() / figures.len() as f64))
}
