//! Columns of numbers and of categories, and what there is to say of each.

use std::collections::BTreeMap;

use serde::Serialize;

/// Most different values of a column of text that counts as categories.
const MOST_CATEGORIES: usize = 24;
/// Bars of a histogram.
const BARS: usize = 40;
/// Whole numbers over a span beyond this are binned as any others.
const MOST_WHOLE: f64 = 1e9;

/// Where a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The manifest, or the bare table.
    Manifest,
    /// What was computed from the audio.
    Features,
    /// The audio itself: length, silence, clipping.
    Audio,
    /// What the recipe would have a model learn.
    Target,
}

/// A column of numbers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Numbers {
    pub(super) name: String,
    pub(super) origin: Origin,
    /// One value a song; never infinite or NaN.
    pub(super) values: Vec<Option<f64>>,
}

/// A column of a few different texts.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Categories {
    pub(super) name: String,
    /// How many songs have each text, the most frequent first.
    pub(super) counts: Vec<(String, usize)>,
    pub(super) missing: usize,
}

/// What a column of a table turned out to hold.
pub(super) enum Column {
    Numbers(Numbers),
    Categories(Categories),
    /// Names, ids, texts: nothing to draw.
    Texts,
}

/// Whether a cell says nothing.
pub(super) fn is_missing(cell: &str) -> bool {
    matches!(
        cell.trim().to_ascii_lowercase().as_str(),
        "" | "nan" | "na" | "n/a" | "null" | "none" | "inf" | "-inf" | "+inf"
    )
}

/// Finds out what a column holds.
pub(super) fn column_of<'a>(name: &str, cells: impl Iterator<Item = &'a str> + Clone) -> Column {
    let there = || cells.clone().filter(|cell| !is_missing(cell));
    if there().next().is_none() {
        let numbers = cells.map(|_| None).collect();
        let (name, origin) = (name.to_owned(), Origin::Manifest);
        return Column::Numbers(Numbers { name, origin, values: numbers });
    }
    let parse = |cell: &str| cell.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    if there().all(|cell| parse(cell).is_some()) {
        let value = |cell: &str| if is_missing(cell) { None } else { parse(cell) };
        let (name, origin) = (name.to_owned(), Origin::Manifest);
        return Column::Numbers(Numbers { name, origin, values: cells.map(value).collect() });
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for cell in there() {
        *counts.entry(cell).or_default() += 1;
        if counts.len() > MOST_CATEGORIES {
            return Column::Texts;
        }
    }
    let missing = cells.filter(|cell| is_missing(cell)).count();
    let mut counts: Vec<(String, usize)> =
        counts.into_iter().map(|(text, count)| (text.to_owned(), count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    Column::Categories(Categories { name: name.to_owned(), counts, missing })
}

/// What there is to say of a column of numbers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The column.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Songs that have a value.
    pub count: usize,
    /// Songs that have none.
    pub missing: usize,
    /// Different values.
    pub distinct: usize,
    /// Mean; absent, as all that follows, where no song has a value.
    pub mean: Option<f64>,
    /// Standard deviation, over n.
    pub deviation: Option<f64>,
    /// Least value, quartiles and greatest value, by linear interpolation.
    pub quartiles: Option<[f64; 5]>,
    /// Third standardised moment; absent for constant columns.
    pub skewness: Option<f64>,
}

impl Numbers {
    /// The values that are there, in rising order.
    pub(super) fn sorted(&self) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.values.iter().copied().flatten().collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    }

    pub(super) fn summary(&self) -> Summary {
        let sorted = self.sorted();
        let count = sorted.len();
        let mut distinct = sorted.clone();
        distinct.dedup();
        let (mut mean, mut deviation, mut skewness, mut quartiles) = (None, None, None, None);
        if count > 0 {
            let of = |power: i32, centre: f64| {
                sorted.iter().map(|v| (v - centre).powi(power)).sum::<f64>() / count as f64
            };
            let centre = of(1, 0.0);
            let spread = of(2, centre).sqrt();
            (mean, deviation) = (Some(centre), Some(spread));
            if distinct.len() > 1 && spread > 0.0 {
                skewness = Some(of(3, centre) / spread.powi(3)).filter(|s| s.is_finite());
            }
            quartiles = Some([0.0, 0.25, 0.5, 0.75, 1.0].map(|part| quantile(&sorted, part)));
        }
        Summary {
            name: self.name.clone(),
            origin: self.origin,
            count,
            missing: self.values.len() - count,
            distinct: distinct.len(),
            mean,
            deviation,
            quartiles,
            skewness,
        }
    }

    /// How often values lie where.
    pub(super) fn histogram(&self) -> Histogram {
        let sorted = self.sorted();
        let (Some(&least), Some(&greatest)) = (sorted.first(), sorted.last()) else {
            return Histogram { edges: vec![0.0, 1.0], counts: vec![0], logarithmic: false };
        };
        // Plays, likes and the like span many powers of ten: on a plain axis all would be one bar.
        // Zero has no logarithm and falls in the first bar, so there must be few of them.
        let tenth = quantile(&sorted, 0.1);
        let logarithmic = least >= 0.0 && tenth > 0.0 && greatest / quantile(&sorted, 0.5) > 50.0;
        let span = greatest - least + 1.0;
        if !logarithmic && span < MOST_WHOLE && sorted.iter().all(|v| v.fract() == 0.0) {
            // Bars of equally many whole numbers: else some would hold one more than others.
            let width = (span / BARS as f64).ceil();
            let mut counts = vec![0; (span / width).ceil() as usize];
            sorted.iter().for_each(|v| counts[((v - least) / width) as usize] += 1);
            let edges = (0..=counts.len()).map(|i| least - 0.5 + i as f64 * width).collect();
            return Histogram { edges, counts, logarithmic };
        }
        let lowest = sorted.iter().copied().find(|&v| v > 0.0).unwrap_or(1.0);
        let place = |v: f64| if logarithmic { v.max(lowest).log10() } else { v };
        let (low, high) = (place(least), place(greatest));
        let width = if high > low { (high - low) / BARS as f64 } else { 1.0 / BARS as f64 };
        let low = if high > low { low } else { low - 0.5 };
        let mut counts = vec![0; BARS];
        for &v in &sorted {
            counts[(((place(v) - low) / width) as usize).min(BARS - 1)] += 1;
        }
        let edge = |i: usize| {
            let at = low + i as f64 * width;
            if logarithmic { 10f64.powf(at) } else { at }
        };
        Histogram { edges: (0..=BARS).map(edge).collect(), counts, logarithmic }
    }
}

/// How often values lie where.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Histogram {
    /// One more than there are bars.
    pub(super) edges: Vec<f64>,
    pub(super) counts: Vec<usize>,
    /// Whether all bars are equally wide as powers of ten.
    pub(super) logarithmic: bool,
}

/// The value below which a part of sorted values lies, by linear interpolation.
pub(super) fn quantile(sorted: &[f64], part: f64) -> f64 {
    let at = part * (sorted.len() - 1) as f64;
    let below = sorted[at.floor() as usize];
    below + (sorted[at.ceil() as usize] - below) * at.fract()
}

/// Pearson's correlation over the songs that have both values; `None` where one of them is constant.
pub(super) fn correlation(a: &[Option<f64>], b: &[Option<f64>]) -> Option<f64> {
    let pairs = || a.iter().zip(b).filter_map(|(a, b)| Some(((*a)?, (*b)?)));
    let count = pairs().count() as f64;
    let (mean_a, mean_b) = pairs().fold((0.0, 0.0), |(x, y), (a, b)| (x + a, y + b));
    let (mean_a, mean_b) = (mean_a / count, mean_b / count);
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in pairs() {
        let (a, b) = (a - mean_a, b - mean_b);
        (ab, aa, bb) = (ab + a * b, aa + a * a, bb + b * b);
    }
    let scale = (aa * bb).sqrt();
    (count >= 3.0 && scale > 1e-12 * mean_a.abs().max(1.0) * mean_b.abs().max(1.0))
        .then(|| (ab / scale).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[f64]) -> Numbers {
        let values = values.iter().map(|&v| v.is_finite().then_some(v)).collect();
        Numbers { name: "x".into(), origin: Origin::Manifest, values }
    }

    #[test]
    fn columns_are_told_apart() {
        let kind = |cells: &[&str]| match column_of("c", cells.iter().copied()) {
            Column::Numbers(n) => format!("numbers {:?}", n.values),
            Column::Categories(c) => format!("categories {:?} {}", c.counts, c.missing),
            Column::Texts => "texts".to_owned(),
        };
        assert_eq!(kind(&["1", "", "2.5", "NaN"]), "numbers [Some(1.0), None, Some(2.5), None]");
        assert_eq!(kind(&["", ""]), "numbers [None, None]");
        assert_eq!(kind(&["a", "b", "b", ""]), "categories [(\"b\", 2), (\"a\", 1)] 1");
        let many: Vec<String> = (0..40).map(|n| format!("n{n}")).collect();
        assert_eq!(kind(&many.iter().map(String::as_str).collect::<Vec<_>>()), "texts");
    }

    #[test]
    fn summaries_are_those_of_numpy() {
        // numpy 2: mean, std, percentile; scipy.stats.skew.
        let summary = numbers(&[1.0, 2.0, 4.0, 8.0, f64::NAN]).summary();
        assert_eq!((summary.count, summary.missing, summary.distinct), (4, 1, 4));
        assert_eq!(summary.mean, Some(3.75));
        assert!((summary.deviation.unwrap() - 2.680_951_323_690_902_3).abs() < 1e-12);
        assert_eq!(summary.quartiles, Some([1.0, 1.75, 3.0, 5.0, 8.0]));
        assert!((summary.skewness.unwrap() - 0.656_807_734_499_699_3).abs() < 1e-12);
        assert_eq!(numbers(&[2.0, 2.0]).summary().skewness, None);
        assert_eq!(numbers(&[]).summary().mean, None);
    }

    #[test]
    fn histograms_count_every_value_once() {
        for values in [
            vec![0.0, 1.0, 1.0, 2.0],
            (0..1000).map(|i| f64::from(i).powi(3)).collect(),
            (0..500).map(|i| f64::from(i).sin()).collect(),
            vec![7.5; 9],
        ] {
            let histogram = numbers(&values).histogram();
            assert_eq!(histogram.counts.iter().sum::<usize>(), values.len());
            assert_eq!(histogram.edges.len(), histogram.counts.len() + 1);
            assert!(histogram.edges.is_sorted());
        }
        assert_eq!(numbers(&[0.0, 1.0, 1.0, 2.0]).histogram().counts, [1, 2, 1]);
        // Of 0 to 99, forty bars would hold two or three values each.
        let counts: Vec<f64> = (0..100).map(f64::from).collect();
        assert!(numbers(&counts).histogram().counts.iter().take(33).all(|&n| n == 3));
        let plays: Vec<f64> = (0..60).map(|i| 10f64.powf(f64::from(i) / 10.0)).collect();
        assert!(numbers(&plays).histogram().logarithmic);
        assert_eq!(numbers(&[f64::NAN]).histogram().counts, [0]);
    }

    #[test]
    fn correlation_is_pearsons() {
        let some = |values: &[f64]| numbers(values).values;
        let a = some(&[1.0, 2.0, 3.0, 4.0, f64::NAN]);
        assert!((correlation(&a, &some(&[2.0, 4.0, 6.0, 8.0, 1.0])).unwrap() - 1.0).abs() < 1e-12);
        // numpy.corrcoef([1, 2, 3, 4], [1, 3, 2, 0])
        let b = some(&[1.0, 3.0, 2.0, 0.0, 9.0]);
        assert!((correlation(&a, &b).unwrap() + 0.4).abs() < 1e-12);
        assert_eq!(correlation(&a, &some(&[5.0; 5])), None);
    }
}
