//! What is learnt: targets declared in a recipe, computed from a manifest's columns.

mod above;
mod blend;
mod classes;
mod head;
mod is;
mod quantity;
mod share;
mod value;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use crate::dataset::Track;
use crate::run::Task;

pub use above::Above;
pub use blend::{Blend, Source, SourceScale};
pub use classes::Classes;
pub use head::{Head, Target};
pub use is::Is;
pub use share::Share;
pub use value::Value;

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

/// One head's target of one song.
#[derive(Debug, Clone, PartialEq)]
struct OfSong {
    /// What is learnt, one value an output.
    learnt: Vec<f64>,
    /// The plain truth: share, 0 or 1, class number, value.
    truth: f64,
    /// The people behind it; 1 where nobody was counted.
    people: f64,
}

impl OfSong {
    fn number(value: f64) -> Self {
        Self { learnt: vec![value], truth: value, people: 1.0 }
    }

    fn yes_or_no(yes: bool) -> Self {
        Self::number(f64::from(u8::from(yes)))
    }
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
    for (at, head) in heads.iter().enumerate() {
        ensure!(
            heads[..at].iter().all(|before| before.name != head.name),
            "heads: two are called {}; outputs are told apart by their names",
            head.name
        );
    }
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
        for (song, OfSong { learnt, truth, people }) in all.into_iter().enumerate() {
            let weight = (head.weight * people / (people + head.prior())) as f32;
            targets.weights[song].extend(std::iter::repeat_n(weight, learnt.len()));
            targets.learnt[song].extend(learnt.into_iter().map(|x| x as f32));
            if n == 0 {
                targets.truth[song] = truth;
                targets.raters[song] = people;
            }
        }
    }
    Ok(targets)
}

fn one_class_is_an_error(head: &Head, all: &[OfSong], reference: &[usize]) -> Result<()> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for &song in reference {
        *counts.entry(all[song].truth.to_bits()).or_default() += 1;
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
    fn heads_are_written_as_they_are_read() {
        for text in [
            "share = { count = \"c\", of = \"n\", prior = 1.0 }",
            "is = { column = \"v\", value = \"1\" }",
            "above = { column = \"a / b\", quantile = 0.5 }",
            "value = { column = \"v\", low = 0.0, high = 2.0 }",
            "blend = { sources = [{ column = \"v\" }] }",
            "classes = { column = \"v\", limits = [1.0], names = [\"a\", \"b\"] }",
        ] {
            let head = head(text);
            head.validate().unwrap();
            assert_eq!(toml::from_str::<Head>(&toml::to_string(&head).unwrap()).unwrap(), head);
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for text in [
            "",
            "above = { column = \"v\", threshold = 5 }\nis = { column = \"v\", value = \"1\" }",
        ] {
            let text = format!("name = \"x\"\nmeaning = \"y\"\n{text}");
            let message = toml::from_str::<Head>(&text).unwrap_err().to_string();
            assert!(message.contains("x must have exactly one"), "{message}");
        }
        let same = head("above = { column = \"v\", threshold = 5 }");
        let songs: Vec<Track> = (0..3).map(|i| track(i, &[("v", 1.0)])).collect();
        let refs: Vec<&Track> = songs.iter().collect();
        let message = targets(&[same], &refs, &[0, 1, 2]).unwrap_err().to_string();
        assert!(message.contains("nothing to learn"), "{message}");
        let classes = head("classes = { column = \"v\", limits = [1.0], names = [\"a\"] }");
        assert!(classes.validate().unwrap_err().to_string().contains("names"));
    }
}
