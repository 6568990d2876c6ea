//! One figure, its interval, and what knowing nothing would give.

use serde::{Deserialize, Serialize};

use super::number;

/// What stands in place of an interval that there is none of.
pub(crate) const TOO_FEW: &str = "too few to tell";

/// A figure with its 95 % interval and what knowing nothing would give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was measured, such as `auc`.
    pub name: String,
    /// On which songs: `all`, or `within genre`.
    pub scope: String,
    /// The figure.
    pub value: f64,
    /// Lower end of its interval; none where there are too few songs or groups to tell.
    pub low: Option<f64>,
    /// Upper end of its interval, likewise.
    pub high: Option<f64>,
    /// What the best guess without listening would get.
    pub baseline: Option<f64>,
    /// What that guess is.
    pub baseline_is: Option<String>,
    /// Whether more is better.
    pub higher_is_better: bool,
}

impl Figure {
    /// Both ends of its interval.
    pub fn interval(&self) -> Option<(f64, f64)> {
        Some((self.low?, self.high?))
    }

    /// Its interval in words.
    pub(crate) fn interval_words(&self) -> String {
        let words = |(low, high)| format!("{} to {}", number(low), number(high));
        self.interval().map_or_else(|| TOO_FEW.to_owned(), words)
    }

    /// Whether it has an interval that lies above a value as a whole.
    pub fn is_above(&self, value: f64) -> bool {
        self.interval().is_some_and(|(low, _)| low > value)
    }

    /// Whether it has an interval that lies below a value as a whole.
    pub fn is_below(&self, value: f64) -> bool {
        self.interval().is_some_and(|(_, high)| high < value)
    }

    /// Whether the whole interval is better than the baseline; `None` without one of the two.
    pub fn beats_baseline(&self) -> Option<bool> {
        let (baseline, _) = (self.baseline?, self.interval()?);
        Some(if self.higher_is_better { self.is_above(baseline) } else { self.is_below(baseline) })
    }

    /// Whether the whole interval is worse than the baseline.
    pub fn loses_to_baseline(&self) -> bool {
        let worse = |baseline| match self.higher_is_better {
            true => self.is_below(baseline),
            false => self.is_above(baseline),
        };
        self.baseline.is_some_and(worse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auc(interval: Option<(f64, f64)>) -> Figure {
        Figure {
            name: "auc".into(),
            scope: "all".into(),
            value: 1.0,
            low: interval.map(|(low, _)| low),
            high: interval.map(|(_, high)| high),
            baseline: Some(0.5),
            baseline_is: Some("a coin".into()),
            higher_is_better: true,
        }
    }

    #[test]
    fn without_an_interval_there_is_no_verdict() {
        let (few, many) = (auc(None), auc(Some((0.8, 1.0))));
        assert_eq!((few.beats_baseline(), many.beats_baseline()), (None, Some(true)));
        assert!(!few.loses_to_baseline() && !few.is_above(0.0) && !few.is_below(2.0));
        assert_eq!(few.interval_words(), TOO_FEW);
        assert_eq!(many.interval_words(), "0.800 to 1.000");
    }

    #[test]
    fn what_was_written_before_is_read() {
        let text = r#"{"name":"auc","scope":"all","value":1.0,"low":0.8,"high":1.0,"baseline":0.5,
            "baseline_is":"a coin","higher_is_better":true}"#;
        assert_eq!(serde_json::from_str::<Figure>(text).unwrap(), auc(Some((0.8, 1.0))));
        let few = serde_json::to_string(&auc(None)).unwrap();
        assert!(few.contains(r#""low":null,"high":null"#), "{few}");
        assert_eq!(serde_json::from_str::<Figure>(&few).unwrap(), auc(None));
    }
}
