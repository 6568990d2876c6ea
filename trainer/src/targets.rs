//! What is learnt: targets declared in a recipe, computed from a manifest's columns.

mod blend;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::dataset::Track;
use crate::run::Task;

pub use blend::{Blend, Source, SourceScale};

/// A target and how it counts. Exactly one of `share`, `is`, `above`, `value`, `blend` and
/// `classes` says what it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// Name of the class or value.
    pub name: String,
    /// What it means.
    pub meaning: String,
    /// Weight of its loss.
    #[serde(default = "one")]
    pub weight: f64,
    /// Learnt because it helps the other heads, but not part of the exported model.
    #[serde(default)]
    pub auxiliary: bool,
    /// A share of people …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// … or whether a column has a value …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Is>,
    /// … or whether a number is above a threshold …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<Above>,
    /// … or a number, scaled to 0–1 …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// … or the mean of several sources, each brought to 0–1 …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blend: Option<Blend>,
    /// … or one of several classes by quantile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Classes>,
}

fn one() -> f64 {
    1.0
}

/// A share of people, drawn towards the mean: `(count + prior · mean) / (of + prior)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Column with the number of people who said so.
    pub count: String,
    /// Column with the number of people asked.
    pub of: String,
    /// Votes of the mean opinion that are added to every song.
    #[serde(default)]
    pub prior: f64,
}

/// Whether a column has a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Is {
    /// The column.
    pub column: String,
    /// The value.
    pub value: String,
}

/// Whether a number (a column, or the ratio of two: `liked / annotations`) is above a threshold. The threshold is given, or is a
/// quantile of the training songs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Above {
    /// The column.
    pub column: String,
    /// The threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// The quantile, 0–1, that is the threshold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantile: Option<f64>,
}

/// A number to be predicted: `(column − low) / (high − low)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// The column.
    pub column: String,
    /// What becomes 0.
    pub low: f64,
    /// What becomes 1.
    pub high: f64,
}

/// Classes between quantiles of the training songs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Classes {
    /// The column.
    pub column: String,
    /// Rising quantiles, 0–1, between the classes.
    #[serde(default)]
    pub quantiles: Vec<f64>,
    /// Or rising values between the classes; a value equal to one belongs to the class above it.
    #[serde(default)]
    pub limits: Vec<f64>,
    /// Their names, lowest first: one more than there are limits.
    pub names: Vec<String>,
}

/// All songs' targets.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// What is learnt of each song, one value an output: smoothed shares, 0 or 1, a one among zeros
    /// for classes, or the scaled value.
    pub learnt: Vec<Vec<f32>>,
    /// Weight of each song and output in the loss.
    pub weights: Vec<Vec<f32>>,
    /// The plain truth of the first head: share, 0 or 1, class number, value.
    pub truth: Vec<f64>,
    /// The people behind that truth; 1 where nobody was counted.
    pub raters: Vec<f64>,
}

impl Head {
    /// Checks that the head says what it is.
    ///
    /// # Errors
    /// When it says nothing or too much, or its limits are impossible; the message names the head.
    pub fn validate(&self) -> Result<()> {
        let kinds = usize::from(self.share.is_some())
            + usize::from(self.is.is_some())
            + usize::from(self.above.is_some())
            + usize::from(self.value.is_some())
            + usize::from(self.blend.is_some())
            + usize::from(self.classes.is_some());
        let name = &self.name;
        ensure!(
            kinds == 1,
            "heads: {name} must have exactly one of share, is, above, value, blend and classes"
        );
        ensure!(self.weight >= 0.0, "heads: the weight of {name} is below zero");
        if let Some(share) = &self.share {
            ensure!(share.prior >= 0.0, "heads: the prior of {name} is below zero");
        }
        if let Some(above) = &self.above {
            ensure!(
                above.threshold.is_some() != above.quantile.is_some(),
                "heads: {name} is above either a threshold or a quantile"
            );
            ensure!(
                above.quantile.is_none_or(|q| q > 0.0 && q < 1.0),
                "heads: the quantile of {name} must be between 0 and 1"
            );
        }
        if let Some(blend) = &self.blend {
            blend.validate(name)?;
        }
        if let Some(value) = &self.value {
            ensure!(value.low < value.high, "heads: low of {name} must be below high");
        }
        if let Some(classes) = &self.classes {
            ensure!(
                classes.quantiles.is_empty() != classes.limits.is_empty(),
                "heads: {name} is cut either at quantiles or at limits"
            );
            let cuts = classes.quantiles.len() + classes.limits.len();
            ensure!(
                classes.names.len() == cuts + 1,
                "heads: {name} has {} names, but {cuts} cuts make {} classes",
                classes.names.len(),
                cuts + 1
            );
            let rising = |v: &[f64]| v.is_sorted_by(|a, b| a < b);
            ensure!(
                rising(&classes.quantiles) && rising(&classes.limits),
                "heads: the cuts of {name} must rise"
            );
            ensure!(
                classes.quantiles.iter().all(|&q| q > 0.0 && q < 1.0),
                "heads: the quantiles of {name} must be between 0 and 1"
            );
        }
        Ok(())
    }

    /// The kind of answer this head needs.
    pub fn task(&self) -> Task {
        if self.classes.is_some() {
            Task::Classes
        } else if self.value.is_some() || self.blend.is_some() {
            Task::Regression
        } else if self.share.is_some() {
            Task::Share
        } else {
            Task::Binary
        }
    }

    /// Names of this head's outputs: its own, or those of its classes.
    pub fn outputs(&self) -> Vec<String> {
        match &self.classes {
            Some(classes) => classes.names.clone(),
            None => vec![self.name.clone()],
        }
    }

    /// The columns that the target is made of.
    pub fn columns(&self) -> Vec<&str> {
        let of_share = self.share.iter().flat_map(|share| [share.count.as_str(), &share.of]);
        let of_is = self.is.iter().map(|is| is.column.as_str());
        let quantities = [
            self.above.as_ref().map(|above| &above.column),
            self.value.as_ref().map(|value| &value.column),
            self.classes.as_ref().map(|classes| &classes.column),
        ];
        let of_quantities = quantities.into_iter().flatten().flat_map(|column| {
            std::iter::once(column.as_str()).chain(column.split('/').map(str::trim))
        });
        let of_blend = self.blend.iter().flat_map(Blend::columns);
        of_share.chain(of_is).chain(of_quantities).chain(of_blend).collect()
    }

    /// Votes of the mean opinion that are added to every song.
    pub fn prior(&self) -> f64 {
        self.share.as_ref().map_or(0.0, |share| share.prior)
    }

    /// The plain share, and the number of people behind it (one for anything but a share).
    ///
    /// # Errors
    /// When a column is missing or holds no sensible number.
    pub fn share_of(&self, track: &Track) -> Result<(f64, f64)> {
        let Some(Share { count: count_column, of: of_column, .. }) = &self.share else {
            return Ok((self.plain(track)?, 1.0));
        };
        let (count, of) = (track.number(count_column)?, track.number(of_column)?);
        ensure!(
            of > 0.0 && (0.0..=of).contains(&count),
            "track {}: {count_column} = {count} of {of_column} = {of} is no share",
            track.id
        );
        Ok((count / of, of))
    }

    /// The number behind the target, before thresholds and classes.
    fn plain(&self, track: &Track) -> Result<f64> {
        if let Some(Is { column, value }) = &self.is {
            return Ok(f64::from(u8::from(track.text(column)? == value)));
        }
        if let Some(Value { column, low, high }) = &self.value {
            return Ok((quantity(track, column)? - low) / (high - low));
        }
        let column = self.above.as_ref().map(|a| &a.column);
        match column.or(self.classes.as_ref().map(|c| &c.column)) {
            Some(column) => quantity(track, column),
            None => bail!("heads: {} says nothing of what it is", self.name),
        }
    }

    /// Learnt values (one an output), the plain truth and the number of people behind it, for every
    /// song. Means and quantiles are taken over `reference` songs.
    fn all(&self, tracks: &[&Track], reference: &[usize]) -> Result<Vec<(Vec<f64>, f64, f64)>> {
        if let Some(blend) = &self.blend {
            let values = blend.values(tracks, reference)?;
            return Ok(values.into_iter().map(|value| (vec![value], value, 1.0)).collect());
        }
        let plain: Vec<(f64, f64)> =
            tracks.iter().map(|track| self.share_of(track)).collect::<Result<_>>()?;
        let quantile = |q: f64| quantile(reference.iter().map(|&i| plain[i].0).collect(), q);
        if let Some(above) = &self.above {
            let limit = match (above.threshold, above.quantile) {
                (Some(threshold), _) => threshold,
                (None, q) => quantile(q.unwrap_or(0.5)),
            };
            let yes = |x: f64| f64::from(u8::from(x > limit));
            return Ok(plain.iter().map(|&(x, of)| (vec![yes(x)], yes(x), of)).collect());
        }
        if let Some(classes) = &self.classes {
            let limits: Vec<f64> = if classes.limits.is_empty() {
                classes.quantiles.iter().map(|&q| quantile(q)).collect()
            } else {
                classes.limits.clone()
            };
            let class_of = |x: f64| limits.iter().filter(|&&limit| x >= limit).count();
            let one_hot = |class: usize| {
                (0..classes.names.len()).map(|c| f64::from(u8::from(c == class))).collect()
            };
            return Ok(plain
                .iter()
                .map(|&(x, of)| (one_hot(class_of(x)), class_of(x) as f64, of))
                .collect());
        }
        let prior = self.prior();
        let total =
            |f: fn(&(f64, f64)) -> f64| reference.iter().map(|&i| f(&plain[i])).sum::<f64>();
        let mean = total(|(share, of)| share * of) / total(|(_, of)| *of);
        Ok(plain
            .iter()
            .map(|&(x, of)| {
                let learnt = if prior > 0.0 { (x * of + prior * mean) / (of + prior) } else { x };
                (vec![learnt], x, of)
            })
            .collect())
    }
}

/// The number in a column, or the ratio of two: `liked / annotations`.
fn quantity(track: &Track, column: &str) -> Result<f64> {
    if track.columns.contains_key(column) {
        return track.number(column);
    }
    let Some((above, below)) = column.split_once('/') else { return track.number(column) };
    let (above, below) = (above.trim(), below.trim());
    let (count, of) = (track.number(above)?, track.number(below)?);
    ensure!(of != 0.0, "track {}: {below} is 0, so {column} is no number", track.id);
    Ok(count / of)
}

/// The `q`-quantile by linear interpolation, as numpy's default.
fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return f64::NAN };
    let at = q * last as f64;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// Checks heads against each other and tells the task they make.
///
/// # Errors
/// When they do not fit together; the message says which and why.
pub fn task_of(heads: &[Head]) -> Result<Task> {
    let first = heads.first().context("heads: there is none; the first is the score")?;
    for head in heads {
        head.validate()?;
    }
    ensure!(!first.auxiliary, "heads: the first is the score and cannot be auxiliary");
    ensure!(heads.is_sorted_by_key(|head| head.auxiliary), "heads: auxiliary heads must come last");
    let task = first.task();
    if matches!(task, Task::Classes | Task::Regression) {
        ensure!(heads.len() == 1, "heads: {} must be the only head", first.name);
    } else if let Some(odd) =
        heads.iter().find(|head| matches!(head.task(), Task::Classes | Task::Regression))
    {
        bail!("heads: {} must be the only head", odd.name);
    }
    Ok(task)
}

/// Targets of every song. Means and quantiles come from the `reference` songs (those trained on).
///
/// # Errors
/// When a column is missing or holds no sensible number, or the reference songs are all of one class.
pub fn targets(heads: &[Head], tracks: &[&Track], reference: &[usize]) -> Result<Targets> {
    let songs = tracks.len();
    let mut targets = Targets {
        learnt: vec![vec![]; songs],
        weights: vec![vec![]; songs],
        truth: vec![0.0; songs],
        raters: vec![1.0; songs],
    };
    for (n, head) in heads.iter().enumerate() {
        let all = head.all(tracks, reference)?;
        if n == 0 {
            one_class_is_an_error(head, &all, reference)?;
        }
        for (song, (learnt, truth, of)) in all.into_iter().enumerate() {
            let weight = (head.weight * of / (of + head.prior())) as f32;
            targets.weights[song].extend(std::iter::repeat_n(weight, learnt.len()));
            targets.learnt[song].extend(learnt.into_iter().map(|x| x as f32));
            if n == 0 {
                targets.truth[song] = truth;
                targets.raters[song] = if head.share.is_some() { of } else { 1.0 };
            }
        }
    }
    Ok(targets)
}

fn one_class_is_an_error(
    head: &Head,
    all: &[(Vec<f64>, f64, f64)],
    reference: &[usize],
) -> Result<()> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for &song in reference {
        *counts.entry(all[song].1.to_bits()).or_default() += 1;
    }
    ensure!(
        counts.len() > 1,
        "heads: all {} training songs have the same {}; there is nothing to learn",
        reference.len(),
        head.name
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(id: usize, columns: &[(&str, f64)]) -> Track {
        Track {
            id: id.to_string(),
            file: String::new(),
            columns: columns.iter().map(|(k, v)| ((*k).into(), v.to_string())).collect(),
        }
    }

    fn head(text: &str) -> Head {
        toml::from_str(&format!("name = \"x\"\nmeaning = \"y\"\n{text}")).unwrap()
    }

    #[test]
    fn shares_are_drawn_towards_the_mean_of_the_reference() {
        let songs: Vec<Track> = [(1.0, 2.0), (9.0, 10.0), (0.0, 8.0)]
            .iter()
            .enumerate()
            .map(|(i, &(c, n))| track(i, &[("c", c), ("n", n)]))
            .collect();
        let refs: Vec<&Track> = songs.iter().collect();
        let head = head("share = { count = \"c\", of = \"n\", prior = 10.0 }");
        let targets = targets(&[head], &refs, &[0, 1]).unwrap();
        let mean = 10.0 / 12.0;
        let expected = (1.0 + 10.0 * mean) / 12.0;
        assert!((f64::from(targets.learnt[0][0]) - expected).abs() < 1e-6);
        assert_eq!(targets.truth, [0.5, 0.9, 0.0]);
        assert_eq!(targets.raters, [2.0, 10.0, 8.0]);
        assert!((targets.weights[1][0] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn thresholds_and_classes() {
        let songs: Vec<Track> = (0..8).map(|i| track(i, &[("v", i as f64)])).collect();
        let refs: Vec<&Track> = songs.iter().collect();
        let all: Vec<usize> = (0..8).collect();
        let above = head("above = { column = \"v\", threshold = 5 }");
        assert_eq!(targets(&[above], &refs, &all).unwrap().truth, [0., 0., 0., 0., 0., 0., 1., 1.]);
        let classes = head(
            "classes = { column = \"v\", quantiles = [0.25, 0.75], names = [\"a\", \"b\", \"c\"] }",
        );
        let made = targets(std::slice::from_ref(&classes), &refs, &all).unwrap();
        assert_eq!(made.truth, [0., 0., 1., 1., 1., 1., 2., 2.]);
        assert_eq!(made.learnt[7], [0.0, 0.0, 1.0]);
        assert_eq!(classes.outputs(), ["a", "b", "c"]);
        assert_eq!(task_of(&[classes]).unwrap(), Task::Classes);
    }

    #[test]
    fn a_column_can_be_the_ratio_of_two() {
        let songs = [track(0, &[("a", 1.0), ("b", 4.0)]), track(1, &[("a", 3.0), ("b", 0.0)])];
        assert_eq!(quantity(&songs[0], "a / b").unwrap(), 0.25);
        assert!(quantity(&songs[1], "a/b").unwrap_err().to_string().contains("b is 0"));
        assert!(quantity(&songs[0], "a / c").unwrap_err().to_string().contains("\"c\""));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let both = head(
            "above = { column = \"v\", threshold = 5 }\nis = { column = \"v\", value = \"1\" }",
        );
        assert!(task_of(&[both]).unwrap_err().to_string().contains("exactly one"));
        let same = head("above = { column = \"v\", threshold = 5 }");
        let songs: Vec<Track> = (0..3).map(|i| track(i, &[("v", 1.0)])).collect();
        let refs: Vec<&Track> = songs.iter().collect();
        let message = targets(&[same], &refs, &[0, 1, 2]).unwrap_err().to_string();
        assert!(message.contains("nothing to learn"), "{message}");
        let classes = head("classes = { column = \"v\", limits = [1.0], names = [\"a\"] }");
        assert!(classes.validate().unwrap_err().to_string().contains("names"));
    }
}
