//! `dataset build`: a manifest and a folder of audio become mel frames and features on disk.
//!
//! Songs are read in parallel. A build that is stopped at any point, by Ctrl-C or more roughly, goes on
//! where it was; songs whose audio did not change are not read again.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, bail, ensure};
use earworm_scorer::front_end::FrontEndSettings;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;

use super::construction::Construction;
use super::description::{Description, EXTRACTION, Extraction, FORMAT, Part};
use super::index::{BuiltSong, Entry};
use super::manifest::{Manifest, Track};
use super::schema::Schema;
use super::song;
use super::song_features::{FeatureSet, FeatureSource, ScorerFeatures};
use super::store::Dataset;
use super::toml_text;
use crate::embed::Embedder;
use crate::{files, interrupt};

/// Songs that the line about those that could not be read names at most.
const MOST_NAMED: usize = 5;

/// What to build from what.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// The manifest, CSV or Parquet.
    pub manifest: PathBuf,
    /// The folder that its file column is relative to.
    pub audio: PathBuf,
    /// The data set's folder; with `part`, the folder that holds the parts' folders.
    pub out: PathBuf,
    /// Which columns of the manifest hold what, in TOML; the usual names without it.
    pub schema: Option<PathBuf>,
    /// Front-end settings in TOML; the default model's without it.
    pub front_end: Option<PathBuf>,
    /// Model whose embeddings stand in place of mel frames.
    pub embedding: Option<PathBuf>,
    /// Features to compute.
    pub features: Vec<FeatureSet>,
    /// Look for each song's chorus, as a clip of this many seconds.
    pub chorus: Option<f64>,
    /// Build only one part of the data set.
    pub part: Option<Part>,
    /// Songs read at the same time; as many as there are processors without it.
    pub jobs: Option<usize>,
    /// Time between two saves of what was read, so the most that a failing machine loses; zero
    /// saves after every song. Without it, saving takes a twentieth of the time.
    pub save_every: Option<Duration>,
    /// Compare the frames that are there, and the audio files, with their hashes, and read damaged and
    /// changed songs again.
    pub verify: bool,
    /// Read all songs again where the options differ from those that the data set was built with. Without
    /// it such a build is refused, and what was read stays.
    pub rebuild: bool,
    /// Bytes after which a new shard is begun; a good many without it.
    pub shard_bytes: Option<u64>,
    /// Seconds of the longest song of which features, choruses or embeddings are made, longer ones are
    /// skipped; an hour without it.
    pub longest_seconds: Option<f64>,
}

impl BuildOptions {
    /// The folder that is built.
    pub fn folder(&self) -> PathBuf {
        match self.part {
            Some(part) => self.out.join(part.to_string()),
            None => self.out.clone(),
        }
    }
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
    /// Which songs could not be read, in a line; `None` where all could.
    pub fn missing(&self) -> Option<String> {
        let named: Vec<&str> =
            self.skipped.iter().take(MOST_NAMED).map(|(track, _)| track.as_str()).collect();
        let more = self.skipped.len() - named.len();
        (!named.is_empty()).then(|| {
            format!(
                "{} of {} songs could not be read: {}{}; the others are built and kept (--allow-missing takes that for success)",
                self.skipped.len(),
                self.songs() + self.skipped.len(),
                named.join(", "),
                if more > 0 { format!(" and {more} more") } else { String::new() }
            )
        })
    }

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
/// When the manifest or the settings cannot be read, none of its songs can, or the data set cannot be
/// written (a full disk, say); what was finished before stays. Single songs that cannot be read are no
/// error: they are reported.
pub fn build(options: &BuildOptions) -> Result<BuildReport> {
    build_with(options, &ScorerFeatures)
}

/// The same, with features from another source.
///
/// # Errors
/// As [`build`].
pub fn build_with(options: &BuildOptions, source: &dyn FeatureSource) -> Result<BuildReport> {
    let schema = options.schema.as_deref().map(Schema::load).transpose()?.unwrap_or_default();
    let mut features = options.features.clone();
    features.sort();
    features.dedup();
    let embedder = options.embedding.as_deref().map(Embedder::open).transpose()?;
    let extraction = Extraction {
        version: EXTRACTION,
        front_end: match &embedder {
            Some(embedder) => {
                ensure!(options.front_end.is_none(), "give --front-end or --embedding, not both");
                embedder.settings()
            }
            None => load_settings(options.front_end.as_deref())?,
        },
        features,
        chorus_seconds: options.chorus,
        embedding: embedder.as_ref().map(|embedder| embedder.sha256().to_owned()),
    };
    if let Some(seconds) = options.chorus {
        ensure!(
            seconds.is_finite() && seconds > 0.0,
            "--chorus must be a positive number of seconds"
        );
        ensure!(source.finds_choruses(), "--chorus: this build of earworm-train finds no choruses");
    }
    let names = extraction.features.iter().map(|&set| source.names(set));
    let feature_names = names.collect::<Result<Vec<_>>>().context("--features")?.concat();
    let manifest = Manifest::load(&options.manifest, &schema)?;
    // An audio folder that is not there is not a thousand songs that are not there.
    ensure!(
        manifest.tracks.iter().any(|track| options.audio.join(&track.file).is_file()),
        "not one audio file of {} is in {}; is that the folder its column {:?} is relative to?",
        options.manifest.display(),
        options.audio.display(),
        schema.file()
    );
    let description = Description {
        format: FORMAT,
        extraction,
        feature_names,
        manifest_sha256: manifest.sha256()?,
        manifest_rows: manifest.tracks.len() as u64,
        schema,
        part: options.part,
    };
    let is_here = |track: &Track| options.part.is_none_or(|part| part.holds(&track.id));
    let tracks: Vec<(u64, Track)> =
        (0..).zip(manifest.tracks).filter(|(_, track)| is_here(track)).collect();
    let folder = options.folder();
    let is_new = !folder.exists();
    let place = Construction::open(&folder, &description, &manifest.header, &tracks, options)?;
    let from = From { source, embedder: embedder.as_ref() };
    let report = Work::run(options, &description, from, &tracks, &place)?;
    let songs = place.songs();
    drop(place);
    if songs == 0 && !report.stopped && options.part.is_none() {
        if is_new {
            std::fs::remove_dir_all(&folder).ok();
        }
        let reason = report.skipped.first().map_or("", |(_, reason)| reason.as_str());
        bail!("not one song of {} could be read: {reason}", options.manifest.display());
    }
    if songs > 0 {
        Dataset::open(&folder)?.write_features()?;
    }
    Ok(report)
}

fn load_settings(path: Option<&Path>) -> Result<FrontEndSettings> {
    let Some(path) = path else { return Ok(FrontEndSettings::default_model()) };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let settings: FrontEndSettings =
        toml_text::parse(&text).with_context(|| format!("cannot read {}", path.display()))?;
    settings.validate().with_context(|| format!("cannot use {}", path.display()))?;
    Ok(settings)
}

/// The bar of long work over songs.
pub(super) fn progress_bar(songs: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template(
        "{bar:30} {pos}/{len} songs  {per_sec}  {eta} left  {wide_msg}",
    )?;
    Ok(ProgressBar::new(songs as u64).with_style(style))
}

/// What songs are read by.
#[derive(Clone, Copy)]
struct From<'a> {
    source: &'a dyn FeatureSource,
    embedder: Option<&'a Embedder>,
}

struct Work<'a> {
    options: &'a BuildOptions,
    description: &'a Description,
    from: From<'a>,
    place: &'a Construction<'a>,
    progress: ProgressBar,
    built: AtomicUsize,
    kept: AtomicUsize,
    skipped: Mutex<Vec<(String, String)>>,
}

impl<'a> Work<'a> {
    fn run(
        options: &'a BuildOptions,
        description: &'a Description,
        from: From<'a>,
        tracks: &[(u64, Track)],
        place: &'a Construction<'a>,
    ) -> Result<BuildReport> {
        let work = Self {
            options,
            description,
            from,
            place,
            progress: progress_bar(tracks.len())?,
            built: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            skipped: Mutex::default(),
        };
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(options.jobs.unwrap_or(0)).build()?;
        let tracks: Vec<(usize, &Track)> =
            tracks.iter().map(|(_, track)| track).enumerate().collect();
        let _attention = interrupt::attend();
        let outcome =
            pool.install(|| tracks.par_iter().try_for_each(|&(at, track)| work.take(at, track)));
        work.progress.finish_and_clear();
        outcome.and(place.save()).context(
            "the data set is not complete; what was finished is kept, run the same command again to go on",
        )?;
        let mut skipped = work.skipped.into_inner().unwrap_or_else(|e| e.into_inner());
        skipped.sort();
        Ok(BuildReport {
            built: work.built.into_inner(),
            kept: work.kept.into_inner(),
            skipped,
            stopped: interrupt::requested(),
        })
    }

    /// One song. An error ends the build: it means that the data set cannot be written.
    fn take(&self, at: usize, track: &Track) -> Result<()> {
        let known = match self.place.known(at) {
            Some(Entry::Built(song)) => Some(song),
            _ => None,
        };
        if interrupt::requested() {
            self.kept.fetch_add(usize::from(known.is_some()), Ordering::Relaxed);
            return Ok(());
        }
        self.progress.set_message(track.file.clone());
        let read = self.read(track, known);
        self.progress.inc(1);
        match read {
            Ok(Read::Kept(song)) => {
                self.kept.fetch_add(1, Ordering::Relaxed);
                self.place.record(at, Entry::Built(song))
            }
            Ok(Read::Built(song, values)) => {
                self.place.append(at, bytemuck::cast_slice(&values), |place| {
                    Entry::Built(BuiltSong { place, ..song })
                })?;
                self.built.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(reason) => {
                let reason = format!("{reason:#}");
                let mut skipped = self.skipped.lock().unwrap_or_else(|e| e.into_inner());
                skipped.push((track.id.clone(), reason.clone()));
                drop(skipped);
                self.place.record(at, Entry::Skipped { reason })
            }
        }
    }

    fn read(&self, track: &Track, known: Option<BuiltSong>) -> Result<Read> {
        let path = self.options.audio.join(&track.file);
        let meta =
            std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(meta.is_file(), "{} is no file", path.display());
        let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (bytes, modified_ns) = (meta.len(), modified.as_nanos() as u64);
        let known = known
            .filter(|song| !self.options.verify || self.place.is_sound(song))
            .map(|song| with_codec(song, &path));
        // As `make` and `rsync` do, unless the content is to be looked at. The name counts as well: two
        // songs that change places can have one size and one time.
        if let Some(song) = &known
            && (&song.file, song.bytes, song.modified_ns) == (&track.file, bytes, modified_ns)
            && !self.options.verify
        {
            return Ok(Read::Kept(song.clone()));
        }
        let audio_sha256 = files::hash_file(&path)?;
        if let Some(song) = known
            && song.audio_sha256 == audio_sha256
        {
            return Ok(Read::Kept(BuiltSong {
                file: track.file.clone(),
                bytes,
                modified_ns,
                ..song
            }));
        }
        let features = self.description.feature_names.len();
        let From { source, embedder } = self.from;
        let extraction = &self.description.extraction;
        let longest = self.options.longest_seconds.unwrap_or(song::LONGEST_SECONDS);
        let content = song::read(&path, extraction, features, source, embedder, longest)?;
        let song = BuiltSong {
            // Known once it has been written.
            place: super::shard::Place { shard: 0, offset: 0 },
            frames: content.frames as u64,
            audible: content.audible as u64,
            seconds: content.seconds,
            clipped: content.clipped,
            chorus: content.chorus,
            file: track.file.clone(),
            codec: Some(content.codec.to_owned()),
            bytes,
            modified_ns,
            audio_sha256,
            content_sha256: files::sha256_hex(bytemuck::cast_slice(&content.values)),
        };
        Ok(Read::Built(song, content.values))
    }
}

/// A song with its codec, which an older version did not keep.
fn with_codec(song: BuiltSong, path: &Path) -> BuiltSong {
    let codec = song.codec.or_else(|| song::codec_of(path));
    BuiltSong { codec, ..song }
}

enum Read {
    Kept(BuiltSong),
    Built(BuiltSong, Vec<f32>),
}
