//! `dataset stats`: what is in a data set, in pictures, with warnings on what would spoil a result.

mod columns;
mod material;
mod pictures;
mod recipe_view;
mod show;
mod warnings;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::Serialize;

use crate::files;
use columns::{Categories, Numbers, correlation};
pub use columns::{Origin, Summary};
use material::Material;
use recipe_view::RecipeView;
pub(crate) use warnings::MAJORITY;
pub use warnings::{Kind, Warning};

/// Rows that correlations are taken over at most, evenly spaced: more would change no digit shown.
const CORRELATED_ROWS: usize = 50_000;

/// What to look at.
#[derive(Debug, Clone)]
pub enum Source {
    /// The folder of a data set.
    Dataset(PathBuf),
    /// A table without audio, CSV or Parquet.
    Table {
        /// The file.
        path: PathBuf,
        /// Which of its columns hold what.
        schema: Option<PathBuf>,
    },
}

/// What to look at, and how.
#[derive(Debug, Clone)]
pub struct StatsOptions {
    /// The data.
    pub source: Source,
    /// A recipe: its targets are shown, and its folds are searched for leaks.
    pub recipe: Option<PathBuf>,
    /// A column that says on which side of a split each song is; searched for leaks.
    pub split: Option<String>,
    /// The column whose values must not be on both sides; the schema's or the recipe's without it.
    pub group: Option<String>,
    /// Folder of the pictures and of `stats.json`.
    pub out: PathBuf,
}

/// What is in a data set.
#[derive(Debug, Clone, Serialize)]
pub struct Stats {
    /// The data set's folder or the table.
    pub source: PathBuf,
    /// Hash of the data set; absent for tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Songs, or rows.
    pub songs: usize,
    /// Length of all songs together; absent for tables.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hours: Option<f64>,
    /// The group column and the number of groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<(String, usize)>,
    /// Columns of numbers: targets, the manifest's, features, the audio's.
    pub columns: Vec<Summary>,
    /// Columns of categories, with the number of songs of each.
    pub categories: Vec<(String, Vec<(String, usize)>)>,
    /// Pairs of columns with the strongest correlations, strongest first.
    pub strongest: Vec<(String, String, f64)>,
    /// What one should know.
    pub warnings: Vec<Warning>,
    /// Files that were drawn, in the folder of this report.
    pub pictures: Vec<String>,
}

/// Looks at a data set or a table, draws pictures and writes `stats.json` beside them.
///
/// # Errors
/// When the data, the schema or the recipe cannot be read, a column that was asked for is not there, or
/// the folder cannot be written.
pub fn stats(options: &StatsOptions) -> Result<Stats> {
    let material = Material::load(&options.source)?;
    let recipe =
        options.recipe.as_deref().map(|path| RecipeView::load(path, &material)).transpose()?;
    let asked = |column: &str| {
        material.cells(column).with_context(|| {
            let nearest = crate::dataset::nearest::nearest(
                column,
                material.header.iter().map(String::as_str),
            );
            format!("{} has no column {column:?}{nearest}", material.source.display())
        })
    };
    let group = match (&options.group, &recipe) {
        (Some(column), _) => Some((column.as_str(), asked(column)?)),
        (None, Some(RecipeView { group: Some(group), .. })) => {
            Some((group.as_str(), asked(group)?))
        }
        (None, _) => {
            let column = material.schema.group();
            material.cells(column).map(|cells| (column, cells))
        }
    };
    let sides = match (&options.split, &recipe) {
        (Some(column), _) => {
            let sides = asked(column)?.into_iter().map(str::to_owned).collect();
            Some((format!("the split {column:?}"), sides))
        }
        (None, Some(recipe)) => Some(("the recipe's folds".to_owned(), recipe.sides.clone())),
        (None, None) => None,
    };

    let (numbers, categories) = material.columns();
    let audio = material.audio();
    let targets: Vec<&Numbers> =
        recipe.iter().flat_map(|r| r.targets.iter().map(|target| &target.numbers)).collect();
    let described: Vec<&Numbers> =
        targets.iter().copied().chain(&numbers).chain(&material.features).chain(&audio).collect();
    // Targets come from the manifest's columns; the matrix shows both, the audio's own not.
    let correlated: Vec<&Numbers> =
        targets.iter().copied().chain(&numbers).chain(&material.features).collect();
    let names: Vec<&str> = correlated.iter().map(|column| column.name.as_str()).collect();
    let matrix = matrix(&correlated);

    let mut found = Vec::new();
    if let Some((split, sides)) = &sides {
        found.extend(leaks(&material, group.as_ref(), recipe.as_ref(), sides, split));
    }
    if let Some(songs) = &material.songs {
        let sides = sides.as_ref().map(|(split, sides)| (split.as_str(), sides.as_slice()));
        let (split, sides) = sides.map_or(("", None), |(split, sides)| (split, Some(sides)));
        found.extend(warnings::same_audio(songs, sides, split));
        found.extend(warnings::audio(songs, recipe.as_ref().map(|r| r.least_frames)));
    }
    found.extend(recipe.iter().flat_map(|recipe| warnings::targets(&recipe.targets)));
    found.extend(categories.iter().filter_map(warnings::categories));
    found.extend(material.unread.iter().cloned());
    found.extend(warnings::columns(&described, &categories));
    found.extend(warnings::redundant(&names, &matrix));

    let title = Title::of(&material.source, material.tracks.len());
    let out = &options.out;
    let mut pictures = Vec::new();
    let mut grid = |name: &str, what: &str, columns: &[&Numbers]| -> Result<()> {
        if !columns.is_empty() {
            pictures.extend(pictures::histograms(out, name, &title.with(what), columns)?);
        }
        Ok(())
    };
    grid("targets", "targets", &targets)?;
    grid("columns", "columns", &numbers.iter().collect::<Vec<_>>())?;
    grid("features", "features", &material.features.iter().collect::<Vec<_>>())?;
    grid("audio", "audio", &audio.iter().collect::<Vec<_>>())?;
    if !categories.is_empty() {
        let shown: Vec<&Categories> = categories.iter().collect();
        let title = title.with("categories");
        pictures.extend(pictures::categories(out, "categories", &title, &shown)?);
    }
    if correlated.len() > 1 {
        let path = out.join("correlation.png");
        pictures::correlations(&path, &title.with("correlation"), &names, &matrix)?;
        pictures.push("correlation.png".to_owned());
    }

    let stats = Stats {
        songs: material.tracks.len(),
        hours: material
            .songs
            .as_ref()
            .map(|songs| songs.iter().map(|song| song.seconds).sum::<f64>() / 3600.0),
        groups: group.map(|(column, cells)| {
            (column.to_owned(), cells.into_iter().collect::<std::collections::BTreeSet<_>>().len())
        }),
        columns: described.iter().map(|column| column.summary()).collect(),
        strongest: strongest(&names, &matrix),
        warnings: found,
        pictures,
        categories: categories.into_iter().map(|column| (column.name, column.counts)).collect(),
        source: material.source,
        sha256: material.sha256,
    };
    files::write_bytes(&out.join("stats.json"), serde_json::to_vec_pretty(&stats)?)?;
    Ok(stats)
}

/// Everything that is on several sides of a split, and folds that one group fills.
fn leaks(
    material: &Material,
    group: Option<&(&str, Vec<&str>)>,
    recipe: Option<&RecipeView>,
    sides: &[String],
    split: &str,
) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut searched = Vec::new();
    // The recipe's group is never split, but the artist is not always the group.
    for column in [group.map(|(column, _)| *column), Some(material.schema.group())] {
        let Some(column) = column.filter(|column| !searched.contains(column)) else { continue };
        searched.push(column);
        if let Some(cells) = material.cells(column) {
            found.extend(warnings::group_leaks(column, &cells, sides, split));
        }
    }
    let groups = group.map(|(_, cells)| cells.as_slice());
    for column in ["title", "track_name"] {
        let Some(titles) = material.cells(column) else { continue };
        found.extend(warnings::same_titles(column, &titles, groups, sides, split));
    }
    if let (Some(groups), Some(_)) = (groups, recipe) {
        found.extend(warnings::filled_folds(groups, sides));
    }
    if let Some(genre) =
        recipe.and_then(|recipe| recipe.genre.as_ref()).filter(|g| material.cells(g).is_none())
    {
        tracing::warn!("the recipe reports results by {genre:?}, a column that is not there");
    }
    found
}

fn matrix(columns: &[&Numbers]) -> Vec<Vec<Option<f64>>> {
    let rows = columns.first().map_or(0, |column| column.values.len());
    let step = rows.div_ceil(CORRELATED_ROWS).max(1);
    let sampled: Vec<Vec<Option<f64>>> = columns
        .iter()
        .map(|column| column.values.iter().step_by(step).copied().collect())
        .collect();
    let lower: Vec<Vec<Option<f64>>> = (0..sampled.len())
        .into_par_iter()
        .map(|row| (0..=row).map(|at| correlation(&sampled[row], &sampled[at])).collect())
        .collect();
    let value = |row: usize, at: usize| lower[row.max(at)][row.min(at)];
    (0..sampled.len()).map(|row| (0..sampled.len()).map(|at| value(row, at)).collect()).collect()
}

fn strongest(names: &[&str], matrix: &[Vec<Option<f64>>]) -> Vec<(String, String, f64)> {
    let mut pairs = Vec::new();
    for (row, values) in matrix.iter().enumerate() {
        for (at, value) in values.iter().enumerate().take(row) {
            if let Some(value) = value {
                pairs.push((names[at].to_owned(), names[row].to_owned(), *value));
            }
        }
    }
    pairs.sort_by(|a, b| b.2.abs().total_cmp(&a.2.abs()));
    pairs.truncate(10);
    pairs
}

struct Title {
    name: String,
    songs: usize,
}

impl Title {
    fn of(source: &Path, songs: usize) -> Self {
        // `data/emotify` is "emotify", `tiktok/tracks.csv` is "tiktok/tracks.csv".
        let parts: Vec<_> = source.iter().map(|part| part.to_string_lossy()).collect();
        let shown = if source.is_file() { 2 } else { 1 };
        let name = parts[parts.len().saturating_sub(shown)..].join("/");
        Self { name, songs }
    }

    fn with(&self, what: &str) -> String {
        format!("{} · {what} of {} songs", self.name, self.songs)
    }
}
