//! All systems on one scale: how well each ranks the same songs, whatever it was taught to say.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use earworm_scorer::model::evidence;

use crate::compare::paired::{against_majority, tests};
use crate::compare::{DRAWS, Test};
use crate::dataset::{Dataset, Track};
use crate::evaluate::figures::{self, Kind, Within};
use crate::evaluate::{Figure, Songs};
use crate::metrics;
use crate::run::{Run, RunInfo, Task};
use crate::targets::{Head, targets};

/// The songs of a suite, and what is true of them.
pub(super) struct Truth {
    tracks: Vec<Track>,
    place_of: HashMap<String, usize>,
    /// What songs are ranked by.
    value: Vec<f64>,
    /// The same, smoothed: what the half that a song belongs to is told by.
    smooth: Vec<f64>,
}

impl Truth {
    pub(super) fn of(set: &Dataset, head: &Head) -> Result<Self> {
        let mut tracks: Vec<Track> = set.songs.iter().map(|song| song.track.clone()).collect();
        if let Some(features) = set.features()? {
            crate::fit::add_columns(&mut tracks, &features);
        }
        let all: Vec<usize> = (0..tracks.len()).collect();
        let targets =
            targets(std::slice::from_ref(head), &tracks.iter().collect::<Vec<_>>(), &all)?;
        let place_of = tracks.iter().enumerate().map(|(n, t)| (t.id.clone(), n)).collect();
        let smooth = targets.learnt.iter().map(|learnt| f64::from(learnt[0])).collect();
        Ok(Self { tracks, place_of, value: targets.truth, smooth })
    }
}

/// What every system is measured on: each song's part, genre and group.
pub(super) struct Field<'a> {
    truth: &'a Truth,
    /// All of a system's columns but what it said.
    blank: Songs,
}

impl<'a> Field<'a> {
    /// Songs and parts are those of a finished run, which all others are held against.
    pub(super) fn of(truth: &'a Truth, run: &Path, genre: Option<&str>) -> Result<Self> {
        let run = Run::open(run)?;
        let mut judged: BTreeMap<usize, (usize, &str)> = BTreeMap::new();
        for (part, row) in run.songs() {
            let place = truth.place_of.get(&row.track_id);
            let place = place.with_context(|| format!("{} is no track", row.track_id))?;
            judged.insert(*place, (part, row.group.as_str()));
        }
        let songs: Vec<usize> = judged.keys().copied().collect();
        let column = |name: Option<&str>| -> Result<Vec<String>> {
            songs
                .iter()
                .map(|&song| {
                    let track = &truth.tracks[song];
                    name.map_or(Ok(String::new()), |name| track.text(name).map(str::to_owned))
                })
                .collect()
        };
        let ids: Vec<String> = songs.iter().map(|&song| truth.tracks[song].id.clone()).collect();
        // The groups that the run's split kept together; songs without one stand alone.
        let groups = judged.values().map(|&(_, group)| group.to_owned());
        let grouped = groups.clone().any(|group| !group.is_empty());
        let own =
            |(group, id): (String, &String)| if group.is_empty() { id.clone() } else { group };
        let (genres, genre) = indexed(column(genre)?);
        let (units, unit) = indexed(groups.zip(&ids).map(own).collect());
        let of = |values: &[f64]| songs.iter().map(|&song| values[song]).collect::<Vec<f64>>();
        let middle = metrics::median(&of(&truth.smooth));
        let label: Vec<usize> =
            of(&truth.smooth).into_iter().map(|s| usize::from(s > middle)).collect();
        let blank = Songs {
            task: Task::Share,
            classes: vec!["lower half".into(), "upper half".into()],
            score_class: 1,
            score: vec![0.0; songs.len()],
            said: vec![0.0; songs.len()],
            truth: of(&truth.value),
            decided: vec![0; songs.len()],
            probability: vec![0.5; 2 * songs.len()],
            plain: vec![0.5; 2 * songs.len()],
            part: judged.into_values().map(|(part, _)| part).collect(),
            parts: run.parts.len(),
            label,
            ids,
            genre,
            genres,
            unit,
            units,
            grouped,
        };
        Ok(Self { truth, blank })
    }

    /// Number of songs.
    pub(super) fn len(&self) -> usize {
        self.blank.len()
    }

    /// Number of groups; none where songs have none.
    pub(super) fn groups(&self) -> Option<usize> {
        self.blank.grouped.then_some(self.blank.units.len())
    }

    /// Share of the larger half.
    pub(super) fn majority(&self) -> f64 {
        let upper = self.blank.label.iter().sum::<usize>() as f64 / self.len() as f64;
        upper.max(1.0 - upper)
    }

    /// Whether songs have genres.
    pub(super) fn has_genres(&self) -> bool {
        self.blank.has_genres()
    }

    /// What a system said of the songs.
    ///
    /// # Errors
    /// When it judged other songs, or split them in another way.
    pub(super) fn judged_by(&self, run: &Path) -> Result<Songs> {
        let run = Run::open(run)?;
        let index = run.info.score_index()?;
        let said: HashMap<&str, (usize, f64)> = run
            .songs()
            .map(|(part, row)| {
                (row.track_id.as_str(), (part, ranked_by(&run.info, &row.raw, index)))
            })
            .collect();
        ensure!(
            said.len() == self.len(),
            "it judged {} songs, the others {}",
            said.len(),
            self.len()
        );
        let mut score = Vec::with_capacity(self.len());
        for (id, &part) in self.blank.ids.iter().zip(&self.blank.part) {
            let (own_part, value) =
                said.get(id.as_str()).with_context(|| format!("it did not judge track {id}"))?;
            ensure!(*own_part == part, "it has track {id} in another fold than the others");
            score.push(*value);
        }
        Ok(self.said(score))
    }

    /// Each song by the mean truth of its genre among the songs of the other parts: what is known
    /// without listening.
    pub(super) fn by_genre(&self) -> Songs {
        let Songs { genre, genres, part, ids, .. } = &self.blank;
        let smooth = |song: usize| self.truth.smooth[self.truth.place_of[&ids[song]]];
        let mut sums = vec![vec![(0.0, 0usize); self.blank.parts]; genres.len()];
        for song in 0..self.len() {
            let (sum, count) = &mut sums[genre[song]][part[song]];
            *sum += smooth(song);
            *count += 1;
        }
        let mean_outside = |rows: &[&Vec<(f64, usize)>], own: usize| {
            let others = rows.iter().flat_map(|parts| {
                parts.iter().enumerate().filter(move |&(p, _)| p != own).map(|(_, v)| *v)
            });
            let (sum, count) = others.fold((0.0, 0), |(s, n), (sum, count)| (s + sum, n + count));
            (count > 0).then(|| sum / count as f64)
        };
        let all: Vec<&Vec<(f64, usize)>> = sums.iter().collect();
        let score = (0..self.len())
            .map(|song| {
                mean_outside(&[&sums[genre[song]]], part[song])
                    .or_else(|| mean_outside(&all, part[song]))
                    .unwrap_or(0.0)
            })
            .collect();
        self.said(score)
    }

    /// The songs with these scores. Which half a song belongs to is said by which half of its part's
    /// ranking it is in, which takes no label.
    fn said(&self, score: Vec<f64>) -> Songs {
        let mut songs = self.blank.clone();
        for part in 0..songs.parts {
            let own: Vec<usize> = (0..songs.len()).filter(|&s| songs.part[s] == part).collect();
            let middle = metrics::median(&own.iter().map(|&s| score[s]).collect::<Vec<_>>());
            for song in own {
                songs.decided[song] = usize::from(score[song] > middle);
            }
        }
        songs.said.clone_from(&score);
        songs.score = score;
        songs
    }
}

/// What songs are ranked by: the evidence for the class that is the score, or the value.
fn ranked_by(info: &RunInfo, raw: &[f32], index: usize) -> f64 {
    match info.task {
        Task::Regression => f64::from(raw[index]),
        _ => f64::from(evidence(info.task.of_model(), info.classes_of(raw), index)),
    }
}

fn indexed(names: Vec<String>) -> (Vec<String>, Vec<usize>) {
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    let place = |name: &String| sorted.binary_search(name).unwrap_or(0);
    let places = names.iter().map(place).collect();
    (sorted, places)
}

/// The figures of the table.
fn kinds(genres: bool) -> Vec<Kind> {
    let wanted = ["auc", "spearman", "accuracy"];
    let all = figures::kinds(Task::Share, genres).into_iter();
    all.filter(|kind| wanted.contains(&kind.name) && kind.within != Within::Pooled).collect()
}

/// The figures of a system with their intervals.
pub(super) fn figures_of(songs: &Songs, seed: u64) -> Vec<Figure> {
    figures::measure(songs, &songs.all(), &kinds(songs.has_genres()), DRAWS, seed)
}

/// Each of `systems` against `reference`, figure by figure.
pub(super) fn against(reference: &Songs, systems: &[Songs], seed: u64) -> Vec<Test> {
    let all: Vec<&Songs> = std::iter::once(reference).chain(systems).collect();
    let aligned: Vec<Vec<usize>> = all.iter().map(|songs| songs.all()).collect();
    let tests = tests(&all, &aligned, 0, DRAWS, seed);
    tests.into_iter().map(|test| Test { run: test.run - 1, ..test }).collect()
}

/// Each of `systems` against always naming the larger half.
pub(super) fn against_the_majority(systems: &[Songs]) -> Vec<Test> {
    let binary: Vec<Songs> =
        systems.iter().map(|songs| Songs { task: Task::Binary, ..songs.clone() }).collect();
    against_majority(&binary.iter().collect::<Vec<_>>())
}
