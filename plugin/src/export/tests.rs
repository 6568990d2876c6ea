use nice_plug::prelude::ProcessMode;

use super::*;
use crate::curve::Point;
use crate::harness::{Host, automate};

#[test]
fn files_are_what_was_asked_for_whatever_they_are_called() {
    let session = Session::new(Arc::default());
    let dir = tempfile::tempdir().unwrap();
    for (chosen, format, want) in [
        ("Song 1.2", Format::Picture, "Song 1.2.png"),
        ("Song 1.2", Format::Table, "Song 1.2.csv"),
        ("plain", Format::Table, "plain.csv"),
        ("odd.png", Format::Table, "odd.png.csv"),
        ("loud.PNG", Format::Picture, "loud.PNG"),
    ] {
        let written = export(&session, &dir.path().join(chosen), format).unwrap();
        assert_eq!(written, dir.path().join(want));
        let is_picture = std::fs::read(&written).unwrap().starts_with(b"\x89PNG");
        assert_eq!(is_picture, format == Format::Picture, "{want}");
    }
}

#[test]
fn only_a_file_that_was_chosen_is_replaced() {
    let session = Session::new(Arc::default());
    let dir = tempfile::tempdir().unwrap();
    let (short, whole) = (dir.path().join("curve"), dir.path().join("curve.csv"));
    std::fs::write(&whole, "mine").unwrap();
    let refused = export(&session, &short, Format::Table).unwrap_err().to_string();
    assert!(refused.contains("curve.csv already"), "{refused}");
    assert_eq!(std::fs::read(&whole).unwrap(), b"mine");
    assert!(!short.exists());
    // The dialog has asked about this one.
    export(&session, &whole, Format::Table).unwrap();
    assert!(std::fs::read(&whole).unwrap().starts_with(b"sound_s,"));
}

/// Reads a table; where there is nothing, there is NaN.
fn rows(table: &str) -> Vec<Vec<f64>> {
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let number =
        |field: &str| if field.is_empty() { f64::NAN } else { field.parse::<f64>().unwrap() };
    rows.records().map(|row| row.unwrap().iter().map(number).collect()).collect()
}

fn assert_is(row: &[f64], point: &Point) {
    let want = [
        (point.sound_s, 1e-3),
        (point.song_s, 1e-3),
        (point.clock_s, 1e-3),
        (f64::from(point.momentary), 1e-2),
        (f64::from(point.window), 1e-2),
        (f64::from(point.integrated), 1e-2),
        (f64::from(point.level_db), 1e-1),
        (f64::from(point.coverage), 1e-3),
    ];
    assert_eq!(row.len(), want.len());
    for (is, (want, within)) in row.iter().zip(want) {
        let same = (is - want).abs() < within || (is.is_nan() && want.is_nan());
        assert!(same, "{row:?} is not {point:?}");
    }
}

#[test]
fn what_is_exported_is_what_is_shown_also_while_it_is_held() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    host.play(25, 1.0);
    let points: Vec<Point> = session.with_log(|log| {
        log.curve.points().iter().filter(|point| !point.is_gap()).copied().collect()
    });
    assert!(points.last().is_some_and(|point| point.window > 0.0), "there are scores");
    let (then, picture_then) = (table(&session).unwrap(), picture(&session).unwrap());
    let found = rows(&then);
    assert_eq!(found.len(), points.len());
    for (row, point) in found.iter().zip(&points) {
        assert_is(row, point);
    }
    automate(&session.params.hold, 1.0);
    host.play(10, 0.01);
    assert_eq!(table(&session).unwrap(), then);
    assert!(picture(&session).unwrap() == picture_then, "the picture is of what is held");
    automate(&session.params.hold, 0.0);
    assert!(rows(&table(&session).unwrap()).len() > found.len());
    assert!(picture(&session).unwrap() != picture_then);
}
