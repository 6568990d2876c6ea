//! The rows of a data set's songs: features of their sound, columns of the manifest, features of the words.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::dataset::{FeatureTable, Track};
use crate::examples::{Beside, Rows};
use crate::table::{Columns, Table, is_missing, lyrics};

/// All features that there are, and the columns of the manifest that are `named`.
pub(super) fn of_set(
    tracks: &[Track],
    features: Option<FeatureTable>,
    named: &[&String],
    lyrics: Option<&str>,
    folder: &Path,
) -> Result<Table> {
    let ids: Vec<String> = tracks.iter().map(|track| track.id.clone()).collect();
    let mut names = features.as_ref().map_or(vec![], |features| features.names.clone());
    let mut rows = match features {
        Some(features) => features.rows,
        None => vec![vec![]; tracks.len()],
    };
    if let Some(column) = lyrics {
        let texts = tracks.iter().map(|track| track.text(column)).collect::<Result<Vec<_>>>()?;
        add_lyrics(&mut names, &mut rows, &texts);
    }
    for &name in named {
        if names.contains(name) || !tracks.iter().all(|t| t.columns.contains_key(name)) {
            // Where there is no such column, the columns' own check says so.
            continue;
        }
        for (row, track) in rows.iter_mut().zip(tracks) {
            let missing = is_missing(track.text(name)?.trim());
            row.push(if missing { None } else { Some(track.number(name)?) });
        }
        names.push(name.clone());
    }
    ensure!(
        !names.is_empty(),
        "{} has no features; build it again with `--features descriptors,low-level`",
        folder.display()
    );
    Table::new(ids, names, rows, BTreeMap::new())
}

/// Names of columns that a joined table had, and the songs as well.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Doubled {
    /// Columns that the tracks had already, and have no more.
    pub(super) replaced: Vec<String>,
    /// Features, which stay what they are in rows.
    pub(super) features: Vec<String>,
}

/// Adds the columns of a table to the tracks that its `track_id` names. `features` are the names of numbers that
/// rows have anyway.
pub(super) fn join(tracks: &mut [Track], path: &Path, features: &[&str]) -> Result<Doubled> {
    let table = Table::load(path, Some("track_id")).context("data.join")?;
    let rows: BTreeMap<&str, usize> =
        table.ids.iter().enumerate().map(|(row, id)| (id.as_str(), row)).collect();
    let columns: Vec<(&String, Vec<String>)> = table
        .names
        .iter()
        .chain(table.texts.keys())
        .map(|name| Ok((name, table.text(name)?)))
        .collect::<Result<_>>()?;
    let there = |name: &String| tracks.iter().any(|track| track.columns.contains_key(name));
    let names = columns.iter().map(|(name, _)| (*name).clone());
    let (features, others): (Vec<String>, Vec<String>) =
        names.partition(|name| features.contains(&name.as_str()));
    let replaced = others.into_iter().filter(there).collect();
    for track in tracks {
        let row = *rows
            .get(track.id.as_str())
            .with_context(|| format!("data.join: {} has no track {}", path.display(), track.id))?;
        for (name, cells) in &columns {
            track.columns.insert((*name).clone(), cells[row].clone());
        }
    }
    Ok(Doubled { replaced, features })
}

/// The names of all features, those of the words as well where there are any.
pub(super) fn features_of<'a>(
    features: Option<&'a FeatureTable>,
    lyrics: Option<&str>,
) -> Vec<&'a str> {
    let of_sound = features.into_iter().flat_map(|features| &features.names).map(String::as_str);
    let of_words = lyrics.into_iter().flat_map(|_| lyrics::NAMES);
    of_sound.chain(of_words).collect()
}

/// A table with the features of one of its columns in that column's place.
pub(super) fn with_lyrics(mut table: Table, column: &str) -> Result<Table> {
    let texts = table.text(column).context("data.lyrics does not fit the table")?;
    table.texts.remove(column);
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    add_lyrics(&mut table.names, &mut table.rows, &texts);
    Table::new(table.ids, table.names, table.rows, table.texts)
}

fn add_lyrics(names: &mut Vec<String>, rows: &mut [Vec<Option<f64>>], texts: &[&str]) {
    names.extend(lyrics::NAMES.map(str::to_owned));
    for (row, text) in rows.iter_mut().zip(texts) {
        match lyrics::features(text) {
            Some(values) => row.extend(values.map(Some)),
            None => row.extend([None; lyrics::NAMES.len()]),
        }
    }
}

/// Each track as often as it has pieces, numbered.
pub(super) fn in_pieces(tracks: &[Track], pieces: usize) -> Vec<Track> {
    let piece = |track: &Track, n: usize| Track { id: piece_id(&track.id, n), ..track.clone() };
    tracks.iter().flat_map(|track| (0..pieces).map(move |n| piece(track, n))).collect()
}

/// Each row as often as its song has pieces.
pub(super) fn table_in_pieces(table: &Table, pieces: usize) -> Result<Table> {
    let repeat = |n: usize| std::iter::repeat_n(n, pieces).enumerate();
    let all: Vec<(usize, usize)> = (0..table.ids.len()).flat_map(repeat).collect();
    Table::new(
        all.iter().map(|&(piece, row)| piece_id(&table.ids[row], piece)).collect(),
        table.names.clone(),
        all.iter().map(|&(_, row)| table.rows[row].clone()).collect(),
        BTreeMap::new(),
    )
}

fn piece_id(id: &str, piece: usize) -> String {
    format!("{id}#{}", piece + 1)
}

/// Scaled numbers as they were before, gaps filled, with what scales them: networks that take sound and
/// numbers scale both themselves, so that an exported one can be given what the meter hears.
pub(super) fn as_they_are(columns: &Columns, scaled: &[Vec<f64>]) -> Beside {
    let scales = || columns.offsets.iter().zip(&columns.factors);
    let before = |row: &Vec<f64>| -> Vec<f32> {
        row.iter().zip(scales()).map(|(v, (offset, factor))| (v / factor + offset) as f32).collect()
    };
    Beside {
        rows: Rows {
            columns: columns.names.len(),
            values: scaled.iter().flat_map(before).collect(),
        },
        mean: scales().map(|(offset, _)| *offset as f32).collect(),
        deviation: scales().map(|(_, factor)| (1.0 / factor) as f32).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_that_a_joined_table_replaces_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("more.csv");
        std::fs::write(&path, "track_id,loss,year,label\na,0.5,1999,x\nb,0.25,2001,y\n").unwrap();
        let track = |id: &str| Track {
            id: id.into(),
            file: String::new(),
            columns: BTreeMap::from([("year".into(), "1970".into()), ("title".into(), id.into())]),
        };
        let mut tracks = [track("b"), track("a")];
        let doubled = join(&mut tracks, &path, &["loss", "peak"]).unwrap();
        assert_eq!(
            (doubled.replaced, doubled.features),
            (vec!["year".into()], vec!["loss".into()])
        );
        let of = |track: &Track, name: &str| track.text(name).unwrap().to_owned();
        assert_eq!(of(&tracks[0], "year"), "2001");
        assert_eq!(of(&tracks[1], "loss"), "0.5");
        assert_eq!(of(&tracks[1], "title"), "a");
    }
}
