//! `dataset build`: a manifest and a folder of audio become mel frames and features on disk.
//!
//! Songs are read in parallel. A build that is stopped at any point, by Ctrl-C or more roughly, goes on
//! where it was; songs whose audio did not change are not read again.

mod report;
mod work;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use earworm_scorer::front_end::FrontEndSettings;

pub use self::report::BuildReport;
use self::work::{From, Work};
use super::construction::Construction;
use super::description::{Description, EXTRACTION, Extraction, FORMAT, Part};
use super::manifest::{Manifest, Track};
use super::schema::Schema;
use super::song_features::{FeatureSet, FeatureSource, ScorerFeatures};
use super::store::Dataset;
use super::toml_text;
use crate::embed::Embedder;

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

/// Builds or completes a data set.
///
/// # Errors
/// When the manifest or the settings cannot be read, none of its songs can, or the data set cannot be
/// written (a full disk, say); what was finished before stays. Songs that cannot be read are no error: they
/// are reported, and so is a disk that has gone ([`BuildReport::gone`]).
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
        manifest.tracks.iter().any(|track| track.path_in(&options.audio).is_file()),
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
