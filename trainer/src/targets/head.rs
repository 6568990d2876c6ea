//! A target as a recipe declares it.

use anyhow::{Result, anyhow, ensure};
use serde::{Deserialize, Serialize};

use super::quantity::{columns_of, quantity};
use super::{Above, Blend, Classes, Is, OfSong, Share, Value};
use crate::dataset::Track;
use crate::run::Task;

/// A target and how it counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Head {
    /// Name of the class or value.
    pub name: String,
    /// What it means.
    pub meaning: String,
    /// Weight of its loss.
    pub weight: f64,
    /// Learnt because it helps the other heads, but not part of the exported model.
    pub auxiliary: bool,
    /// What it is made of.
    pub target: Target,
}

/// What a target is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A share of people.
    Share(Share),
    /// Whether a column has a value.
    Is(Is),
    /// Whether a number is above a threshold.
    Above(Above),
    /// A number, scaled to 0–1.
    Value(Value),
    /// The mean of several sources, each brought to 0–1.
    Blend(Blend),
    /// One of several classes.
    Classes(Classes),
}

/// A head as it stands in a recipe: exactly one of the last six keys says what it is.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    meaning: String,
    #[serde(default = "one")]
    weight: f64,
    #[serde(default)]
    auxiliary: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<Share>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    is: Option<Is>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    above: Option<Above>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    blend: Option<Blend>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    classes: Option<Classes>,
}

fn one() -> f64 {
    1.0
}

impl TryFrom<Written> for Head {
    type Error = anyhow::Error;

    fn try_from(written: Written) -> Result<Self> {
        let Written { name, meaning, weight, auxiliary, .. } = written;
        let mut targets = [
            written.share.map(Target::Share),
            written.is.map(Target::Is),
            written.above.map(Target::Above),
            written.value.map(Target::Value),
            written.blend.map(Target::Blend),
            written.classes.map(Target::Classes),
        ]
        .into_iter()
        .flatten();
        match (targets.next(), targets.next()) {
            (Some(target), None) => Ok(Self { name, meaning, weight, auxiliary, target }),
            _ => Err(anyhow!(
                "{name} must have exactly one of share, is, above, value, blend and classes"
            )),
        }
    }
}

impl From<Head> for Written {
    fn from(head: Head) -> Self {
        let Head { name, meaning, weight, auxiliary, target } = head;
        let mut written = Self {
            name,
            meaning,
            weight,
            auxiliary,
            share: None,
            is: None,
            above: None,
            value: None,
            blend: None,
            classes: None,
        };
        match target {
            Target::Share(share) => written.share = Some(share),
            Target::Is(is) => written.is = Some(is),
            Target::Above(above) => written.above = Some(above),
            Target::Value(value) => written.value = Some(value),
            Target::Blend(blend) => written.blend = Some(blend),
            Target::Classes(classes) => written.classes = Some(classes),
        }
        written
    }
}

impl Head {
    /// Checks what serde cannot.
    ///
    /// # Errors
    /// When its limits are impossible; the message names the head.
    pub fn validate(&self) -> Result<()> {
        let name = &self.name;
        ensure!(self.weight >= 0.0, "heads: the weight of {name} is below zero");
        match &self.target {
            Target::Share(share) => share.validate(name),
            Target::Is(_) => Ok(()),
            Target::Above(above) => above.validate(name),
            Target::Value(value) => value.validate(name),
            Target::Blend(blend) => blend.validate(name),
            Target::Classes(classes) => classes.validate(name),
        }
    }

    /// The kind of answer this head needs.
    pub fn task(&self) -> Task {
        match self.target {
            Target::Share(_) => Task::Share,
            Target::Is(_) | Target::Above(_) => Task::Binary,
            Target::Value(_) | Target::Blend(_) => Task::Regression,
            Target::Classes(_) => Task::Classes,
        }
    }

    /// Names of this head's outputs: its own, or those of its classes.
    pub fn outputs(&self) -> Vec<String> {
        match &self.target {
            Target::Classes(classes) => classes.names.clone(),
            _ => vec![self.name.clone()],
        }
    }

    /// The columns that the target is made of.
    pub fn columns(&self) -> Vec<&str> {
        match &self.target {
            Target::Share(share) => vec![&share.count, &share.of],
            Target::Is(is) => vec![&is.column],
            Target::Above(above) => columns_of(&above.column).collect(),
            Target::Value(value) => columns_of(&value.column).collect(),
            Target::Blend(blend) => blend.columns().collect(),
            Target::Classes(classes) => columns_of(&classes.column).collect(),
        }
    }

    /// Votes of the mean opinion that are added to every song.
    pub fn prior(&self) -> f64 {
        match &self.target {
            Target::Share(share) => share.prior,
            _ => 0.0,
        }
    }

    /// Checks that a song has what its target is made of.
    ///
    /// # Errors
    /// When a column is missing or holds no sensible number.
    pub fn check_song(&self, track: &Track) -> Result<()> {
        match &self.target {
            Target::Share(share) => share.of_track(track).map(drop),
            Target::Is(is) => is.of_track(track).map(drop),
            Target::Above(above) => quantity(track, &above.column).map(drop),
            Target::Value(value) => value.of_track(track).map(drop),
            Target::Blend(blend) => blend.check_song(track),
            Target::Classes(classes) => quantity(track, &classes.column).map(drop),
        }
    }

    /// The target of every song. Means and quantiles are taken over `reference` songs.
    pub(super) fn all(&self, tracks: &[&Track], reference: &[usize]) -> Result<Vec<OfSong>> {
        match &self.target {
            Target::Share(share) => share.all(tracks, reference),
            Target::Is(is) => tracks.iter().map(|track| is.of_track(track)).collect(),
            Target::Above(above) => above.all(tracks, reference),
            Target::Value(value) => tracks.iter().map(|track| value.of_track(track)).collect(),
            Target::Blend(blend) => {
                let values = blend.values(tracks, reference)?;
                Ok(values.into_iter().map(OfSong::number).collect())
            }
            Target::Classes(classes) => classes.all(tracks, reference),
        }
    }
}
