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
    /// What its audio is coded with; `None` in an index of an older version.
    pub(super) codec: Option<String>,
    /// Size of the audio file in bytes.
    pub(super) bytes: u64,
    /// When the audio file was last changed, in nanoseconds since 1970.
    pub(super) modified_ns: u64,
    /// SHA-256 of the audio file.
    pub(super) audio_sha256: String,
    /// SHA-256 of frames and features as they lie in the shard.
    pub(super) content_sha256: String,
}

const COLUMNS: [(&str, Kind); 15] = [
    ("track_id", Kind::Text),
    ("shard", Kind::Whole),
    ("offset", Kind::Whole),
    ("frames", Kind::Whole),
    ("audible", Kind::Whole),
    ("seconds", Kind::Real),
    ("clipped", Kind::Real),
    ("chorus", Kind::Real),
    ("file", Kind::Text),
    ("codec", Kind::Text),
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
        Cells::Text(rows.iter().map(|row| built(row.1)?.codec.clone()).collect()),
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
    // An index of an older version has no such columns.
    let mut newer = |name: &str| match table.has(name) {
        true => table.text(name),
        false => Ok(vec![None; ids.len()]),
    };
    let (mut files, mut codecs) = (newer("file")?, newer("codec")?);
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
            codec: codecs[row].take(),
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
    use crate::dataset::build::{BuildOptions, build};
    use proptest::prelude::*;

    fn entry() -> impl Strategy<Value = Entry> {
        let built = (
            (any::<u32>(), 0u64..1 << 62, 0u64..1 << 40, 0.0f64..=1.0),
            (0.0f64..1e6, 0.0f64..=1.0, prop::option::of(0.0f64..1e4)),
            ("[a-z/]{0,9}", 0u64..1 << 62, 0u64..1 << 62, "[0-9a-f]{64}", "[0-9a-f]{64}"),
            prop::option::of("[a-z0-9_]{1,9}"),
        );
        let built = built.prop_map(
            |((shard, offset, frames, share), (seconds, clipped, chorus), rest, codec)| {
                let (file, bytes, modified_ns, audio_sha256, content_sha256) = rest;
                Entry::Built(BuiltSong {
                    place: Place { shard, offset },
                    frames,
                    audible: (frames as f64 * share) as u64,
                    seconds,
                    clipped,
                    chorus,
                    file,
                    codec,
                    bytes,
                    modified_ns,
                    audio_sha256,
                    content_sha256,
                })
            },
        );
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
    fn an_index_of_an_older_version_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let song = BuiltSong {
            place: Place { shard: 1, offset: 64 },
            frames: 9,
            audible: 8,
            seconds: 2.0,
            clipped: 0.0,
            chorus: None,
            file: "a.mp3".into(),
            codec: Some("mp3".into()),
            bytes: 5,
            modified_ns: 7,
            audio_sha256: "a".into(),
            content_sha256: "c".into(),
        };
        let entry = Entry::Built(song.clone());
        let cells = cells_of(std::iter::once(("1", &entry)));
        let (columns, cells): (Vec<_>, Vec<_>) = COLUMNS
            .into_iter()
            .zip(cells)
            .filter(|((name, _), _)| !["file", "codec"].contains(name))
            .unzip();
        let batches = std::iter::once(Ok(cells));
        table_file::write(&path_of(dir.path()), &columns, &[], batches).unwrap();
        let older = Entry::Built(BuiltSong { file: String::new(), codec: None, ..song });
        assert_eq!(read(dir.path()).unwrap(), [("1".to_owned(), older)]);
    }

    /// The audio is not read again for it.
    #[test]
    fn a_build_adds_the_codecs_that_an_older_version_did_not_keep() {
        let dir = tempfile::tempdir().unwrap();
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 22_050,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(dir.path().join("123"), spec).unwrap();
        (0..8192).for_each(|i| wav.write_sample((i % 100 * 50) as i16).unwrap());
        wav.finalize().unwrap();
        let manifest = dir.path().join("tracks.csv");
        std::fs::write(&manifest, "track_id,file\n1,123\n").unwrap();
        let (audio, out) = (dir.path().to_owned(), dir.path().join("set"));
        let options = BuildOptions { manifest, audio, out, ..BuildOptions::default() };
        build(&options).unwrap();
        let mut rows = read(&options.out).unwrap();
        let whole = rows.clone();
        let Entry::Built(song) = &mut rows[0].1 else { panic!("not built") };
        assert_eq!(song.codec.take().as_deref(), Some("pcm_s16le"));
        write(&options.out, rows.iter().map(|(id, entry)| (id.as_str(), entry))).unwrap();
        let report = build(&options).unwrap();
        assert_eq!((report.built, report.kept), (0, 1));
        assert_eq!(read(&options.out).unwrap(), whole);
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
