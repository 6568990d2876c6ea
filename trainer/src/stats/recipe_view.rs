//! What statistics need of a recipe: targets, groups, and on which side of a split each song is.

use std::path::Path;

use anyhow::Result;

use super::columns::{Numbers, Origin};
use super::material::Material;
use crate::dataset::Track;
use crate::fit::{groups, together};
use crate::metrics::median;
use crate::recipe::{Recipe, SplitKind};
use crate::run::Task;
use crate::split::{random_test, stratified_folds};
use crate::targets::{Head, targets};

/// A recipe as far as statistics go.
pub(super) struct RecipeView {
    /// The column whose values must not be on both sides of a split.
    pub(super) group: Option<String>,
    /// The column within whose values results are reported.
    pub(super) genre: Option<String>,
    /// What a model would learn, one value a song.
    pub(super) targets: Vec<Target>,
    /// The part of the split that judges each song.
    pub(super) sides: Vec<String>,
    /// Audible frames that a song needs at least.
    pub(super) least_frames: usize,
}

/// A target.
pub(super) struct Target {
    pub(super) numbers: Numbers,
    /// Whether it is a yes or no, or a class.
    pub(super) is_class: bool,
    /// Why songs have no value, the first of each kind.
    pub(super) problem: Option<String>,
}

impl RecipeView {
    /// Reads a recipe and applies it to songs.
    ///
    /// # Errors
    /// When the recipe cannot be read, or its group column is not in the manifest.
    pub(super) fn load(path: &Path, material: &Material) -> Result<Self> {
        let recipe = Recipe::load(path, &[])?;
        let tracks = material.tracks_with_features();
        let tracks: &[&Track] = &tracks.iter().collect::<Vec<_>>();
        let column = |name: &Option<String>, without: &dyn Fn(&Track) -> String| {
            tracks
                .iter()
                .map(|track| match name {
                    Some(name) => track.text(name).map(str::to_owned),
                    None => Ok(without(track)),
                })
                .collect::<Result<Vec<String>>>()
        };
        let (group, groups) = groups(&recipe, Some(&material.schema), tracks)?;
        let together = together(&recipe, tracks, &groups);
        let targets: Vec<Target> = recipe.heads.iter().map(|head| target(head, tracks)).collect();
        let classes = targets.first().map_or_else(|| vec![0; tracks.len()], Target::classes);
        let split = &recipe.split;
        let own = if split.stratified { classes } else { vec![0; tracks.len()] };
        let sides = match split.kind {
            // What `fit` would refuse is to be seen here, so splits are not checked.
            SplitKind::Column => column(&split.column, &|_| String::new())?,
            SplitKind::Random => {
                let test = random_test(split, &together, &own, recipe.seed);
                test.iter().map(|&test| if test { "test" } else { "train" }.to_owned()).collect()
            }
            SplitKind::Folds => {
                let folds = stratified_folds(&together, &own, split.folds, recipe.seed);
                folds.iter().map(|fold| format!("fold {}", fold + 1)).collect()
            }
        };
        Ok(Self {
            targets,
            sides,
            least_frames: recipe.least_frames() * recipe.data.pieces.unwrap_or(1),
            group,
            genre: recipe.data.genre,
        })
    }
}

impl Target {
    /// The class of each song; shares and values are cut at their middle.
    fn classes(&self) -> Vec<usize> {
        let known: Vec<f64> = self.numbers.values.iter().copied().flatten().collect();
        let middle = median(&known);
        let class =
            |value: f64| if self.is_class { value as usize } else { usize::from(value > middle) };
        self.numbers.values.iter().map(|value| value.map_or(0, class)).collect()
    }
}

fn target(head: &Head, tracks: &[&Track]) -> Target {
    let checked: Vec<Result<()>> = tracks.iter().map(|track| head.check_song(track)).collect();
    let problem = checked.iter().find_map(|s| s.as_ref().err()).map(|e| format!("{e:#}"));
    let known: Vec<usize> = (0..tracks.len()).filter(|&song| checked[song].is_ok()).collect();
    let known_tracks: Vec<&Track> = known.iter().map(|&song| tracks[song]).collect();
    let all: Vec<usize> = (0..known.len()).collect();
    let mut values = vec![None; tracks.len()];
    // A target that cannot be made at all is a problem to be told, not the end of the statistics.
    let (truth, problem) = match targets(std::slice::from_ref(head), &known_tracks, &all) {
        Ok(made) => (made.truth, problem),
        Err(error) => (vec![], problem.or(Some(format!("{error:#}")))),
    };
    known.iter().zip(truth).for_each(|(&song, truth)| values[song] = Some(truth));
    // A target is often called as the column it comes from.
    let (name, origin) = (format!("target {}", head.name), Origin::Target);
    let is_class = matches!(head.task(), Task::Binary | Task::Classes);
    Target { numbers: Numbers { name, origin, values }, is_class, problem }
}
