//! `dataset build`: a manifest and a folder of audio become mel frames on disk.
//!
//! Songs are read in parallel. The index is rewritten as songs finish, so a build that is stopped
//! at any point goes on where it was; songs whose audio did not change are not read again.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use earworm_scorer::decode::AudioFile;
use earworm_scorer::front_end::{Frames, FrontEnd, FrontEndSettings};
use earworm_scorer::{Resampler, downmix_interleaved};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::manifest::{Manifest, Track};
use super::store::{self, IndexRow};
use crate::files;

/// Songs between two rewrites of the index.
const SAVE_EVERY: usize = 16;

/// What to build from what.
pub struct BuildOptions {
    /// The manifest.
    pub manifest: PathBuf,
    /// The folder that its `file` column is relative to.
    pub audio: PathBuf,
    /// The data set's folder.
    pub out: PathBuf,
    /// Front-end settings in TOML; the default model's without it.
    pub front_end: Option<PathBuf>,
    /// Songs read at the same time.
    pub jobs: Option<usize>,
}

/// What a build came to.
#[derive(Debug, Default)]
pub struct BuildReport {
    /// Songs read now.
    pub built: usize,
    /// Songs that had been read before.
    pub kept: usize,
    /// Songs left out, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Whether the build was stopped before its end.
    pub stopped: bool,
}

impl BuildReport {
    /// Songs in the data set.
    pub fn songs(&self) -> usize {
        self.built + self.kept
    }
}

impl fmt::Display for BuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (track, reason) in &self.skipped {
            writeln!(f, "skipped {track}: {reason}")?;
        }
        write!(
            f,
            "{} songs: {} read now, {} kept from before, {} skipped",
            self.songs(),
            self.built,
            self.kept,
            self.skipped.len()
        )?;
        if self.stopped {
            write!(f, "\nstopped; run the same command again to go on")?;
        }
        Ok(())
    }
}

/// Builds or completes a data set.
///
/// # Errors
/// When the manifest or the settings cannot be read, or the data set cannot be written (a full disk,
/// say); what was finished before stays. Songs that cannot be read are no error: they are reported.
pub fn build(options: &BuildOptions) -> Result<BuildReport> {
    let settings = load_settings(options.front_end.as_deref())?;
    let manifest = Manifest::load(&options.manifest)?;
    let mut known = open_folder(&options.out, &settings)?;
    let order: HashMap<&str, usize> =
        manifest.tracks.iter().enumerate().map(|(i, t)| (t.id.as_str(), i)).collect();
    known.retain(|id, _| order.contains_key(id.as_str()));
    let content = std::fs::read(&options.manifest)
        .with_context(|| format!("cannot read {}", options.manifest.display()))?;
    files::write_bytes(&options.out.join("tracks.csv"), content)?;

    let progress =
        ProgressBar::new(manifest.tracks.len() as u64).with_style(ProgressStyle::with_template(
            "{bar:30} {pos}/{len} songs  {per_sec}  {eta} left  {wide_msg}",
        )?);
    let work = Work {
        options,
        settings: &settings,
        known: &known,
        stop: stop_flag(),
        results: Mutex::new(Results { rows: known.clone(), ..Results::default() }),
        progress: &progress,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs.unwrap_or(0)).build()?;
    let outcome =
        pool.install(|| manifest.tracks.par_iter().try_for_each(|track| work.take(track)));
    progress.finish_and_clear();

    let mut results = work.results.into_inner().unwrap_or_else(|e| e.into_inner());
    results.report.skipped.sort();
    results.report.stopped = work.stop.load(Ordering::Relaxed);
    let mut rows: Vec<IndexRow> = results.rows.into_values().collect();
    rows.sort_by_key(|row| order.get(row.track_id.as_str()).copied());
    let saved = store::write_index(&options.out, &rows);
    outcome.and(saved).context(
        "the data set is not complete; what was finished is kept, run the same command again to go on",
    )?;
    Ok(results.report)
}

fn load_settings(path: Option<&Path>) -> Result<FrontEndSettings> {
    let Some(path) = path else { return Ok(FrontEndSettings::default_model()) };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let settings: FrontEndSettings =
        toml::from_str(&text).with_context(|| format!("cannot read {}", path.display()))?;
    settings.validate().with_context(|| format!("cannot use {}", path.display()))?;
    Ok(settings)
}

/// Makes the folder; returns what it already holds. Frames of other settings count as nothing.
fn open_folder(out: &Path, settings: &FrontEndSettings) -> Result<HashMap<String, IndexRow>> {
    let json = serde_json::to_vec_pretty(settings)?;
    let path = out.join("front_end.json");
    let same = std::fs::read(&path).is_ok_and(|before| before == json);
    if !same {
        store::write_index(out, &[])?;
        files::write_bytes(&path, json)?;
    }
    let rows = store::read_index(out)?;
    Ok(rows.into_iter().map(|row| (row.track_id.clone(), row)).collect())
}

fn stop_flag() -> &'static AtomicBool {
    static STOP: AtomicBool = AtomicBool::new(false);
    // A second build in one process finds the handler already there.
    let _ = ctrlc::set_handler(|| STOP.store(true, Ordering::Relaxed));
    &STOP
}

#[derive(Default)]
struct Results {
    /// Every finished song, those of earlier builds included.
    rows: HashMap<String, IndexRow>,
    report: BuildReport,
    unsaved: usize,
}

struct Work<'a> {
    options: &'a BuildOptions,
    settings: &'a FrontEndSettings,
    known: &'a HashMap<String, IndexRow>,
    stop: &'static AtomicBool,
    results: Mutex<Results>,
    progress: &'a ProgressBar,
}

impl Work<'_> {
    /// One song. An error ends the build: it means that the data set cannot be written.
    fn take(&self, track: &Track) -> Result<()> {
        let known = self.known.get(&track.id);
        if self.stop.load(Ordering::Relaxed) {
            return self.record(track, known.cloned(), |report| {
                report.kept += usize::from(known.is_some());
            });
        }
        self.progress.set_message(track.file.clone());
        let result = self.read(track, known);
        self.progress.inc(1);
        match result {
            Ok(Read::Kept(row)) => self.record(track, Some(row), |report| report.kept += 1),
            Ok(Read::Built(row, frames)) => {
                store::write_frames(&self.options.out, &track.id, &frames)?;
                self.record(track, Some(row), |report| report.built += 1)
            }
            Err(reason) => {
                let reason = format!("{reason:#}");
                self.record(track, None, |report| report.skipped.push((track.id.clone(), reason)))
            }
        }
    }

    fn record(
        &self,
        track: &Track,
        row: Option<IndexRow>,
        count: impl FnOnce(&mut BuildReport),
    ) -> Result<()> {
        let mut results = self.results.lock().unwrap_or_else(|e| e.into_inner());
        match row {
            Some(row) => results.rows.insert(track.id.clone(), row),
            None => results.rows.remove(&track.id),
        };
        count(&mut results.report);
        results.unsaved += 1;
        if results.unsaved >= SAVE_EVERY {
            results.unsaved = 0;
            let rows: Vec<IndexRow> = results.rows.values().cloned().collect();
            store::write_index(&self.options.out, &rows)?;
        }
        Ok(())
    }

    fn read(&self, track: &Track, known: Option<&IndexRow>) -> Result<Read> {
        let path = self.options.audio.join(&track.file);
        let meta =
            std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified_ns = modified.as_nanos() as u64;
        let frames_there = store::frames_path(&self.options.out, &track.id).is_file();
        let known = known.filter(|_| frames_there);
        if let Some(row) = known
            && (row.bytes, row.modified_ns) == (meta.len(), modified_ns)
        {
            return Ok(Read::Kept(row.clone()));
        }
        let sha256 = if meta.is_file() { hash_file(&path)? } else { String::new() };
        if let Some(row) = known
            && row.sha256 == sha256
        {
            return Ok(Read::Kept(IndexRow { bytes: meta.len(), modified_ns, ..row.clone() }));
        }
        let (frames, seconds) = frames_of_file(&path, self.settings)?;
        anyhow::ensure!(!frames.is_empty(), "{} is shorter than one frame", path.display());
        let row = IndexRow {
            track_id: track.id.clone(),
            frames: frames.len(),
            seconds,
            bytes: meta.len(),
            modified_ns,
            sha256,
        };
        Ok(Read::Built(row, frames))
    }
}

enum Read {
    Kept(IndexRow),
    Built(IndexRow, Frames),
}

fn hash_file(path: &Path) -> Result<String> {
    let content = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(files::sha256_hex(&content))
}

/// All mel frames of an audio file and its length in seconds, through the scorer's own path.
///
/// # Errors
/// When the file cannot be decoded or resampled.
pub fn frames_of_file(path: &Path, settings: &FrontEndSettings) -> Result<(Frames, f64)> {
    let mut file = AudioFile::open(path)?;
    let format = file.format();
    let mut resampler = Resampler::new(format.sample_rate, settings.sample_rate)
        .with_context(|| path.display().to_string())?;
    let mut front_end = FrontEnd::new(settings)?;
    let mut frames = Frames::new(settings.n_mels);
    let mut mono = Vec::new();
    let mut samples = 0;
    while let Some(block) = file.next_block()? {
        downmix_interleaved(block, format.channels, &mut mono);
        samples += mono.len();
        resampler.push(&mono, |part| front_end.push(part, |frame| frames.push(frame)));
    }
    resampler.finish(|part| front_end.push(part, |frame| frames.push(frame)));
    Ok((frames, samples as f64 / f64::from(format.sample_rate)))
}
