//! From a raw output to a score: the calibrations that a model can carry.
//!
//! All of them start from the evidence for the class that is the score, see [`evidence`].

use serde::{Deserialize, Serialize};

use super::metadata::{FieldError, Task};

/// Most points of an isotonic calibration.
pub const MOST_POINTS: usize = 4096;

/// How a raw output becomes a score between 0 and 100.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Calibration {
    /// The class value itself, times 100.
    Identity,
    /// Platt scaling: `100 / (1 + exp(−(slope · raw + intercept)))`, fitted on songs that the
    /// scoring model had not seen.
    Platt {
        /// Factor on the evidence.
        slope: f32,
        /// Offset after the factor.
        intercept: f32,
    },
    /// The class value of raw outputs that are all divided by `t` (C. Guo et al., "On calibration of
    /// modern neural networks", 2017): above 1 it makes a model less sure, below 1 surer.
    Temperature {
        /// What raw outputs are divided by; finite and above 0.
        t: f32,
    },
    /// A line that never falls, through points: evidence `x`, value `y`. Straight between two points,
    /// level before the first and after the last.
    Isotonic {
        /// Evidence: finite, each larger than the one before; 1 to [`MOST_POINTS`] values.
        x: Vec<f32>,
        /// Values from 0 to 1, none smaller than the one before; as many as `x`.
        y: Vec<f32>,
    },
}

/// The evidence for one class in a row of raw outputs: the raw output itself, or, where exactly one of
/// several classes applies, its log-odds against all others (`raw − ln Σ exp(others)`), because
/// logits of a softmax mean nothing by themselves.
///
/// # Panics
/// When `index` is not below `raw.len()`.
pub fn evidence(task: Task, raw: &[f32], index: usize) -> f32 {
    match task {
        Task::Binary | Task::Regression => raw[index],
        Task::Multiclass => {
            let others = || raw.iter().enumerate().filter(|&(i, _)| i != index).map(|(_, &x)| x);
            let max = others().fold(f32::NEG_INFINITY, f32::max);
            raw[index] - max - others().map(|x| (x - max).exp()).sum::<f32>().ln()
        }
    }
}

/// `1 / (1 + exp(−x))`.
pub fn logistic(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The value, 0 to 1, of one class in raw outputs that are each divided by `t`; it does not allocate.
pub(super) fn class_value(task: Task, raw: &[f32], index: usize, t: f32) -> f32 {
    match task {
        Task::Binary => logistic(raw[index] / t),
        Task::Regression => (raw[index] / t).clamp(0.0, 1.0),
        Task::Multiclass => {
            let max = raw.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f32 = raw.iter().map(|&x| ((x - max) / t).exp()).sum();
            ((raw[index] - max) / t).exp() / sum
        }
    }
}

impl Calibration {
    /// The score, as a value from 0 to 1, of the class `index` in one row of raw outputs. It is not a
    /// number where the raw outputs are none. It does not allocate.
    ///
    /// # Panics
    /// When `index` is not below `raw.len()`.
    pub fn apply(&self, task: Task, raw: &[f32], index: usize) -> f32 {
        match self {
            Self::Identity => class_value(task, raw, index, 1.0),
            Self::Platt { slope, intercept } => {
                logistic(slope * evidence(task, raw, index) + intercept)
            }
            Self::Temperature { t } => class_value(task, raw, index, *t),
            Self::Isotonic { x, y } => interpolate(x, y, evidence(task, raw, index)),
        }
    }

    /// Checks what serde cannot.
    ///
    /// # Errors
    /// Names the field that cannot be honoured.
    pub fn validate(&self, task: Task) -> Result<(), FieldError> {
        let wrong = |field: &str, problem: String| Err(FieldError::new(field, problem));
        match self {
            Self::Identity => Ok(()),
            Self::Platt { slope, intercept } => {
                if !(slope.is_finite() && intercept.is_finite()) {
                    return wrong("calibration", "slope and intercept must be finite".into());
                }
                Ok(())
            }
            Self::Temperature { t } => {
                if task == Task::Regression {
                    return wrong(
                        "calibration.kind",
                        "a temperature divides logits, and a regression has none".into(),
                    );
                }
                if !(t.is_finite() && *t > 0.0) {
                    return wrong("calibration.t", format!("{t} is not a finite number above 0"));
                }
                Ok(())
            }
            Self::Isotonic { x, y } => {
                if x.is_empty() || x.len() > MOST_POINTS {
                    return wrong(
                        "calibration.x",
                        format!("{} points are not between 1 and {MOST_POINTS}", x.len()),
                    );
                }
                if y.len() != x.len() {
                    return wrong(
                        "calibration.y",
                        format!("has {} values, calibration.x has {}", y.len(), x.len()),
                    );
                }
                if let Some(i) = x.iter().position(|v| !v.is_finite()) {
                    return wrong(&format!("calibration.x[{i}]"), "is not finite".into());
                }
                if let Some(i) = y.iter().position(|v| !(0.0..=1.0).contains(v)) {
                    return wrong(
                        &format!("calibration.y[{i}]"),
                        format!("{} is not between 0 and 1", y[i]),
                    );
                }
                if let Some(i) = (1..x.len()).find(|&i| x[i] <= x[i - 1]) {
                    return wrong(
                        &format!("calibration.x[{i}]"),
                        format!("{} is not above {}, the point before", x[i], x[i - 1]),
                    );
                }
                if let Some(i) = (1..y.len()).find(|&i| y[i] < y[i - 1]) {
                    return wrong(
                        &format!("calibration.y[{i}]"),
                        format!("{} is below {}, the point before", y[i], y[i - 1]),
                    );
                }
                Ok(())
            }
        }
    }
}

/// The value at `at` of the line through the points, which rise in `x`.
fn interpolate(x: &[f32], y: &[f32], at: f32) -> f32 {
    if at.is_nan() {
        return at;
    }
    match x.partition_point(|&point| point < at) {
        0 => y[0],
        end if end == x.len() => y[end - 1],
        right => {
            // In double precision, where no difference of two finite values overflows.
            let (x0, x1) = (f64::from(x[right - 1]), f64::from(x[right]));
            let (y0, y1) = (f64::from(y[right - 1]), f64::from(y[right]));
            (y0 + (f64::from(at) - x0) / (x1 - x0) * (y1 - y0)) as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn isotonic(x: &[f32], y: &[f32]) -> Calibration {
        Calibration::Isotonic { x: x.to_vec(), y: y.to_vec() }
    }

    #[test]
    fn isotonic_is_straight_between_points_and_level_outside() {
        let line = isotonic(&[-1.0, 0.0, 2.0], &[0.1, 0.1, 0.9]);
        line.validate(Task::Binary).unwrap();
        let at = |x: f32| line.apply(Task::Binary, &[x], 0);
        for (x, y) in [(-9.0, 0.1), (-1.0, 0.1), (0.0, 0.1), (1.0, 0.5), (2.0, 0.9), (7.0, 0.9)] {
            assert!((at(x) - y).abs() < 1e-7, "{x}");
        }
        assert_eq!(at(f32::INFINITY), 0.9);
        assert!(at(f32::NAN).is_nan());
        let wide = isotonic(&[f32::MIN, f32::MAX], &[0.0, 1.0]);
        assert!((wide.apply(Task::Binary, &[0.0], 0) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn temperature_divides_logits() {
        let warm = Calibration::Temperature { t: 2.0 };
        assert_eq!(warm.apply(Task::Binary, &[3.0], 0), logistic(1.5));
        let raw = [2.0f32, 0.0, -1.0];
        let exps = raw.map(|x| (x / 2.0).exp());
        let expected = exps[0] / exps.iter().sum::<f32>();
        assert!((warm.apply(Task::Multiclass, &raw, 0) - expected).abs() < 1e-6);
        assert!(warm.validate(Task::Regression).is_err());
    }

    #[test]
    fn evidence_of_a_class_is_its_log_odds() {
        let raw = [1.0f32, 3.0, 2.0];
        let value = class_value(Task::Multiclass, &raw, 2, 1.0);
        let odds = evidence(Task::Multiclass, &raw, 2);
        assert!((logistic(odds) - value).abs() < 1e-6);
        // Adding a constant to all logits changes nothing.
        let shifted = evidence(Task::Multiclass, &raw.map(|x| x + 5.0), 2);
        assert!((shifted - odds).abs() < 1e-5);
        assert_eq!(evidence(Task::Binary, &raw, 2), 2.0);
    }

    #[test]
    fn documents_survive_a_round_trip() {
        for calibration in [
            Calibration::Identity,
            Calibration::Platt { slope: 2.0, intercept: -0.5 },
            Calibration::Temperature { t: 1.7 },
            isotonic(&[-0.1, 0.3], &[0.25, 0.75]),
        ] {
            let json = serde_json::to_string(&calibration).unwrap();
            assert_eq!(serde_json::from_str::<Calibration>(&json).unwrap(), calibration);
        }
        // As every model before 0.2 has it.
        let old = r#"{"kind":"platt","slope":3.81534,"intercept":1.6201305}"#;
        let read: Calibration = serde_json::from_str(old).unwrap();
        assert_eq!(read, Calibration::Platt { slope: 3.81534, intercept: 1.6201305 });
    }
}
