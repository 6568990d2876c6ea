//! Whether probabilities mean what they say.

/// Brier score of a yes or no: the mean of `(p − outcome)²`, 0 to 1; `None` of no songs.
/// G. W. Brier, "Verification of forecasts expressed in terms of probability", 1950.
pub fn brier(probability: &[f64], yes: &[bool]) -> Option<f64> {
    let square = |(&p, &yes): (&f64, &bool)| (p - f64::from(u8::from(yes))).powi(2);
    (!yes.is_empty())
        .then(|| probability.iter().zip(yes).map(square).sum::<f64>() / yes.len() as f64)
}

/// Brier score of classes as Brier wrote it: the mean over songs of the sum over classes of
/// `(p − outcome)²`, 0 to 2; `probability` has `classes` values a song. `None` of no songs.
pub fn brier_of_classes(probability: &[f64], truth: &[usize], classes: usize) -> Option<f64> {
    let song = |(p, &truth): (&[f64], &usize)| -> f64 {
        let outcome = |class: usize| f64::from(u8::from(class == truth));
        p.iter().enumerate().map(|(class, p)| (p - outcome(class)).powi(2)).sum()
    };
    (!truth.is_empty())
        .then(|| probability.chunks(classes).zip(truth).map(song).sum::<f64>() / truth.len() as f64)
}

/// Expected calibration error, 0 to 1: probabilities are cut into `bins` of equal width, and the
/// distance between mean probability and observed share is averaged over the bins by their songs.
/// (M. Pakdaman Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015.)
/// For several classes, give the probability of the named class and whether it was right. `None` of no
/// songs or no bins.
pub fn calibration_error(probability: &[f64], yes: &[bool], bins: usize) -> Option<f64> {
    if yes.is_empty() || bins == 0 {
        return None;
    }
    let mut sums = vec![0.0; bins];
    for (&p, &yes) in probability.iter().zip(yes) {
        let bin = ((p * bins as f64) as usize).min(bins - 1);
        sums[bin] += p - f64::from(u8::from(yes));
    }
    Some(sums.iter().map(|sum: &f64| sum.abs()).sum::<f64>() / yes.len() as f64)
}
