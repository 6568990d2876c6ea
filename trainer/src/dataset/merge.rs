//! `dataset merge` and `dataset compact`: songs of data sets written anew, in the manifest's order.

use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::construction::{clear, layout_of, lock};
use super::description::{Description, Part};
use super::index::{self, BuiltSong, Entry};
use super::manifest::Track;
use super::shard::{self, ShardWriter};
use super::store::Dataset;
use super::tracks;
use crate::files;
use crate::progress::Progress;

/// Bytes after which a new shard is begun.
const SHARD_BYTES: u64 = 1 << 30;

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeReport {
    /// Songs in the merged data set.
    pub songs: usize,
    /// Songs that could not be read when the parts were built.
    pub skipped: usize,
    /// The merged data set's hash.
    pub sha256: String,
}

impl fmt::Display for MergeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { songs, skipped, sha256 } = self;
        write!(f, "{songs} songs, {skipped} skipped; sha256 {sha256}")
    }
}

/// Makes one data set of all parts that `dataset build --shard` made.
///
/// # Errors
/// When the parts do not belong together, a part or a song is missing or there twice, or `out` exists.
/// Then nothing is written.
pub fn merge(parts: &[PathBuf], out: &Path) -> Result<MergeReport> {
    let parts = parts.iter().map(|part| Dataset::open_any(part)).collect::<Result<Vec<_>>>()?;
    let description = check_together(&parts)?;
    let rows = collect_rows(&parts, description.manifest_rows)?;
    ensure!(parts.iter().any(|part| !part.songs.is_empty()), "the parts hold no songs");
    let occupied = std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    ensure!(
        !occupied && !out.is_file(),
        "{} exists; name a folder that does not with --out",
        out.display()
    );
    let name = out.file_name().context("--out names no folder")?.to_string_lossy();
    let beside = out.with_file_name(format!(".{name}.merging"));
    // Of a merge that was killed.
    std::fs::remove_dir_all(&beside).ok();
    let merged = write_merged(&parts, &description, &rows, &beside).and_then(|()| {
        if out.is_dir() {
            std::fs::remove_dir(out)?;
        }
        std::fs::rename(&beside, out).with_context(|| format!("cannot write {}", out.display()))?;
        files::sync_folder(out.parent().unwrap_or(Path::new(".")));
        Ok(())
    });
    if let Err(error) = merged {
        std::fs::remove_dir_all(&beside).ok();
        return Err(error);
    }
    let dataset = Dataset::open(out)?;
    Ok(MergeReport {
        songs: dataset.songs.len(),
        skipped: dataset.skipped.len(),
        sha256: dataset.sha256,
    })
}

/// Checks that parts are of one data set and all there; returns the whole data set's description.
fn check_together(parts: &[Dataset]) -> Result<Description> {
    let first = parts.first().context("there is nothing to merge")?;
    let expected = first.description.without_part();
    let mut of = None;
    let mut indices = BTreeSet::new();
    for part in parts {
        let (here, there) = (part.folder.display(), first.folder.display());
        let Some(Part { index, of: count }) = part.description.part else {
            bail!("{here} is no part: it was built without --shard");
        };
        let own = part.description.without_part();
        let what = if own.extraction != expected.extraction {
            "front-end settings or features"
        } else if own.manifest_sha256 != expected.manifest_sha256 {
            "manifests"
        } else if own != expected {
            "schemas"
        } else if *of.get_or_insert(count) != count {
            "numbers of parts"
        } else {
            ensure!(indices.insert(index), "part {index} of {count} is there twice: {here} is one");
            continue;
        };
        bail!("{here} and {there} were built with different {what}");
    }
    let missing = (0..of.unwrap_or(0)).filter(|index| !indices.contains(index));
    let missing: Vec<String> = missing.map(|index| index.to_string()).collect();
    ensure!(
        missing.is_empty(),
        "part {} of {} is missing: give all parts",
        missing.join(", "),
        of.unwrap_or(0)
    );
    Ok(expected)
}

/// One row of the merged manifest: whose track it is, and its song where it could be read.
struct Row<'a> {
    track: &'a Track,
    /// The part and the song in it, or why there is none.
    song: Result<(&'a Dataset, usize), &'a str>,
}

/// The rows of all parts in the manifest's order.
fn collect_rows(parts: &[Dataset], count: u64) -> Result<Vec<Row<'_>>> {
    let mut rows: Vec<Option<Row<'_>>> = Vec::new();
    rows.resize_with(usize::try_from(count)?, || None);
    for part in parts {
        if let Some((_, track)) = part.unread.first() {
            bail!(
                "{} is not finished: {} tracks were not read yet, {} the first; run its build again",
                part.folder.display(),
                part.unread.len(),
                track.id
            );
        }
        let songs = part.built.iter().zip(&part.songs).enumerate();
        let songs = songs
            .map(|(at, ((row, _), song))| (*row, Row { track: &song.track, song: Ok((part, at)) }));
        let skipped = part.skipped_rows.iter().zip(&part.skipped);
        let skipped = skipped
            .map(|((row, track), (_, reason))| (*row, Row { track, song: Err(reason.as_str()) }));
        for (row, content) in songs.chain(skipped) {
            let place = usize::try_from(row).ok().and_then(|row| rows.get_mut(row));
            let place = place.with_context(|| format!("{} is damaged", part.folder.display()))?;
            ensure!(
                place.is_none(),
                "track {} is in two parts, {} is one",
                content.track.id,
                part.folder.display()
            );
            *place = Some(content);
        }
    }
    let missing = rows.iter().filter(|row| row.is_none()).count();
    ensure!(missing == 0, "{missing} tracks of the manifest are in none of the parts");
    Ok(rows.into_iter().flatten().collect())
}

fn write_merged(
    parts: &[Dataset],
    description: &Description,
    rows: &[Row<'_>],
    out: &Path,
) -> Result<()> {
    std::fs::create_dir_all(out)
        .with_context(|| format!("cannot make the folder {}", out.display()))?;
    let tracks: Vec<(u64, Track)> = (0..).zip(rows.iter().map(|row| row.track.clone())).collect();
    tracks::write(out, &parts[0].header, &tracks)?;
    let mut shards = ShardWriter::new(out, layout_of(description)?, 0, SHARD_BYTES);
    let progress = Progress::begin("dataset merge", "songs", rows.len())?;
    let mut entries = Vec::with_capacity(rows.len());
    for row in rows {
        entries.push(match row.song {
            Ok((part, song)) => copy_song(part, song, &mut shards)?,
            Err(reason) => Entry::Skipped { reason: reason.to_owned() },
        });
        progress.one_more();
    }
    progress.end();
    shards.sync()?;
    index::write(out, rows.iter().map(|row| row.track.id.as_str()).zip(&entries))?;
    description.save(out)?;
    let dataset = Dataset::open(out)?;
    dataset.write_features()
}

fn copy_song(from: &Dataset, song: usize, shards: &mut ShardWriter) -> Result<Entry> {
    let record = from.record(song);
    let place = shards.append(record.bytes)?;
    Ok(Entry::Built(BuiltSong { place, ..from.built[song].1.clone() }))
}

/// Frees the space of songs that were replaced or are no longer in the manifest; returns the bytes of
/// all shards before and after.
///
/// # Errors
/// When the folder is no data set, is being built, or cannot be written. Then it stays as it was.
pub fn compact(folder: &Path) -> Result<(u64, u64)> {
    Description::load(folder)?;
    let _lock = lock(folder)?;
    // Only now: a build that has just ended may have saved more.
    let dataset = Dataset::open(folder)?;
    let layout = layout_of(&dataset.description)?;
    let (before, _) = dataset.bytes();
    let next = dataset.shard_numbers().max().map_or(0, |number| number.saturating_add(1));
    let mut shards = ShardWriter::new(folder, layout, next, SHARD_BYTES);
    let progress = Progress::begin("dataset compact", "songs", dataset.songs.len())?;
    let mut rows: Vec<(u64, &str, Entry)> = Vec::new();
    for (song, (entry, (row, _))) in dataset.songs.iter().zip(&dataset.built).enumerate() {
        rows.push((*row, &entry.track.id, copy_song(&dataset, song, &mut shards)?));
        progress.one_more();
    }
    progress.end();
    for ((row, track), (_, reason)) in dataset.skipped_rows.iter().zip(&dataset.skipped) {
        rows.push((*row, &track.id, Entry::Skipped { reason: reason.clone() }));
    }
    rows.sort_by_key(|(row, ..)| *row);
    shards.sync()?;
    index::write(folder, rows.iter().map(|(_, id, entry)| (*id, entry)))?;
    let used = rows.iter().filter_map(|(.., entry)| match entry {
        Entry::Built(song) => Some(shard::path_of(folder, song.place.shard, &layout)),
        Entry::Skipped { .. } => None,
    });
    clear(folder, &used.collect::<HashSet<PathBuf>>());
    let (after, _) = Dataset::open(folder)?.bytes();
    Ok((before, after))
}
