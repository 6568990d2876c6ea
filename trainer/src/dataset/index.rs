//! `index.parquet`: what is known of each song, and where its frames lie.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::shard::Place;
use super::table_file::{self, Cells, Kind, ROWS_AT_A_TIME};

/// What reading one song's audio came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    /// Its frames are in a shard.
    Built(BuiltSong),
    /// It could not be read.
    Skipped {
        /// Why, naming the file.
        reason: String,
    },
}

/// A song whose frames are in a shard.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BuiltSong {
    pub(super) place: Place,
    /// Number of frames.
    pub(super) frames: u64,
    /// Frames that are not silent.
    pub(super) audible: u64,
    /// Length of the audio.
    pub(super) seconds: f64,
    /// Share of its samples at full scale or beyond.
    pub(super) clipped: f64,
    /// Where the chorus starts, in seconds.
    pub(super) chorus: Option<f64>,
    /// Where the audio file lies, as the manifest said; empty in an index of an older version.
    pub(super) file: String,
    /// Size of the audio file in bytes.
    pub(super) bytes: u64,
    /// When the audio file was last changed, in nanoseconds since 1970.
    pub(super) modified_ns: u64,
    /// SHA-256 of the audio file.
    pub(super) audio_sha256: String,
    /// SHA-256 of frames and features as they lie in the shard.
    pub(super) content_sha256: String,
}

const COLUMNS: [(&str, Kind); 14] = [
    ("track_id", Kind::Text),
    ("shard", Kind::Whole),
    ("offset", Kind::Whole),
    ("frames", Kind::Whole),
    ("audible", Kind::Whole),
    ("seconds", Kind::Real),
    ("clipped", Kind::Real),
    ("chorus", Kind::Real),
    ("file", Kind::Text),
    ("bytes", Kind::Whole),
    ("modified_ns", Kind::Whole),
    ("audio_sha256", Kind::Text),
    ("content_sha256", Kind::Text),
    ("skipped", Kind::Text),
];

fn path_of(folder: &Path) -> PathBuf {
    folder.join("index.parquet")
}

/// Writes the index, whole or not at all.
pub(super) fn write<'a>(
    folder: &Path,
    rows: impl Iterator<Item = (&'a str, &'a Entry)>,
) -> Result<()> {
    let mut rows = rows.peekable();
    let batches = std::iter::from_fn(|| {
        rows.peek()?;
        Some(Ok(cells_of(rows.by_ref().take(ROWS_AT_A_TIME))))
    });
    table_file::write(&path_of(folder), &COLUMNS, &[], batches)
}

fn cells_of<'a>(rows: impl Iterator<Item = (&'a str, &'a Entry)>) -> Vec<Cells> {
    let rows: Vec<(&str, &Entry)> = rows.collect();
    let built = |entry: &'a Entry| match entry {
        Entry::Built(song) => Some(song),
        Entry::Skipped { .. } => None,
    };
    let whole = |of: fn(&BuiltSong) -> u64| {
        Cells::Whole(rows.iter().map(|row| Some(of(built(row.1)?) as i64)).collect())
    };
    let real = |of: fn(&BuiltSong) -> Option<f64>| {
        Cells::Real(rows.iter().map(|row| of(built(row.1)?)).collect())
    };
    let text = |of: fn(&BuiltSong) -> &str| {
        Cells::Text(rows.iter().map(|row| Some(of(built(row.1)?).to_owned())).collect())
    };
    let reason = |entry: &Entry| match entry {
        Entry::Built(_) => None,
        Entry::Skipped { reason } => Some(reason.clone()),
    };
    vec![
        Cells::Text(rows.iter().map(|row| Some(row.0.to_owned())).collect()),
        whole(|song| u64::from(song.place.shard)),
        whole(|song| song.place.offset),
        whole(|song| song.frames),
        whole(|song| song.audible),
        real(|song| Some(song.seconds)),
        real(|song| Some(song.clipped)),
        real(|song| song.chorus),
        text(|song| &song.file),
        whole(|song| song.bytes),
        whole(|song| song.modified_ns),
        text(|song| &song.audio_sha256),
        text(|song| &song.content_sha256),
        Cells::Text(rows.iter().map(|row| reason(row.1)).collect()),
    ]
}

/// Reads the index; empty where none has been written yet.
///
/// # Errors
/// When the file is damaged; the message says what to do.
pub(super) fn read(folder: &Path) -> Result<Vec<(String, Entry)>> {
    if !path_of(folder).exists() {
        return Ok(Vec::new());
    }
    read_rows(folder).with_context(|| {
        format!(
            "the index of the data set {} is damaged; delete index.parquet and run `dataset build` again",
            folder.display()
        )
    })
}

fn read_rows(folder: &Path) -> Result<Vec<(String, Entry)>> {
    let mut table = table_file::read(&path_of(folder))?;
    let ids = table.text("track_id")?;
    let (shard, offset) = (table.whole("shard")?, table.whole("offset")?);
    let (frames, audible) = (table.whole("frames")?, table.whole("audible")?);
    let (seconds, clipped) = (table.real("seconds")?, table.real("clipped")?);
    let chorus = table.real("chorus")?;
    let mut files = match table.has("file") {
        true => table.text("file")?,
        false => vec![None; ids.len()],
    };
    let (bytes, modified_ns) = (table.whole("bytes")?, table.whole("modified_ns")?);
    let (mut audio, mut content) = (table.text("audio_sha256")?, table.text("content_sha256")?);
    let mut reasons = table.text("skipped")?;
    let mut rows = Vec::with_capacity(ids.len());
    for (row, id) in ids.into_iter().enumerate() {
        let id = id.with_context(|| format!("row {row} names no track"))?;
        if let Some(reason) = reasons[row].take() {
            rows.push((id, Entry::Skipped { reason }));
            continue;
        }
        let missing = || format!("the row of track {id} is not complete");
        let whole = |cells: &[Option<i64>]| -> Result<u64> {
            u64::try_from(cells[row].with_context(missing)?).with_context(missing)
        };
        let song = BuiltSong {
            place: Place {
                shard: u32::try_from(whole(&shard)?).with_context(missing)?,
                offset: whole(&offset)?,
            },
            frames: whole(&frames)?,
            audible: whole(&audible)?,
            seconds: seconds[row].with_context(missing)?,
            clipped: clipped[row].with_context(missing)?,
            chorus: chorus[row],
            file: files[row].take().unwrap_or_default(),
            bytes: whole(&bytes)?,
            modified_ns: whole(&modified_ns)?,
            audio_sha256: audio[row].take().with_context(missing)?,
            content_sha256: content[row].take().with_context(missing)?,
        };
        ensure!(song.audible <= song.frames, missing());
        rows.push((id, Entry::Built(song)));
    }
    Ok(rows)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let built = (
            (any::<u32>(), 0u64..1 << 62, 0u64..1 << 40, 0.0f64..=1.0),
            (0.0f64..1e6, 0.0f64..=1.0, prop::option::of(0.0f64..1e4)),
            ("[a-z/]{0,9}", 0u64..1 << 62, 0u64..1 << 62, "[0-9a-f]{64}", "[0-9a-f]{64}"),
        );
        let built =
            built.prop_map(|((shard, offset, frames, share), (seconds, clipped, chorus), rest)| {
                let (file, bytes, modified_ns, audio_sha256, content_sha256) = rest;
                Entry::Built(BuiltSong {
                    place: Place { shard, offset },
                    frames,
                    audible: (frames as f64 * share) as u64,
                    seconds,
                    clipped,
                    chorus,
                    file,
                    bytes,
                    modified_ns,
                    audio_sha256,
                    content_sha256,
                })
            });
        prop_oneof![3 => built, 1 => ".{1,40}".prop_map(|reason| Entry::Skipped { reason })]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_index_comes_back_as_it_was(
            rows in prop::collection::vec(("[^\\p{Cc}]{1,20}", entry()), 0..40),
        ) {
            let dir = tempfile::tempdir().unwrap();
            write(dir.path(), rows.iter().map(|(id, entry)| (id.as_str(), entry))).unwrap();
            prop_assert_eq!(read(dir.path()).unwrap(), rows);
        }
    }

    #[test]
    fn a_damaged_index_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        assert!(read(dir.path()).unwrap().is_empty());
        std::fs::write(path_of(dir.path()), "no table").unwrap();
        let message = format!("{:#}", read(dir.path()).unwrap_err());
        assert!(message.contains("delete index.parquet and run `dataset build`"), "{message}");
    }
}
