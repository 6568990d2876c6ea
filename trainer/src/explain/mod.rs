//! `explain`: what a model of rows goes by.
//!
//! Three views, all of them on songs that the judging model had not seen:
//!
//! - *permutation importance*: how much worse the model ranks songs when one feature is shuffled among
//!   them (L. Breiman, "Random Forests", 2001; A. Fisher et al., "All Models are Wrong, but Many are
//!   Useful", 2019). It asks what the model needs.
//! - *integrated gradients*: how much each feature moved the score of a song away from that of the
//!   average song (M. Sundararajan et al., "Axiomatic Attribution for Deep Networks", 2017). It asks what
//!   the model used; networks only.
//! - *interactions*: what two features do together beyond the sum of what each does alone.

mod gradients;
mod interactions;
mod page;
mod permutation;
mod picture;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use earworm_scorer::model::evidence;
use serde::{Deserialize, Serialize};

use crate::evaluate::number;
use crate::files;
use crate::fit::{Data, data_are_there, trained_recipe_on};
use crate::metrics;
use crate::rows_model::RowsModel;
use crate::run::{Run, RunInfo, Task};

/// Most features that are paired with each other: the most important ones.
const MOST_PAIRED: usize = 24;

/// What a feature does to the score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// Its name.
    pub name: String,
    /// How much of the figure is lost when it is shuffled: mean over the shuffles.
    pub importance: f64,
    /// The 2.5 % quantile over the shuffles.
    pub low: f64,
    /// The 97.5 % quantile.
    pub high: f64,
    /// Mean size of what it adds to the raw score of a song, by integrated gradients; networks only.
    pub attribution: Option<f64>,
    /// Spearman correlation of what it adds with its value: above 0 where more of it raises the score.
    pub direction: Option<f64>,
}

/// What two features do together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PairReport {
    /// Index of one feature in [`Explanation::features`].
    pub first: usize,
    /// Index of the other, larger.
    pub second: usize,
    /// Mean size, over the songs, of what both do to the raw score beyond what each does alone.
    pub strength: f64,
    /// Mean of that, with its sign, over the songs in which both are on the same side of the average.
    pub together: f64,
}

/// What a run's models go by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Name of the model.
    pub name: String,
    /// What the score is of.
    pub score: String,
    /// Songs that were judged.
    pub songs: usize,
    /// Which figure importance is measured in: `auc` or `spearman`.
    pub figure: String,
    /// That figure of the songs as they are.
    pub value: f64,
    /// All features, the most important first.
    pub features: Vec<FeatureReport>,
    /// Pairs of the most important features, the strongest first.
    pub pairs: Vec<PairReport>,
}

/// The songs that one part judged, as its model sees them.
struct PartOfRun {
    model: RowsModel,
    /// Scaled rows.
    rows: Vec<Vec<f64>>,
    truth: Vec<f64>,
}

/// How raw outputs become one number to rank by, and how rankings are judged.
struct Score<'a> {
    info: &'a RunInfo,
    index: usize,
}

impl Score<'_> {
    /// The numbers that songs are ranked by.
    fn of(&self, raw: &[Vec<f32>]) -> Vec<f64> {
        let task = self.info.task.of_model();
        let one = |raw: &Vec<f32>| match self.info.task {
            Task::Regression => f64::from(raw[self.index]),
            _ => f64::from(evidence(task, self.info.classes_of(raw), self.index)),
        };
        raw.iter().map(one).collect()
    }

    /// The name of the figure, and whether its truth is yes or no.
    fn figure(&self) -> &'static str {
        match self.info.task {
            Task::Binary | Task::Classes => "auc",
            Task::Share | Task::Regression => "spearman",
        }
    }

    /// The figure; `None` where it has no meaning.
    fn quality(&self, score: &[f64], truth: &[f64]) -> Option<f64> {
        let is = |wanted: f64| truth.iter().map(|&t| t == wanted).collect::<Vec<bool>>();
        match self.info.task {
            Task::Binary => metrics::auc(score, &is(1.0)),
            Task::Classes => metrics::auc(score, &is(self.index as f64)),
            Task::Share | Task::Regression => metrics::spearman(score, truth),
        }
    }
}

/// Explains a run whose model takes rows; writes `explanation.json`, `explanation.html` and the picture
/// `plots/interactions.svg` into it.
///
/// # Errors
/// When the run is not complete, its models take frames, or its data are gone.
pub fn explain(folder: &Path) -> Result<Explanation> {
    explain_on(folder, None)
}

/// The same with the run's data at `data`, where they have moved to.
///
/// # Errors
/// As [`explain`], and when the data there are not those that the run learnt from.
pub fn explain_on(folder: &Path, data: Option<&Path>) -> Result<Explanation> {
    let recipe = trained_recipe_on(folder, data)?;
    anyhow::ensure!(
        recipe.model.wants_rows(&recipe.data),
        "{} learnt from frames; only models of rows have features to be explained by",
        folder.display()
    );
    let run = Run::open(folder)?;
    data_are_there(&recipe, folder, "explain")?;
    let data = Data::open(&recipe)?;
    data.is_that_of(&run.info, folder)?;
    let table = data.rows.as_ref().context("the run's data have no rows")?;
    let row_of: HashMap<&str, usize> =
        data.tracks.iter().enumerate().map(|(row, track)| (track.id.as_str(), row)).collect();
    let parts: Vec<PartOfRun> = run
        .info
        .parts
        .iter()
        .zip(&run.parts)
        .map(|(name, part)| {
            let model = RowsModel::load(&folder.join(name), &recipe)?;
            let songs: Vec<usize> =
                part.predictions
                    .iter()
                    .map(|row| {
                        row_of.get(row.track_id.as_str()).copied().with_context(|| {
                            format!("track {} is no longer in the data", row.track_id)
                        })
                    })
                    .collect::<Result<_>>()?;
            let rows = model.columns.apply(table, &songs)?;
            Ok(PartOfRun { model, rows, truth: part.predictions.iter().map(|r| r.truth).collect() })
        })
        .collect::<Result<_>>()?;
    let score = Score { info: &run.info, index: run.info.score_index()? };
    let explanation = of_parts(&parts, &score, recipe.seed)?;
    let json = serde_json::to_vec_pretty(&explanation)?;
    files::write_bytes(&folder.join("explanation.json"), json)?;
    let picture = picture::interactions(&explanation)?;
    files::write_bytes(&folder.join("plots/interactions.svg"), picture.alone())?;
    files::write_bytes(&folder.join("explanation.html"), page::html(&explanation)?)?;
    Ok(explanation)
}

fn of_parts(parts: &[PartOfRun], score: &Score<'_>, seed: u64) -> Result<Explanation> {
    let names = &parts.first().context("the run has no parts")?.model.columns.names;
    let importance = permutation::importance(parts, score, seed)?;
    let attributions = gradients::attributions(parts, score)?;
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|&a, &b| importance.drops[b].0.total_cmp(&importance.drops[a].0));
    let features: Vec<FeatureReport> = order
        .iter()
        .map(|&f| {
            let (mean, low, high) = importance.drops[f];
            let own = attributions.as_ref().map(|all| &all[f]);
            FeatureReport {
                name: names[f].clone(),
                importance: mean,
                low,
                high,
                attribution: own.map(|a| a.size),
                direction: own.and_then(|a| a.direction),
            }
        })
        .collect();
    let paired = &order[..order.len().min(MOST_PAIRED)];
    let mut pairs = interactions::pairs(parts, score, paired)?;
    pairs.sort_by(|a, b| b.strength.total_cmp(&a.strength));
    Ok(Explanation {
        name: score.info.name.clone(),
        score: score.info.score.clone(),
        songs: parts.iter().map(|part| part.rows.len()).sum(),
        figure: score.figure().to_owned(),
        value: importance.whole,
        features,
        pairs,
    })
}

/// The row of the average training song.
fn average(part: &PartOfRun) -> Vec<f64> {
    let columns = &part.model.columns;
    let scaled = |c: usize| (columns.means[c] - columns.offsets[c]) * columns.factors[c];
    (0..columns.names.len()).map(scaled).collect()
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, songs, figure, value, .. } = self;
        writeln!(f, "{name}: {figure} {} over {songs} songs", number(*value))?;
        let widest = self.features.iter().map(|x| x.name.chars().count()).max().unwrap_or(0).max(7);
        writeln!(f, "{:<widest$}  lost when shuffled (95 %)   moves the score by", "feature")?;
        for feature in self.features.iter().take(MOST_PAIRED) {
            let moves = match (feature.attribution, feature.direction) {
                (Some(size), Some(direction)) => {
                    let arrow = if direction >= 0.0 { "up with it" } else { "down with it" };
                    format!("{} ({arrow})", number(size))
                }
                (Some(size), None) => number(size),
                (None, _) => "–".to_owned(),
            };
            writeln!(
                f,
                "{:<widest$}  {:+.3} ({:+.3} to {:+.3})   {moves}",
                feature.name, feature.importance, feature.low, feature.high
            )?;
        }
        for pair in self.pairs.iter().take(5) {
            writeln!(f, "together: {}", self.say(pair))?;
        }
        Ok(())
    }
}

impl Explanation {
    /// A pair in words.
    fn say(&self, pair: &PairReport) -> String {
        let effect = if pair.together >= 0.0 { "raise" } else { "lower" };
        format!(
            "{} and {}, when both are high or both low, {effect} the raw score by {} beyond what each does alone",
            self.features[pair.first].name,
            self.features[pair.second].name,
            number(pair.together.abs())
        )
    }
}

#[cfg(test)]
mod tests;
