//! Models of rows: the file takes what the scorer's descriptors say of a window.

use std::path::Path;

use anyhow::{Result, ensure};
use earworm_scorer::features::{self, FeatureSet};
use earworm_scorer::model::{Contract, Input};

use super::{Exported, Subject, metadata, read_back};
use super::{rows_onnx_bytes, table_onnx_bytes};
use crate::dataset::Dataset;
use crate::rows_model::{Judge, RowsModel, rows_of};

/// The final model of a run over rows, held against it on the rows of the run's songs.
pub(super) fn export(run: &Path, subject: &Subject<'_>, dataset: &Dataset) -> Result<Exported> {
    let trained = RowsModel::load(&run.join("final"), subject.recipe)?;
    let columns = &trained.columns;
    ensure_heard(run, &columns.names)?;
    let input = Input::Descriptors { names: columns.names.clone() };
    let metadata = metadata(subject, Contract::Window, input);
    let bytes = match &trained.judge {
        Judge::Network(network) => rows_onnx_bytes(network.as_ref(), columns, &metadata)?,
        Judge::Table(model) => table_onnx_bytes(model, columns, &metadata)?,
    };
    let model = read_back(&bytes)?;

    let table = rows_of(dataset)?;
    // What the scorer describes has no gaps; songs that have some are left out.
    let places: Vec<usize> =
        columns.names.iter().filter_map(|n| table.names.iter().position(|m| m == n)).collect();
    let whole = |&row: &usize| places.iter().all(|&at| table.rows[row][at].is_some());
    let songs: Vec<usize> = (0..table.rows.len()).filter(whole).collect();
    let expected = trained.raw(&columns.apply(&table, &songs)?)?;
    let mut session = model.session(1, 1)?;
    let mut difference = 0.0f32;
    for (&song, expected) in songs.iter().zip(&expected) {
        let input: Vec<f32> =
            places.iter().filter_map(|&at| table.rows[song][at]).map(|v| v as f32).collect();
        for (a, b) in session.run(&input)?.iter().zip(expected) {
            // What is not a number must not pass as small.
            let apart = (a - b).abs();
            difference = if apart.is_nan() { f32::INFINITY } else { difference.max(apart) };
        }
    }
    Ok(Exported { bytes, model, difference, windows: expected.len() })
}

/// What to know of a model some of whose columns change when a song is turned up or down; `None` where none
/// does.
pub(super) fn level_warning(names: &[String]) -> Option<String> {
    let (mut own, mut bands) = (Vec::new(), 0);
    for name in names {
        match name.as_str() {
            // The first cepstral coefficient is the level; `mfcc` is a mean with it.
            "rmse" | "mfcc" | "mfcc_0" => own.push(name.clone()),
            name if name.starts_with("mel_") => bands += 1,
            _ => {}
        }
    }
    if bands > 0 {
        own.push(format!("{bands} mel_ columns"));
    }
    (!own.is_empty()).then(|| {
        format!("Its score changes when the same song is played louder: so do {}.", own.join(", "))
    })
}

/// Checks that the meter can tell all these features of what it hears.
pub(super) fn ensure_heard(run: &Path, names: &[String]) -> Result<()> {
    let heard: Vec<String> = FeatureSet::ALL.into_iter().flat_map(features::names).collect();
    let unheard: Vec<&str> =
        names.iter().filter(|name| !heard.contains(name)).map(String::as_str).collect();
    ensure!(
        unheard.is_empty(),
        "{} learnt from columns that the meter cannot hear: {}; leave them out to export a model",
        run.display(),
        unheard.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chord that swells, with a beat of noise: 8 s at 22 050 Hz.
    fn song() -> Vec<f32> {
        let mut noise = 1u32;
        (0..8 * 22_050)
            .map(|i| {
                let t = i as f32 / 22_050.0;
                let tone = |hz: f32| (std::f32::consts::TAU * hz * t).sin();
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let hiss = (noise >> 8) as f32 / (1 << 23) as f32 - 1.0;
                let chord = tone(220.0) + tone(277.2) + 0.5 * tone(2_637.0) + 0.2 * tone(7_040.0);
                0.02 * chord * (1.0 + (0.7 * t).sin()) + 0.05 * hiss * (-(t % 0.5) * 12.0).exp()
            })
            .collect()
    }

    #[test]
    fn features_without_a_warning_do_not_change_with_the_level() {
        let of = |gain: f32| {
            let samples: Vec<f32> = song().iter().map(|x| gain * x).collect();
            features::extract(&samples, 22_050, &FeatureSet::ALL).unwrap()
        };
        let names: Vec<String> = FeatureSet::ALL.into_iter().flat_map(features::names).collect();
        let before = of(1.0);
        for gain in [0.25f32, 4.0] {
            for ((name, a), b) in names.iter().zip(&before).zip(of(gain)) {
                let changes = (a - b).abs() > 0.005 * a.abs() + 0.005;
                let warned = level_warning(std::slice::from_ref(name)).is_some();
                assert!(warned || !changes, "{name}: {a} becomes {b} at {gain}");
            }
        }
        let warning = level_warning(&names).unwrap();
        assert!(warning.contains("rmse, mfcc, mfcc_0, 128 mel_ columns"), "{warning}");
    }
}
