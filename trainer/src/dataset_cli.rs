//! `earworm-train dataset …` on the command line.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use crate::catalogues;
use crate::dataset::build::{self, BuildOptions};
use crate::dataset::fetch::{self, FetchOptions};
use crate::dataset::{Dataset, FeatureSet, Part, merge};
use crate::output::{print_line, tell};
use crate::stats::{self, Source, StatsOptions};

/// Exit code of a build that Ctrl-C stopped: 128 + SIGINT.
const INTERRUPTED: u8 = 130;

/// What can be done with data sets.
#[derive(Debug, Subcommand)]
pub enum DatasetCommand {
    /// Turn a manifest and a folder of audio into mel frames on disk. Run it again to resume.
    Build {
        /// CSV or Parquet file with one row a song and a column that names its audio file.
        #[arg(long)]
        manifest: PathBuf,
        /// Folder that the file column is relative to.
        #[arg(long)]
        audio: PathBuf,
        /// Folder of the data set; with --shard, the folder that holds the parts.
        #[arg(long)]
        out: PathBuf,
        /// TOML file that says which columns hold id, file, group and genre.
        #[arg(long)]
        schema: Option<PathBuf>,
        /// TOML file with front-end settings; the default model's without it.
        #[arg(long)]
        front_end: Option<PathBuf>,
        /// Put embeddings in place of mel frames: an ONNX model, or weights of VGGish as safetensors.
        #[arg(long, value_name = "MODEL", conflicts_with = "front_end")]
        embedding: Option<PathBuf>,
        /// Features to compute: descriptors, low-level.
        #[arg(long, value_delimiter = ',', value_name = "SETS")]
        features: Vec<FeatureSet>,
        /// Find each song's chorus, as a clip of this many seconds.
        #[arg(long, value_name = "SECONDS")]
        chorus: Option<f64>,
        /// Build only part i of n, from 0: written to OUT/part-i-of-n.
        #[arg(long, value_name = "I/N")]
        shard: Option<Part>,
        /// Songs decoded at the same time; all processors without it.
        #[arg(long)]
        jobs: Option<usize>,
        /// Seconds between two saves, the most that a failing machine loses; 0 saves after every
        /// song. Without it, saving takes a twentieth of the time.
        #[arg(long, value_name = "SECONDS")]
        save_every: Option<u64>,
        /// Compare frames and audio files with their hashes, whatever their times say; read damaged
        /// and changed songs again.
        #[arg(long)]
        verify: bool,
        /// Read all songs again where the options differ from those that the data set was built with.
        #[arg(long)]
        rebuild: bool,
        /// Songs that cannot be read are no failure: the exit code is 0, not 2. Many whose files are gone at once are.
        #[arg(long)]
        allow_missing: bool,
    },
    /// Fetch the audio files that a manifest names by URL. Run it again to resume.
    Fetch {
        /// CSV or Parquet file with one row a file.
        #[arg(long)]
        manifest: PathBuf,
        /// Folder of the files; the log, fetch.jsonl, is written there, too.
        #[arg(long)]
        out: PathBuf,
        /// Column with the URL.
        #[arg(long, default_value = "url")]
        url: String,
        /// Column with the name of the file.
        #[arg(long, default_value = "file")]
        file: String,
        /// Files fetched at the same time.
        #[arg(long, default_value_t = 4)]
        jobs: usize,
        /// Most requests a second to one host.
        #[arg(long, default_value_t = 4.0)]
        rate: f64,
        /// Most megabytes of a file.
        #[arg(long, default_value_t = 200)]
        most_mb: u64,
        /// Tries of a file whose server fails or does not answer.
        #[arg(long, default_value_t = 3)]
        tries: u32,
        /// Seconds after which a server that says nothing is given up.
        #[arg(long, default_value_t = 30)]
        timeout: u64,
    },
    /// Tell whether catalogues of songs can be told apart by level, bandwidth or codec alone.
    Catalogues {
        /// Folder of the data set.
        folder: PathBuf,
        /// Column that names the catalogue of each song, or the target.
        #[arg(long)]
        column: String,
    },
    /// Make one data set of all parts that `build --shard` made.
    Merge {
        /// Folders of the parts.
        #[arg(required = true)]
        parts: Vec<PathBuf>,
        /// Folder of the merged data set.
        #[arg(long)]
        out: PathBuf,
    },
    /// Free the space of songs that were replaced or left the manifest.
    Compact {
        /// Folder of the data set.
        folder: PathBuf,
    },
    /// Compare all frames of a data set with the hashes they were written with.
    Verify {
        /// Folder of the data set.
        folder: PathBuf,
    },
    /// Show what is in a data set or a table, in pictures and with warnings.
    Stats {
        /// Folder of the data set.
        #[arg(required_unless_present = "table")]
        folder: Option<PathBuf>,
        /// A table without audio instead, CSV or Parquet.
        #[arg(long, conflicts_with = "folder")]
        table: Option<PathBuf>,
        /// TOML file that says which columns of the table hold what.
        #[arg(long, requires = "table")]
        schema: Option<PathBuf>,
        /// A recipe: shows its targets and searches its folds for leaks.
        #[arg(long)]
        recipe: Option<PathBuf>,
        /// Column that says on which side of a split each song is; searched for leaks.
        #[arg(long, value_name = "COLUMN")]
        split: Option<String>,
        /// Column whose values must not be on both sides; the recipe's or the schema's without it.
        #[arg(long, value_name = "COLUMN")]
        group: Option<String>,
        /// Folder of the pictures and stats.json [default: stats in the data set's folder, or stats].
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

impl DatasetCommand {
    /// Does it and prints what came of it.
    ///
    /// # Errors
    /// Those of the functions behind the commands.
    pub fn run(self) -> Result<ExitCode> {
        match self {
            Self::Build {
                manifest,
                audio,
                out,
                schema,
                front_end,
                embedding,
                features,
                chorus,
                shard: part,
                jobs,
                save_every,
                verify,
                rebuild,
                allow_missing,
            } => {
                if jobs == Some(0) {
                    bail!("--jobs must be at least 1");
                }
                let report = build::build(&BuildOptions {
                    manifest,
                    audio: audio.clone(),
                    out,
                    schema,
                    front_end,
                    embedding,
                    features,
                    chorus,
                    part,
                    jobs,
                    save_every: save_every.map(Duration::from_secs),
                    verify,
                    rebuild,
                    shard_bytes: None,
                    longest_seconds: None,
                })?;
                print_line(&report)?;
                if let Some(unseen) = report.not_looked_at() {
                    tell(format_args!("note: {unseen}"));
                }
                if report.stopped {
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                let missing = || report.missing().filter(|_| !allow_missing);
                match report.gone_from(&audio).or_else(missing) {
                    Some(failure) => bail!("{failure}"),
                    None => Ok(ExitCode::SUCCESS),
                }
            }
            Self::Fetch { manifest, out, url, file, jobs, rate, most_mb, tries, timeout } => {
                let report = fetch::fetch(&FetchOptions {
                    manifest,
                    url,
                    file,
                    out,
                    jobs,
                    rate,
                    most_bytes: most_mb.saturating_mul(1_000_000),
                    tries,
                    timeout: Duration::from_secs(timeout),
                    ..FetchOptions::default()
                })?;
                print_line(&report)?;
                Ok(match (report.stopped, report.failed.is_empty()) {
                    (true, _) => ExitCode::from(INTERRUPTED),
                    (false, true) => ExitCode::SUCCESS,
                    (false, false) => ExitCode::FAILURE,
                })
            }
            Self::Catalogues { folder, column } => {
                print_line(catalogues::catalogues(&Dataset::open(&folder)?, &column)?)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Merge { parts, out } => {
                print_line(merge::merge(&parts, &out)?)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Compact { folder } => {
                let (before, after) = merge::compact(&folder)?;
                let megabytes = |bytes: u64| bytes as f64 / 1e6;
                let (before, after) = (megabytes(before), megabytes(after));
                print_line(format_args!("{before:.1} MB before, {after:.1} MB now"))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Verify { folder } => {
                let dataset = Dataset::open(&folder)?;
                dataset.verify()?;
                dataset.features()?;
                let (songs, sha256) = (dataset.songs.len(), &dataset.sha256);
                print_line(format_args!("{songs} songs are sound; sha256 {sha256}"))?;
                Ok(ExitCode::SUCCESS)
            }
            Self::Stats { folder, table, schema, recipe, split, group, out } => {
                let (source, out) = match (folder, table) {
                    (None, Some(path)) => (
                        Source::Table { path, schema },
                        out.unwrap_or_else(|| PathBuf::from("stats")),
                    ),
                    (folder, _) => {
                        let folder = folder.context("name a data set or a --table")?;
                        let out = out.unwrap_or_else(|| folder.join("stats"));
                        (Source::Dataset(folder), out)
                    }
                };
                let stats = stats::stats(&StatsOptions { source, recipe, split, group, out })?;
                print_line(stats)?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
