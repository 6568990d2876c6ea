//! The judged songs of a run, by columns.

use std::collections::{BTreeMap, BTreeSet};

use earworm_scorer::model::{Calibration, evidence};

use crate::calibrate::{Calibrated, knows_the_middle, label, middle};
use crate::metrics::first_largest;
use crate::run::{Run, RunInfo, Task};

/// All songs that were judged, in the order of [`Run::songs`]: every column has one value a song.
#[derive(Debug, Clone)]
pub struct Songs {
    /// What was predicted.
    pub task: Task,
    /// Names of the classes; for a share its lower and upper half; empty for a regression.
    pub classes: Vec<String>,
    /// The class that is the score; 0 for a regression.
    pub score_class: usize,
    /// Track ids.
    pub ids: Vec<String>,
    /// What songs of one part are ranked by: the evidence for the score's class, or the value.
    pub score: Vec<f64>,
    /// What was said, on the scale of `truth`: a share, the probability of the score's class, a value.
    pub said: Vec<f64>,
    /// What is true: a share, 0 or 1, the index of a class, a value.
    pub truth: Vec<f64>,
    /// The true class.
    pub label: Vec<usize>,
    /// The class that was named; empty where none was, as by a share that is not calibrated.
    pub decided: Vec<usize>,
    /// Calibrated probabilities, one a class of each song.
    pub probability: Vec<f64>,
    /// The model's own probabilities, one a class of each song.
    pub plain: Vec<f64>,
    /// Index of the part that judged it.
    pub part: Vec<usize>,
    /// Number of parts.
    pub parts: usize,
    /// Index of its genre in `genres`.
    pub genre: Vec<usize>,
    /// Genres, sorted; one empty name where songs have none.
    pub genres: Vec<String>,
    /// Index of its unit in `units`: its group, or itself where it has none.
    pub unit: Vec<usize>,
    /// Units, sorted by name.
    pub units: Vec<String>,
    /// Whether songs have groups.
    pub grouped: bool,
}

impl Songs {
    /// Gathers the songs of a run. `score` is the index of the output that is the score.
    pub fn of(run: &Run, calibrated: &Calibrated, score: usize) -> Self {
        let info = &run.info;
        let middle = middle(run);
        let classes = class_names(info);
        let (genres, genre) = indexed(run.songs().map(|(_, row)| row.genre.clone()));
        let (units, unit) = indexed(run.songs().map(|(_, row)| {
            // Songs without a group stand alone.
            let alone = if row.group.is_empty() { row.track_id.clone() } else { String::new() };
            (row.group.clone(), alone)
        }));
        let mut songs = Self {
            task: info.task,
            score_class: match info.task {
                Task::Share | Task::Binary => 1,
                Task::Classes => score,
                Task::Regression => 0,
            },
            classes,
            ids: Vec::new(),
            score: Vec::new(),
            said: Vec::new(),
            truth: Vec::new(),
            label: Vec::new(),
            decided: Vec::new(),
            probability: calibrated.probability.clone(),
            plain: Vec::new(),
            part: Vec::new(),
            parts: run.parts.len(),
            genre,
            genres,
            unit,
            units: units.into_iter().map(|(group, alone)| group + &alone).collect(),
            grouped: run.songs().any(|(_, row)| !row.group.is_empty()),
        };
        for (part, row) in run.songs() {
            let task = info.task.of_model();
            let raw = info.classes_of(&row.raw);
            let value = |index| f64::from(Calibration::Identity.apply(task, raw, index));
            songs.ids.push(row.track_id.clone());
            songs.part.push(part);
            songs.truth.push(row.truth);
            songs.label.push(label(info.task, row, middle));
            songs.score.push(match info.task {
                Task::Regression => f64::from(raw[score]),
                _ => f64::from(evidence(task, raw, score)),
            });
            match info.task {
                Task::Share | Task::Binary => {
                    songs.plain.extend([1.0 - value(score), value(score)])
                }
                Task::Classes => songs.plain.extend((0..raw.len()).map(value)),
                Task::Regression => {}
            }
            songs.said.push(match info.task {
                Task::Regression => f64::from(raw[score]),
                _ => value(score),
            });
            let song = songs.ids.len() - 1;
            let decided = match info.task {
                // Half of a share is no middle: the calibrated probability knows where that lies.
                Task::Share if knows_the_middle(&calibrated.calibration) => {
                    Some(usize::from(songs.of_class(song, 1) >= 0.5))
                }
                Task::Binary => Some(usize::from(raw[score] > 0.0)),
                Task::Classes => Some(first_largest(raw)),
                Task::Share | Task::Regression => None,
            };
            songs.decided.extend(decided);
        }
        songs
    }

    /// Number of songs.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Whether a class was named of each song.
    pub fn decides(&self) -> bool {
        !self.decided.is_empty()
    }

    /// Number of songs that pieces of songs were cut from.
    pub fn cut_from(&self) -> usize {
        let songs = self.ids.iter().map(|id| id.rsplit_once('#').map_or(id.as_str(), |cut| cut.0));
        songs.collect::<BTreeSet<&str>>().len()
    }

    /// All indices.
    pub fn all(&self) -> Vec<usize> {
        (0..self.len()).collect()
    }

    /// Calibrated probability of a class; 0 for a regression.
    pub fn of_class(&self, song: usize, class: usize) -> f64 {
        self.probability.get(song * self.classes.len() + class).copied().unwrap_or(0.0)
    }

    /// Calibrated probability of the class that is the score.
    pub fn of_score(&self, song: usize) -> f64 {
        self.of_class(song, self.score_class)
    }

    /// Whether the score's class is the true one.
    pub fn is_score(&self, song: usize) -> bool {
        self.label[song] == self.score_class
    }

    /// Whether songs have genres.
    pub fn has_genres(&self) -> bool {
        self.genres.iter().any(|genre| !genre.is_empty())
    }

    /// The units of some of the songs, for a bootstrap.
    pub fn units_of(&self, songs: &[usize]) -> Vec<Vec<usize>> {
        let mut of_unit = vec![Vec::new(); self.units.len()];
        songs.iter().for_each(|&song| of_unit[self.unit[song]].push(song));
        of_unit.retain(|songs: &Vec<usize>| !songs.is_empty());
        of_unit
    }
}

fn class_names(info: &RunInfo) -> Vec<String> {
    match info.task {
        Task::Share => vec!["lower half".into(), "upper half".into()],
        Task::Binary => vec![format!("not {}", info.score), info.score.clone()],
        Task::Classes => info.outputs[..info.class_outputs()].to_vec(),
        Task::Regression => Vec::new(),
    }
}

/// Distinct names, sorted, and the index of each.
fn indexed<K: Ord + Clone>(names: impl Iterator<Item = K>) -> (Vec<K>, Vec<usize>) {
    let names: Vec<K> = names.collect();
    let mut index_of: BTreeMap<K, usize> = names.iter().cloned().map(|name| (name, 0)).collect();
    index_of.values_mut().enumerate().for_each(|(index, slot)| *slot = index);
    let indices = names.iter().map(|name| index_of[name]).collect();
    (index_of.into_keys().collect(), indices)
}

/// Values of some songs, indices may repeat.
pub(super) fn pick<T: Copy>(column: &[T], chosen: &[usize]) -> Vec<T> {
    chosen.iter().map(|&song| column[song]).collect()
}
