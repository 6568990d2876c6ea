//! Runs made by formulas.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use earworm_train::Rng;
use earworm_train::run::{
    DataInfo, EpochRow, Outcome, PredictionRow, Run, RunInfo, Split, Task, write_predictions,
};
use rand::{RngExt, SeedableRng};

/// How a made run is.
#[derive(Clone)]
pub(super) struct Made {
    pub(super) task: Task,
    pub(super) songs: usize,
    /// How much the model knows: 0 nothing, above 2 nearly all.
    pub(super) knows: f32,
    /// Seed of its noise; the songs are always the same.
    pub(super) seed: u64,
    pub(super) folds: usize,
    pub(super) grouped: bool,
    pub(super) validation: bool,
    pub(super) calibration: Option<&'static str>,
}

impl Made {
    pub(super) fn of(task: Task) -> Self {
        Self {
            task,
            songs: 240,
            knows: 1.0,
            seed: 1,
            folds: 4,
            grouped: true,
            validation: false,
            calibration: None,
        }
    }

    fn outputs(&self) -> Vec<String> {
        let names: &[&str] = match self.task {
            Task::Share => &["liked", "calm"],
            Task::Binary => &["viral"],
            Task::Classes => &["low", "medium", "high"],
            Task::Regression => &["popularity"],
        };
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn info(&self) -> RunInfo {
        let outputs = self.outputs();
        let parts = match self.folds {
            1 => vec!["test".to_owned()],
            n => (0..n).map(|fold| format!("fold-{fold}")).collect(),
        };
        RunInfo {
            name: format!("made-{:?}", self.task).to_lowercase(),
            task: self.task,
            score: if self.task == Task::Classes { "high".into() } else { outputs[0].clone() },
            score_class: (self.task == Task::Classes).then_some(2),
            classes: None,
            outputs,
            parts,
            split: if self.folds == 1 { Split::Test } else { Split::Folds },
            data: DataInfo {
                sha256: "00".repeat(32),
                others: Default::default(),
                songs: self.songs,
                pieces: None,
                folder: "made".into(),
                join: None,
                name: "Made songs".into(),
                front_end: None,
            },
            versions: BTreeMap::from([("earworm-train".into(), "0.1.0".into())]),
            git_commit: Some("0123abc".into()),
            command: "earworm-train fit <made> & told".into(),
            device: "cpu".into(),
            started: "2024-06-07T08:12:44Z".into(),
            notes: vec![],
            sessions: vec![],
        }
    }

    /// The songs: what is true follows from a hidden quality, which genre and group move as well.
    fn rows(&self) -> Vec<PredictionRow> {
        let (mut rng, mut noise) = (Rng::seed_from_u64(7), Rng::seed_from_u64(self.seed));
        let normal = |rng: &mut Rng| -> f32 {
            (0..12).map(|_| rng.random_range(0.0f32..1.0)).sum::<f32>() - 6.0
        };
        let groups: Vec<f32> = (0..self.songs / 3 + 1).map(|_| 0.6 * normal(&mut rng)).collect();
        (0..self.songs)
            .map(|song| {
                let group = song / 3;
                let quality = groups[group] + 0.3 * (song % 3) as f32 - 0.3 + normal(&mut rng);
                let heard = self.knows * quality + normal(&mut noise);
                let share = 1.0 / (1.0 + f64::from(-0.5 * quality).exp());
                let (truth, raw) = match self.task {
                    Task::Share => (share, vec![0.3 * heard - 0.2, 0.1]),
                    Task::Binary => (f64::from(u8::from(quality > 0.4)), vec![heard - 0.4]),
                    Task::Classes => {
                        let class = usize::from(quality > -1.1) + usize::from(quality > 0.8);
                        (
                            class as f64,
                            vec![-heard - 0.9, 0.6 + 0.3 * normal(&mut noise), heard - 0.7],
                        )
                    }
                    Task::Regression => (20.0 + 8.0 * f64::from(quality), vec![20.0 + 4.0 * heard]),
                };
                PredictionRow {
                    track_id: format!("t{song}"),
                    group: if self.grouped { format!("artist {group}") } else { String::new() },
                    genre: ["pop", "rock", "jazz"][song % 3].into(),
                    target: if self.task == Task::Share {
                        0.5 + 0.6 * (truth - 0.5)
                    } else {
                        truth
                    },
                    truth,
                    weight: 1.0,
                    raw,
                }
            })
            .collect()
    }

    fn epochs(&self, shift: f64) -> Vec<EpochRow> {
        (1..=20)
            .map(|epoch| {
                let t = epoch as f64;
                EpochRow {
                    epoch,
                    preparing: false,
                    train_loss: 0.4 + 0.3 * (-t / 6.0).exp() + 0.01 * shift,
                    validation_loss: Some(0.5 + 0.2 * (-t / 4.0).exp() + 0.004 * t + 0.02 * shift),
                    learning_rate: 1e-3,
                    train_accuracy: Some(0.5 + 0.02 * t),
                    validation_accuracy: Some(0.5 + 0.2 * (1.0 - (-t / 4.0).exp()) - 0.02 * shift),
                    wall_time: None,
                }
            })
            .collect()
    }

    /// Writes the run's folder.
    pub(super) fn write(&self, folder: &Path) -> PathBuf {
        let (info, rows) = (self.info(), self.rows());
        std::fs::create_dir_all(folder).unwrap();
        put(folder, "run.json", &serde_json::to_string_pretty(&info).unwrap());
        let calibration =
            self.calibration.map_or(String::new(), |c| format!("calibration = \"{c}\"\n"));
        let group = if self.grouped { "group = \"artist\"\n" } else { "" };
        let recipe = format!(
            "name = \"made\"\nseed = 3\n{calibration}[data]\n{group}about = \"Made by a formula.\"\nlicence = \"CC0-1.0\"\n"
        );
        put(folder, "recipe.toml", &recipe);
        for (index, part) in info.parts.iter().enumerate() {
            let own: Vec<PredictionRow> = rows
                .iter()
                .enumerate()
                // A test set takes half of the songs; folds take all.
                .filter(|(song, _)| song / 3 % info.parts.len().max(2) == index)
                .map(|(_, row)| row.clone())
                .collect();
            write_predictions(&folder.join(part).join("predictions.csv"), &info.outputs, &own)
                .unwrap();
            if self.validation {
                let mut held = self.clone();
                held.seed += 100 + index as u64;
                let held: Vec<PredictionRow> = held
                    .rows()
                    .into_iter()
                    .filter(|row| own.iter().all(|own| own.track_id != row.track_id))
                    .collect();
                write_predictions(&folder.join(part).join("validation.csv"), &info.outputs, &held)
                    .unwrap();
            }
            self.write_training(&folder.join(part), index as f64);
        }
        self.write_training(&folder.join("final"), 0.0);
        folder.to_owned()
    }

    pub(super) fn write_training(&self, folder: &Path, shift: f64) {
        std::fs::create_dir_all(folder).unwrap();
        let outcome = Outcome {
            best_epoch: 14,
            epochs: 20,
            validation_loss: Some(0.55),
            train_accuracy: (self.task == Task::Binary).then_some(0.93),
            seconds: 12.5,
            parameters: 12_345,
        };
        put(folder, "outcome.json", &serde_json::to_string(&outcome).unwrap());
        let lines: Vec<String> =
            self.epochs(shift).iter().map(|row| serde_json::to_string(row).unwrap()).collect();
        put(folder, "epochs.jsonl", &(lines.join("\n") + "\n"));
    }
}

pub(super) fn put(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// Changes what every part of a run said.
pub(super) fn change(run: &Path, mut change: impl FnMut(&mut Vec<PredictionRow>)) {
    let read = Run::open(run).unwrap();
    for part in read.parts {
        let mut rows = part.predictions;
        change(&mut rows);
        let path = run.join(part.name).join("predictions.csv");
        write_predictions(&path, &read.info.outputs, &rows).unwrap();
    }
}
