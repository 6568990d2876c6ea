//! A data set's folder while it is being written.
//!
//! The index is the only truth: frames are appended to a shard first, and count once an index that
//! names them is in place. Whatever a process that died left behind an index's last byte is cut off
//! or written over by the next one. The index is written anew every so often, in growing intervals,
//! so that saving takes a small share of the time however many songs there are.

use std::collections::{HashMap, HashSet};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::build::BuildOptions;
use super::description::Description;
use super::index::{self, BuiltSong, Entry};
use super::manifest::Track;
use super::shard::{self, Layout, Place, Shard, ShardWriter};
use super::tracks;
use crate::files;

/// Bytes after which a new shard is begun, if nothing else is asked for.
const SHARD_BYTES: u64 = 1 << 30;
/// Least time between two saves, if nothing else is asked for.
const SAVE_AFTER: Duration = Duration::from_millis(100);
/// Saving may then take this part of the time.
const SAVE_SHARE: u32 = 20;

/// A data set that is being written. Only one process at a time has it open so.
pub(super) struct Construction<'a> {
    folder: PathBuf,
    layout: Layout,
    tracks: &'a [(u64, Track)],
    state: Mutex<State>,
    /// Time between two saves, if the user chose one.
    save_every: Option<Duration>,
    _lock: File,
}

struct State {
    /// What is known of each track.
    entries: Vec<Option<Entry>>,
    shards: ShardWriter,
    saved: Instant,
    save_took: Duration,
    changed: bool,
}

pub(super) fn layout_of(description: &Description) -> Result<Layout> {
    Ok(Layout {
        bands: u32::try_from(description.extraction.front_end.n_mels)?,
        features: u32::try_from(description.feature_names.len())?,
        settings: description.extraction.hash()?,
    })
}

impl<'a> Construction<'a> {
    /// Makes the folder, or opens what an earlier build left there. Songs that are no longer in the manifest
    /// or that lie in a damaged shard count as unread; those that were read with other settings as well, if
    /// they are to be read again.
    ///
    /// # Errors
    /// When they were read with other settings and are not to be read again, when another process builds
    /// there, or the folder cannot be written to.
    pub(super) fn open(
        folder: &Path,
        description: &Description,
        header: &[String],
        tracks: &'a [(u64, Track)],
        options: &BuildOptions,
    ) -> Result<Self> {
        // What another made is not touched.
        Description::find(folder)?;
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let lock = lock(folder)?;
        let before = Description::find(folder)?;
        let layout = layout_of(description)?;
        let known = match &before {
            Some(before) if layout_of(before)? == layout => index::read(folder)?,
            // Nothing is written yet: what took hours is not lost to an option that was forgotten.
            Some(before) if !options.rebuild => bail!(
                "{} was built with {}; give the same options, another folder with --out, or --rebuild to read all songs again",
                folder.display(),
                before.other_options(description).join(" and ")
            ),
            _ => {
                index::write(folder, std::iter::empty())?;
                Vec::new()
            }
        };
        tracks::write(folder, header, tracks)?;
        if before.as_ref() != Some(description) {
            description.save(folder)?;
        }
        let largest_shard = options.shard_bytes.unwrap_or(SHARD_BYTES);
        let (entries, shards) = Self::take_over(folder, layout, tracks, known, largest_shard)?;
        let state = State {
            entries,
            shards,
            saved: Instant::now(),
            save_took: Duration::ZERO,
            changed: false,
        };
        Ok(Self {
            folder: folder.to_owned(),
            layout,
            tracks,
            state: Mutex::new(state),
            save_every: options.save_every,
            _lock: lock,
        })
    }

    fn take_over(
        folder: &Path,
        layout: Layout,
        tracks: &[(u64, Track)],
        known: Vec<(String, Entry)>,
        largest_shard: u64,
    ) -> Result<(Vec<Option<Entry>>, ShardWriter)> {
        let mut lengths: HashMap<u32, Option<u64>> = HashMap::new();
        // Behind this byte nothing of a shard is named by the index.
        let mut ends: HashMap<u32, u64> = HashMap::new();
        let mut by_id: HashMap<String, Entry> = HashMap::with_capacity(known.len());
        for (id, entry) in known {
            if let Entry::Built(song) = &entry {
                let number = song.place.shard;
                let length = *lengths.entry(number).or_insert_with(|| {
                    shard::length_if_sound(&shard::path_of(folder, number, &layout), layout)
                });
                let end = layout.song_end(song.place.offset, song.frames);
                let Some(end) = end.filter(|&end| length.is_some_and(|length| end <= length))
                else {
                    continue;
                };
                let last = ends.entry(number).or_default();
                *last = end.max(*last);
            }
            by_id.insert(id, entry);
        }
        let entries: Vec<Option<Entry>> =
            tracks.iter().map(|(_, track)| by_id.remove(&track.id)).collect();
        let needed: HashSet<PathBuf> =
            ends.keys().map(|&number| shard::path_of(folder, number, &layout)).collect();
        clear(folder, &needed);
        let last = ends.into_iter().max();
        let next = last.map_or(0, |(number, _)| number.saturating_add(1));
        let shards = match last {
            // Nobody may have mapped what is cut off.
            Some((number, end)) if nobody_reads(folder) => {
                let mut shards = ShardWriter::new(folder, layout, number, largest_shard);
                shards.resume(end)?;
                shards
            }
            _ => ShardWriter::new(folder, layout, next, largest_shard),
        };
        Ok((entries, shards))
    }

    /// What is known of a track.
    pub(super) fn known(&self, track: usize) -> Option<Entry> {
        self.state().entries[track].clone()
    }

    /// How many songs have frames.
    pub(super) fn songs(&self) -> usize {
        let built = |entry: &&Option<Entry>| matches!(entry, Some(Entry::Built(_)));
        self.state().entries.iter().filter(built).count()
    }

    /// Whether a song's frames and features are what they were when they were written.
    pub(super) fn is_sound(&self, song: &BuiltSong) -> bool {
        let path = shard::path_of(&self.folder, song.place.shard, &self.layout);
        Shard::open(&path, self.layout).is_ok_and(|shard| {
            shard
                .record(song.place.offset, song.frames)
                .is_ok_and(|record| files::sha256_hex(record.bytes) == song.content_sha256)
        })
    }

    /// Keeps what is now known of a track.
    pub(super) fn record(&self, track: usize, entry: Entry) -> Result<()> {
        let mut state = self.state();
        state.changed |= state.entries[track].as_ref() != Some(&entry);
        state.entries[track] = Some(entry);
        self.save_in_time(&mut state)
    }

    /// Adds a song's frames and features, and keeps what `entry` makes of their place.
    pub(super) fn append(
        &self,
        track: usize,
        content: &[u8],
        entry: impl FnOnce(Place) -> Entry,
    ) -> Result<()> {
        let mut state = self.state();
        let place = state.shards.append(content)?;
        state.entries[track] = Some(entry(place));
        state.changed = true;
        self.save_in_time(&mut state)
    }

    fn save_in_time(&self, state: &mut State) -> Result<()> {
        let wait = self.save_every.unwrap_or_else(|| SAVE_AFTER.max(SAVE_SHARE * state.save_took));
        if state.saved.elapsed() >= wait { self.save_now(state) } else { Ok(()) }
    }

    fn save_now(&self, state: &mut State) -> Result<()> {
        if !state.changed && self.folder.join("index.parquet").exists() {
            return Ok(());
        }
        let begun = Instant::now();
        state.shards.sync()?;
        let rows = self.tracks.iter().zip(&state.entries);
        index::write(
            &self.folder,
            rows.filter_map(|((_, track), entry)| Some((track.id.as_str(), entry.as_ref()?))),
        )?;
        (state.changed, state.saved) = (false, Instant::now());
        state.save_took = begun.elapsed();
        Ok(())
    }

    /// Writes the index if it does not say yet what is known.
    pub(super) fn save(&self) -> Result<()> {
        self.save_now(&mut self.state())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Keeps other builds out of a folder as long as the file is held.
pub(super) fn lock(folder: &Path) -> Result<File> {
    let lock = files::try_lock(&folder.join(".build-lock"))
        .with_context(|| format!("cannot write in {}", folder.display()))?;
    lock.with_context(|| {
        format!("{} is being built by another process; wait for it", folder.display())
    })
}

/// Tells builds, as long as the file is held, that shards are mapped. `None` where no lock can be had,
/// in a folder that may only be read.
pub(super) fn reader_lock(folder: &Path) -> Option<File> {
    let path = folder.join(".read-lock");
    let file = File::open(&path).or_else(|_| File::create(&path)).ok()?;
    file.try_lock_shared().ok()?;
    Some(file)
}

fn nobody_reads(folder: &Path) -> bool {
    let path = folder.join(".read-lock");
    match OpenOptions::new().write(true).open(&path) {
        Ok(file) => file.try_lock().is_ok(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    }
}

/// Removes shards that nothing names, and what a process that died was writing.
pub(super) fn clear(folder: &Path, needed: &HashSet<PathBuf>) {
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let named = |path: &Path, start: &str, end: &str| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(start) && name.ends_with(end)
    };
    for path in entries(&folder.join("shards")).map(|entry| entry.path()) {
        if named(&path, "shard-", ".frames") && !needed.contains(&path) {
            std::fs::remove_file(&path).ok();
        }
    }
    for path in entries(folder).map(|entry| entry.path()) {
        if named(&path, files::WRITING, "") {
            std::fs::remove_file(&path).ok();
        }
    }
}
