//! Targets and columns that say nothing, too little, or the same twice.

use super::{Kind, MAJORITY, Warning};
use crate::stats::columns::{Categories, Numbers};
use crate::stats::recipe_view::Target;

/// Beyond this correlation two columns say the same.
const SAME: f64 = 0.98;

/// What is wrong with targets.
pub(in crate::stats) fn targets(targets: &[Target]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for target in targets {
        let name = &target.numbers.name;
        let sorted = target.numbers.sorted();
        let bad = target.numbers.values.len() - sorted.len();
        if let (true, Some(problem)) = (bad > 0, &target.problem) {
            let message = format!("{name}: {bad} songs have no label; {problem}");
            warnings.push(Warning::new(Kind::BadLabels, message, [name.clone()]));
        }
        if !sorted.is_empty() && sorted.first() == sorted.last() {
            let message =
                format!("{name} is {} for every song: there is nothing to learn", sorted[0]);
            warnings.push(Warning::new(Kind::Imbalance, message, [name.clone()]));
        } else if target.is_class {
            let most = sorted.chunk_by(|a, b| a == b).map(<[f64]>::len).max().unwrap_or(0);
            let share = most as f64 / sorted.len().max(1) as f64;
            if share > MAJORITY {
                let message = format!(
                    "{name}: {:.1} % of the songs are of one class; that is what always answering so scores",
                    100.0 * share
                );
                warnings.push(Warning::new(Kind::Imbalance, message, [name.clone()]));
            }
        }
    }
    warnings
}

/// A column of categories of which one is nearly everything, or that has but one.
pub(in crate::stats) fn categories(column: &Categories) -> Option<Warning> {
    let all: usize = column.counts.iter().map(|(_, count)| count).sum();
    let (text, count) = column.counts.first()?;
    let names = [column.name.clone()];
    if column.counts.len() == 1 {
        let message = format!("{:?} is {text:?} for every song", column.name);
        return Some(Warning::new(Kind::Constant, message, names));
    }
    (*count as f64 > MAJORITY * all as f64).then(|| {
        let share = 100.0 * *count as f64 / all as f64;
        let message = format!("{:?} is {text:?} for {share:.1} % of the songs", column.name);
        Warning::new(Kind::Imbalance, message, names)
    })
}

/// Columns without values, and columns with but one.
pub(in crate::stats) fn columns(columns: &[&Numbers], categories: &[Categories]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let constant = columns.iter().filter(|column| {
        let sorted = column.sorted();
        sorted.len() > 1 && sorted.first() == sorted.last()
    });
    let constant: Vec<String> = constant.map(|column| column.name.clone()).collect();
    if !constant.is_empty() {
        let message = format!("{} columns have the same value everywhere", constant.len());
        warnings.push(Warning::new(Kind::Constant, message, constant));
    }
    let numbers = columns.iter().map(|column| {
        let missing = column.values.iter().filter(|value| value.is_none()).count();
        (column.name.as_str(), missing, column.values.len())
    });
    let texts = categories.iter().map(|column| {
        let there: usize = column.counts.iter().map(|(_, count)| count).sum();
        (column.name.as_str(), column.missing, column.missing + there)
    });
    let lacking: Vec<String> = numbers
        .chain(texts)
        .filter(|(_, missing, _)| *missing > 0)
        .map(|(name, missing, all)| {
            format!("{name}: {missing} of {all} ({:.1} %)", 100.0 * missing as f64 / all as f64)
        })
        .collect();
    if !lacking.is_empty() {
        let message = format!("{} columns lack values", lacking.len());
        warnings.push(Warning::new(Kind::Missing, message, lacking));
    }
    warnings
}

/// Pairs of columns that say the same.
pub(in crate::stats) fn redundant(names: &[&str], matrix: &[Vec<Option<f64>>]) -> Option<Warning> {
    let mut pairs = Vec::new();
    for (row, values) in matrix.iter().enumerate() {
        for (column, value) in values.iter().enumerate().take(row) {
            if let Some(value) = value.filter(|value| value.abs() > SAME) {
                pairs.push(format!("{} and {} ({value:.3})", names[column], names[row]));
            }
        }
    }
    (!pairs.is_empty()).then(|| {
        let message = format!("{} pairs of columns say almost the same", pairs.len());
        Warning::new(Kind::Redundant, message, pairs)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::columns::Origin;

    #[test]
    fn targets_that_cannot_be_learnt_are_told() {
        let target = |values: &[f64], is_class| Target {
            numbers: Numbers {
                name: "t".into(),
                origin: Origin::Target,
                values: values.iter().map(|&v| v.is_finite().then_some(v)).collect(),
            },
            is_class,
            problem: Some("track 3: liked is \"nan\"".into()),
        };
        let kinds = |values: &[f64], is_class| {
            targets(&[target(values, is_class)]).iter().map(|w| w.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&[1.0, 1.0, 1.0], true), [Kind::Imbalance]);
        assert_eq!(kinds(&[0.5, f64::NAN, 0.2], false), [Kind::BadLabels]);
        assert_eq!(kinds(&[0.0, 1.0, 0.0], true), []);
        let rare: Vec<f64> = (0..20).map(|n| f64::from(n == 3)).collect();
        assert_eq!(kinds(&rare, true), [Kind::Imbalance]);
        assert_eq!(kinds(&rare, false), []);
        // Of three classes the last two together are most of the songs, but neither is alone.
        let classes = |n: u8| f64::from(u8::from(n >= 3) + u8::from(n >= 11));
        assert_eq!(kinds(&(0..20).map(classes).collect::<Vec<_>>(), true), []);
    }
}
