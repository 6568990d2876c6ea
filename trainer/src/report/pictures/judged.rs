//! What was said of songs against what is true of them.

use anyhow::Result;

use super::super::svg::{DIM, Picture, Plot, bar, dot, line, range, series, shorten, stroke};
use crate::calibrate::{equal_bins, notes_on_calibration, reliability as bins_of};
use crate::evaluate::{Evaluation, Songs};
use crate::metrics;
use crate::run::{RunInfo, Task};

/// Points of an averaged curve.
const STEPS: usize = 200;
/// Most classes with a curve of their own.
const MOST_CURVES: usize = 8;
/// Most dots of a scatter plot.
const MOST_DOTS: usize = 3000;

/// ROC curves: of each part and their mean, or the means of each class.
pub(super) fn roc(songs: &Songs, info: &RunInfo) -> Result<Option<Picture>> {
    let of_class = |class: usize| -> Vec<(usize, Vec<(f64, f64)>)> {
        (0..songs.parts)
            .filter_map(|part| {
                let own: Vec<usize> =
                    (0..songs.len()).filter(|&song| songs.part[song] == part).collect();
                let said: Vec<f64> = own
                    .iter()
                    .map(|&song| match songs.task {
                        Task::Classes => songs.plain[song * songs.classes.len() + class],
                        _ => songs.score[song],
                    })
                    .collect();
                let is: Vec<bool> = own.iter().map(|&song| songs.label[song] == class).collect();
                Some((own.len(), metrics::roc(&said, &is)?))
            })
            .collect()
    };
    let several = songs.task == Task::Classes && songs.classes.len() > 2;
    let (mut legend, mut thin, mut thick) = (Vec::new(), Vec::new(), Vec::new());
    if several {
        for class in 0..songs.classes.len().min(MOST_CURVES) {
            let curves = of_class(class);
            if !curves.is_empty() {
                legend.push((series(class), shorten(&songs.classes[class], 18)));
                thick.push((series(class), mean_curve(&curves)));
            }
        }
    } else {
        let curves = of_class(songs.score_class);
        if curves.len() > 1 {
            legend = vec![(series(0), "mean".to_owned()), (DIM, "each fold".to_owned())];
            thin = curves.iter().map(|(_, curve)| sparse(curve)).collect();
        }
        if !curves.is_empty() {
            thick.push((series(0), mean_curve(&curves)));
        }
    }
    if thick.is_empty() {
        return Ok(None);
    }
    let caption = match (several, info.parts.len()) {
        (true, 1) => "Each class against all others. A coin lies on the diagonal.",
        (true, _) => {
            "Each class against all others, averaged over folds. A coin lies on the diagonal."
        }
        (false, 1) => "The further above the diagonal, which is a coin, the better the ranking.",
        (false, _) => {
            "The further above the diagonal, which is a coin, the better the ranking. Folds were ranked by models of their own, so their curves are averaged, not pooled."
        }
    };
    let plot = Plot {
        title: "ROC curve",
        caption,
        x_label: "wrongly called high (false positive rate)",
        y_label: "rightly called high",
        legend,
        ..Plot::default()
    };
    plot.paint(|axes| {
        line(axes, [(0.0, 0.0), (1.0, 1.0)], stroke(DIM, 0.6, 1.0))?;
        for curve in thin {
            line(axes, curve, stroke(DIM, 0.45, 1.0))?;
        }
        for (colour, curve) in thick {
            line(axes, curve, stroke(colour, 1.0, 2.4))?;
        }
        Ok(())
    })
    .map(Some)
}

/// The mean height of curves at each place, weighted by songs.
fn mean_curve(curves: &[(usize, Vec<(f64, f64)>)]) -> Vec<(f64, f64)> {
    if let [(_, curve)] = curves {
        return sparse(curve);
    }
    let songs: usize = curves.iter().map(|(songs, _)| songs).sum();
    let at = |x: f64| {
        let sum: f64 = curves.iter().map(|(songs, curve)| *songs as f64 * height(curve, x)).sum();
        (x, sum / songs as f64)
    };
    std::iter::once((0.0, 0.0)).chain((0..=STEPS).map(|i| at(i as f64 / STEPS as f64))).collect()
}

/// Where a curve that rises from left to right is highest at `x`.
fn height(curve: &[(f64, f64)], x: f64) -> f64 {
    let right = curve.partition_point(|point| point.0 <= x);
    match (curve.get(right.wrapping_sub(1)), curve.get(right)) {
        (Some(a), Some(b)) if b.0 > a.0 => a.1 + (x - a.0) / (b.0 - a.0) * (b.1 - a.1),
        (Some(a), _) => a.1,
        (None, _) => 0.0,
    }
}

fn sparse(curve: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = curve.len().div_ceil(2 * STEPS).max(1);
    let last = curve.last().copied();
    curve.iter().copied().step_by(step).chain(last).collect()
}

/// The reliability diagram of the score's class, with how many songs were given which probability.
pub(super) fn reliability(songs: &Songs, evaluation: &Evaluation) -> Result<Picture> {
    let said: Vec<f64> = (0..songs.len()).map(|song| songs.of_score(song)).collect();
    let is: Vec<bool> = (0..songs.len()).map(|song| songs.is_score(song)).collect();
    let bins = bins_of(&said, &is, (songs.len() / 25).clamp(3, 10));
    let words = evaluation.calibration_words();
    let notes: String =
        notes_on_calibration(&evaluation.notes).map(|note| format!(" {note}")).collect();
    let caption = format!(
        "Songs in bins of equal size, those of equal probability in one: the probability that was said, and how often it came true, with 95 % intervals. On the diagonal a probability means what it says. Grey bars: how many songs got which probability. Calibration: {words}.{notes}"
    );
    let plot = Plot {
        title: "Reliability",
        caption: &caption,
        x_label: "probability that was said",
        y_label: "how often it came true",
        ..Plot::default()
    };
    let counts = histogram(&said, 25);
    let most = counts.iter().copied().max().unwrap_or(1).max(1) as f64;
    plot.paint(|axes| {
        for (index, &count) in counts.iter().enumerate() {
            let (left, right) = (index as f64 / 25.0, (index + 1) as f64 / 25.0);
            let height = 0.22 * count as f64 / most;
            bar(axes, [(left + 0.003, 0.0), (right - 0.003, height)], DIM, 0.28)?;
        }
        line(axes, [(0.0, 0.0), (1.0, 1.0)], stroke(DIM, 0.6, 1.0))?;
        for &(p, share, n) in &bins {
            let (low, high) = wilson(share, n);
            line(axes, [(p, low), (p, high)], stroke(series(0), 0.55, 1.6))?;
        }
        line(axes, bins.iter().map(|b| (b.0, b.1)), stroke(series(0), 0.9, 1.6))?;
        bins.iter().try_for_each(|b| dot(axes, (b.0, b.1), 4.0, series(0), 1.0))
    })
}

/// Wilson's 95 % interval of a share of `n`.
fn wilson(share: f64, n: usize) -> (f64, f64) {
    let (n, z) = (n.max(1) as f64, 1.96f64);
    let centre = (share + z * z / (2.0 * n)) / (1.0 + z * z / n);
    let half = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt() / (1.0 + z * z / n);
    ((centre - half).max(0.0), (centre + half).min(1.0))
}

/// Numbers of values in `bins` equal parts of 0 to 1.
fn histogram(values: &[f64], bins: usize) -> Vec<usize> {
    let mut counts = vec![0; bins];
    for value in values {
        counts[((value * bins as f64) as usize).min(bins - 1)] += 1;
    }
    counts
}

/// How far apart the scores of both kinds of songs lie.
pub(super) fn scores(songs: &Songs) -> Result<Picture> {
    const BINS: usize = 20;
    let of = |wanted: bool| -> Vec<f64> {
        let said: Vec<f64> = (0..songs.len())
            .filter(|&song| songs.is_score(song) == wanted)
            .map(|song| songs.of_score(song))
            .collect();
        let all = said.len().max(1) as f64;
        histogram(&said, BINS).into_iter().map(|count| count as f64 / all).collect()
    };
    let (high, low) = (of(true), of(false));
    let most = high.iter().chain(&low).copied().fold(0.05, f64::max);
    let name = &songs.classes[songs.score_class];
    let others = match songs.classes.len() {
        2 => songs.classes[1 - songs.score_class].clone(),
        _ => "all others".into(),
    };
    let plot = Plot {
        title: "Scores of both sides",
        caption: "Shares of the songs of each side by their score. The less the two overlap, the more a single score says.",
        x: (0.0, 100.0),
        y: (0.0, 1.08 * most),
        x_label: "score",
        y_label: "share of its songs",
        legend: vec![(series(0), shorten(name, 22)), (series(1), shorten(&others, 22))],
        ..Plot::default()
    };
    plot.paint(|axes| {
        for (shares, colour) in [(&low, series(1)), (&high, series(0))] {
            let width = 100.0 / BINS as f64;
            let mut outline = vec![(0.0, 0.0)];
            for (index, &share) in shares.iter().enumerate() {
                let (left, right) = (index as f64 * width, (index + 1) as f64 * width);
                if share > 0.0 {
                    bar(axes, [(left, 0.0), (right, share)], colour, 0.22)?;
                }
                outline.extend([(left, share), (right, share)]);
            }
            outline.push((100.0, 0.0));
            line(axes, outline, stroke(colour, 1.0, 1.6))?;
        }
        Ok(())
    })
}

/// What was said against what is true, with the mean truth of ten equal bins.
pub(super) fn scatter(songs: &Songs) -> Result<Picture> {
    let step = songs.len().div_ceil(MOST_DOTS).max(1);
    let (x, y) = (range(songs.said.iter().copied()), range(songs.truth.iter().copied()));
    let mean = |bin: &[usize], column: &[f64]| {
        metrics::mean(&bin.iter().map(|&song| column[song]).collect::<Vec<_>>())
    };
    let bins = equal_bins(&songs.said, 10);
    let trend: Vec<(f64, f64)> =
        bins.iter().map(|bin| (mean(bin, &songs.said), mean(bin, &songs.truth))).collect();
    let caption = match songs.task {
        Task::Share => {
            "Each dot is a song: the share that was predicted, and the share of its listeners. The orange line is the mean truth of ten bins; on the thin line, what was said is true."
        }
        _ => {
            "Each dot is a song. The orange line is the mean truth of ten bins; on the thin line, what was said is true."
        }
    };
    let plot = Plot {
        title: "Predicted and true",
        caption,
        x,
        y,
        x_label: "predicted",
        y_label: "true",
        ..Plot::default()
    };
    plot.paint(|axes| {
        let (from, to) = (x.0.max(y.0), x.1.min(y.1));
        if from < to {
            line(axes, [(from, from), (to, to)], stroke(DIM, 0.7, 1.0))?;
        }
        let opacity = if songs.len() > 800 { 0.3 } else { 0.5 };
        for song in (0..songs.len()).step_by(step) {
            dot(axes, (songs.said[song], songs.truth[song]), 2.4, series(0), opacity)?;
        }
        line(axes, trend.iter().copied(), stroke(series(1), 1.0, 2.4))?;
        trend.iter().try_for_each(|&at| dot(axes, at, 3.2, series(1), 1.0))
    })
}
