//! `predictions.csv` and `validation.csv`.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use csv::StringRecord;

use super::{PredictionRow, RunInfo, Task};
use crate::files;

/// The columns before the raw outputs.
const COLUMNS: [&str; 6] = ["track_id", "group", "genre", "truth", "target", "weight"];
/// What the names of the columns of raw outputs begin with.
const RAW: &str = "raw.";

/// Writes rows with one column `raw.<output>` for each of `outputs`.
///
/// # Errors
/// When a row has not one raw value an output, or the file cannot be written.
pub fn write_predictions(path: &Path, outputs: &[String], rows: &[PredictionRow]) -> Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    let raw = outputs.iter().map(|name| format!("{RAW}{name}"));
    csv.write_record(COLUMNS.iter().map(|&name| name.to_owned()).chain(raw))?;
    for row in rows {
        ensure!(
            row.raw.len() == outputs.len(),
            "track {} has {} raw values for {} outputs",
            row.track_id,
            row.raw.len(),
            outputs.len()
        );
        let texts = [&row.track_id, &row.group, &row.genre].map(Clone::clone).into_iter();
        let numbers = [row.truth, row.target, row.weight].map(|x| x.to_string()).into_iter();
        csv.write_record(texts.chain(numbers).chain(row.raw.iter().map(f32::to_string)))?;
    }
    files::write_bytes(path, csv.into_inner().map_err(|e| e.into_error())?)
}

/// Reads rows with the outputs of `info`.
///
/// # Errors
/// When a column is missing or a value makes no sense for the run's task; the message names file,
/// row, song and column.
pub fn read_predictions(path: &Path, info: &RunInfo) -> Result<Vec<PredictionRow>> {
    let name = path.display();
    let mut reader = csv::Reader::from_path(path)
        .with_context(|| format!("cannot read {name}; run `fit` to its end first"))?;
    let header = reader.headers().with_context(|| format!("cannot read {name}"))?.clone();
    let place = |column: &str| {
        header
            .iter()
            .position(|found| found == column)
            .with_context(|| format!("{name} has no column {column:?}; it has {}", list(&header)))
    };
    let mut places = [0; COLUMNS.len()];
    for (place_of, column) in places.iter_mut().zip(COLUMNS) {
        *place_of = place(column)?;
    }
    let raw: Vec<usize> = info
        .outputs
        .iter()
        .map(|output| place(&format!("{RAW}{output}")))
        .collect::<Result<_>>()?;
    let mut rows = Vec::new();
    for (at, record) in reader.records().enumerate() {
        // The header is line 1.
        let row = || format!("{name}, row {}", at + 2);
        let record = record.with_context(row)?;
        rows.push(read_row(&record, &header, places, &raw, info).with_context(row)?);
    }
    Ok(rows)
}

fn read_row(
    record: &StringRecord,
    header: &StringRecord,
    places: [usize; COLUMNS.len()],
    raw: &[usize],
    info: &RunInfo,
) -> Result<PredictionRow> {
    let track_id = record[places[0]].to_owned();
    ensure!(!track_id.is_empty(), "track_id is empty");
    let number = |place: usize| -> Result<f64> {
        let (column, cell) = (&header[place], &record[place]);
        let value: f64 = cell
            .trim()
            .parse()
            .ok()
            .with_context(|| format!("track {track_id}: {column} = {cell:?} is no number"))?;
        if !value.is_finite() {
            bail!("track {track_id}: {column} = {cell} is not finite");
        }
        Ok(value)
    };
    let raw = raw
        .iter()
        .map(|&place| {
            // As a single, so that what a network said is what is judged.
            let value = number(place)? as f32;
            ensure!(
                value.is_finite(),
                "track {track_id}: {} = {} is not finite",
                &header[place],
                &record[place]
            );
            Ok(value)
        })
        .collect::<Result<_>>()?;
    let row = PredictionRow {
        group: record[places[1]].to_owned(),
        genre: record[places[2]].to_owned(),
        truth: number(places[3])?,
        target: number(places[4])?,
        weight: number(places[5])?,
        raw,
        track_id,
    };
    check_truth(&row, info)?;
    Ok(row)
}

fn check_truth(row: &PredictionRow, info: &RunInfo) -> Result<()> {
    let (id, truth) = (&row.track_id, row.truth);
    match info.task {
        Task::Share => ensure!(
            (0.0..=1.0).contains(&truth) && (0.0..=1.0).contains(&row.target),
            "track {id}: truth = {truth} and target = {} must be shares from 0 to 1",
            row.target
        ),
        Task::Binary => {
            ensure!(truth == 0.0 || truth == 1.0, "track {id}: truth = {truth} is not 0 or 1");
        }
        Task::Classes => ensure!(
            truth.fract() == 0.0 && (0.0..info.class_outputs() as f64).contains(&truth),
            "track {id}: truth = {truth} is no index of the {} classes",
            info.class_outputs()
        ),
        Task::Regression => {}
    }
    ensure!(row.weight >= 0.0, "track {id}: weight = {} is negative", row.weight);
    Ok(())
}

fn list(header: &StringRecord) -> String {
    header.iter().collect::<Vec<_>>().join(", ")
}
