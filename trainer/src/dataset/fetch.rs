//! `dataset fetch`: audio files by the URLs of a manifest.
//!
//! Files are fetched in parallel, politely (so many requests a second to each host), and checked: that the
//! server calls them audio, that they begin like audio, and that they are neither empty nor endless. Each
//! gets its name only when it is whole. Run it again to resume: what is there is kept, what failed is tried
//! again. A log says what became of every row, one JSON object a line.

mod body;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use ureq::{Agent, ResponseExt};

use self::body::{Failure, is_audio_type, save};
use super::raw_table::RawTable;
use crate::progress::Progress;
use crate::{files, interrupt};

/// Most redirects that are followed.
const MOST_REDIRECTS: u32 = 8;
/// Fewest requests a second: about one a day. Beyond it lie times that no clock can tell.
const LEAST_RATE: f64 = 0.00001;
/// The log, in the folder of the files.
pub const LOG: &str = "fetch.jsonl";

/// What to fetch, and how.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// CSV or Parquet file with one row a file.
    pub manifest: PathBuf,
    /// Column with the URL.
    pub url: String,
    /// Column with the file's name in the folder.
    pub file: String,
    /// Folder of the files.
    pub out: PathBuf,
    /// Files fetched at the same time.
    pub jobs: usize,
    /// Most requests a second to one host.
    pub rate: f64,
    /// Most bytes of a file.
    pub most_bytes: u64,
    /// Tries of a file whose server fails or does not answer.
    pub tries: u32,
    /// Time after which a server that says nothing is given up.
    pub timeout: Duration,
    /// Time before the second try; doubled for each one after it.
    pub pause: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            manifest: PathBuf::new(),
            url: "url".into(),
            file: "file".into(),
            out: PathBuf::new(),
            jobs: 4,
            rate: 4.0,
            most_bytes: 200 << 20,
            tries: 3,
            timeout: Duration::from_secs(30),
            pause: Duration::from_secs(1),
        }
    }
}

/// What became of a row, as a line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fetched {
    /// Name of the file.
    pub file: String,
    /// Where it was to come from.
    pub url: String,
    /// Where it came from, after redirects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Its size; none where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Tries that it took.
    pub tries: u32,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What a fetch came to.
#[derive(Debug, Default)]
pub struct FetchReport {
    /// Files fetched now.
    pub fetched: usize,
    /// Files that were there before.
    pub kept: usize,
    /// Files that failed, with the reason.
    pub failed: Vec<(String, String)>,
    /// Whether it was stopped before its end.
    pub stopped: bool,
}

impl fmt::Display for FetchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (file, reason) in &self.failed {
            writeln!(f, "{file}: {reason}")?;
        }
        let Self { fetched, kept, failed, .. } = self;
        write!(f, "{fetched} files fetched, {kept} kept from before, {} failed", failed.len())?;
        if self.stopped || !failed.is_empty() {
            write!(f, "\nrun the same command again to fetch what is missing")?;
        }
        Ok(())
    }
}

/// Fetches the files of a manifest.
///
/// # Errors
/// When the manifest cannot be read, names a file outside the folder or one twice, or the folder cannot be
/// written. A file that cannot be fetched is no error: the report says so.
pub fn fetch(options: &FetchOptions) -> Result<FetchReport> {
    ensure!(options.jobs > 0 && options.tries > 0, "--jobs and --tries must be at least 1");
    ensure!(
        options.rate >= LEAST_RATE && options.rate.is_finite(),
        "--rate must be at least {LEAST_RATE}, one request a day"
    );
    let wanted =
        rows(options).with_context(|| format!("cannot use {}", options.manifest.display()))?;
    std::fs::create_dir_all(&options.out)
        .with_context(|| format!("cannot make the folder {}", options.out.display()))?;
    let log = options.out.join(LOG);
    let log = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .with_context(|| format!("cannot write {}", log.display()))?;
    ensure!(
        files::locks(&log),
        "another fetch into {} is under way; wait for its end or take another --out",
        options.out.display()
    );
    clear(options, &wanted);
    let work = Work {
        options,
        agent: agent(options.timeout),
        turns: Mutex::default(),
        log: Mutex::new(log),
        report: Mutex::default(),
        progress: Progress::begin("dataset fetch", "files", wanted.len())?,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.jobs).build()?;
    let attention = interrupt::attend();
    let outcome = pool.install(|| wanted.par_iter().try_for_each(|row| work.take(row)));
    drop(attention);
    work.progress.end();
    outcome.context("what was fetched is kept; run the same command again to go on")?;
    let mut report = work.report.into_inner().unwrap_or_else(|e| e.into_inner());
    report.failed.sort();
    report.stopped = interrupt::requested();
    Ok(report)
}

/// Removes what a fetch that was killed was writing, where files of this one will lie.
fn clear(options: &FetchOptions, wanted: &[Row]) {
    let paths = wanted.iter().map(|row| options.out.join(&row.file));
    let folders: BTreeSet<PathBuf> =
        paths.filter_map(|path| path.parent().map(Path::to_path_buf)).collect();
    for entry in folders.iter().filter_map(|folder| folder.read_dir().ok()).flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(files::WRITING) {
            // What cannot be removed is in nobody's way.
            std::fs::remove_file(entry.path()).ok();
        }
    }
}

fn agent(timeout: Duration) -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(MOST_REDIRECTS)
        .max_redirects_will_error(true)
        .timeout_connect(Some(timeout))
        .timeout_recv_response(Some(timeout))
        .timeout_per_read(Some(timeout))
        .user_agent(concat!("earworm-train/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

/// A file to be fetched.
struct Row {
    file: String,
    url: String,
}

fn rows(options: &FetchOptions) -> Result<Vec<Row>> {
    let table = RawTable::load(&options.manifest)?;
    let column = |name: &str| {
        table.position(name).with_context(|| {
            format!("there is no column {name:?} (it has {})", table.header.join(", "))
        })
    };
    let (url, file) = (column(&options.url)?, column(&options.file)?);
    let mut seen: HashMap<PathBuf, usize> = HashMap::new();
    let mut rows = Vec::new();
    for (number, cells) in table.rows.iter().enumerate() {
        let (number, url, file) = (number + 1, cells[url].trim(), cells[file].trim());
        let plain = plain_path(file)
            .with_context(|| format!("row {number}: {file:?} lies outside the folder"))?;
        ensure!(!plain.as_os_str().is_empty(), "row {number} names no file");
        if let Some(before) = seen.insert(plain, number) {
            bail!("rows {before} and {number} both name the file {file}");
        }
        rows.push(Row { file: file.to_owned(), url: url.to_owned() });
    }
    Ok(rows)
}

/// A path in the folder without the `./` that `find` writes before each; `None` where it leads out of it.
fn plain_path(file: &str) -> Option<PathBuf> {
    let parts = Path::new(file).components().filter(|part| !matches!(part, Component::CurDir));
    parts.map(|part| matches!(part, Component::Normal(_)).then_some(part)).collect()
}

struct Work<'a> {
    options: &'a FetchOptions,
    agent: Agent,
    /// When the next request to each host may go out.
    turns: Mutex<BTreeMap<String, Instant>>,
    log: Mutex<File>,
    report: Mutex<FetchReport>,
    progress: Progress,
}

impl Work<'_> {
    /// One row. An error ends the fetch: it means that the folder cannot be written.
    fn take(&self, row: &Row) -> Result<()> {
        if interrupt::requested() {
            return Ok(());
        }
        self.progress.is_at(&row.file);
        let path = self.options.out.join(&row.file);
        if path.is_file() {
            self.progress.one_more();
            self.change(|report| report.kept += 1);
            return Ok(());
        }
        let mut fetched = Fetched {
            file: row.file.clone(),
            url: row.url.clone(),
            from: None,
            bytes: None,
            tries: 0,
            failed: None,
        };
        loop {
            fetched.tries += 1;
            match self.attempt(row, &path, &mut fetched) {
                Ok(bytes) => {
                    fetched.bytes = Some(bytes);
                    fetched.failed = None;
                    break;
                }
                Err(Failure::Passing(error)) if fetched.tries < self.options.tries => {
                    fetched.failed = Some(format!("{error:#}"));
                    let longer = 1 << (fetched.tries - 1).min(10);
                    if !self.wait(self.options.pause * longer) {
                        return Ok(());
                    }
                }
                Err(Failure::Disk(error)) => return Err(error),
                // As if it had not been begun.
                Err(Failure::Stopped) => return Ok(()),
                Err(Failure::Passing(error) | Failure::Lasting(error)) => {
                    fetched.failed = Some(format!("{error:#}"));
                    break;
                }
            }
        }
        self.progress.one_more();
        let line = serde_json::to_string(&fetched)? + "\n";
        let mut log = self.log.lock().unwrap_or_else(|e| e.into_inner());
        log.write_all(line.as_bytes()).context("cannot write the log")?;
        drop(log);
        self.change(|report| match &fetched.failed {
            None => report.fetched += 1,
            Some(reason) => report.failed.push((fetched.file.clone(), reason.clone())),
        });
        Ok(())
    }

    fn change(&self, change: impl FnOnce(&mut FetchReport)) {
        change(&mut self.report.lock().unwrap_or_else(|e| e.into_inner()));
    }

    /// Waits, and tells whether to go on.
    fn wait(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if interrupt::requested() {
                return false;
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
        !interrupt::requested()
    }

    /// Waits for the turn of a request to a host.
    fn wait_for_turn(&self, host: &str) -> bool {
        let gap = Duration::from_secs_f64(1.0 / self.options.rate);
        let now = Instant::now();
        let mut turns = self.turns.lock().unwrap_or_else(|e| e.into_inner());
        let turn = turns.entry(host.to_owned()).or_insert(now);
        let own = (*turn).max(now);
        *turn = own + gap;
        drop(turns);
        self.wait(own.saturating_duration_since(now))
    }

    fn attempt(&self, row: &Row, path: &Path, fetched: &mut Fetched) -> Result<u64, Failure> {
        use Failure::{Lasting, Passing};
        let uri: ureq::http::Uri = row
            .url
            .parse()
            .map_err(|e| Lasting(anyhow::anyhow!("{:?} is no URL: {e}", row.url)))?;
        let host = match (uri.scheme_str(), uri.host()) {
            (Some("http" | "https"), Some(host)) => host.to_owned(),
            _ => {
                let url = &row.url;
                return Err(Lasting(anyhow::anyhow!("{url:?} is no http or https URL")));
            }
        };
        if !self.wait_for_turn(&host) {
            return Err(Failure::Stopped);
        }
        let mut response = self.agent.get(uri).call().map_err(|error| match error {
            ureq::Error::TooManyRedirects => {
                Lasting(anyhow::anyhow!("it was redirected more than {MOST_REDIRECTS} times"))
            }
            ureq::Error::RedirectFailed | ureq::Error::BadUri(_) | ureq::Error::HostNotFound => {
                Lasting(error.into())
            }
            other => Passing(other.into()),
        })?;
        fetched.from = Some(response.get_uri().to_string()).filter(|from| *from != row.url);
        let status = response.status();
        if !status.is_success() {
            let error = anyhow::anyhow!("the server answered {status}");
            let passing = status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429);
            return Err(if passing { Passing(error) } else { Lasting(error) });
        }
        let kind = response.body().mime_type().unwrap_or_default().to_ascii_lowercase();
        if !is_audio_type(&kind) {
            return Err(Lasting(anyhow::anyhow!("it is no audio: the server calls it {kind:?}")));
        }
        let most = self.options.most_bytes;
        let told = response.body().content_length();
        if let Some(bytes) = told.filter(|&bytes| bytes > most) {
            return Err(Lasting(anyhow::anyhow!("it has {bytes} bytes, more than {most}")));
        }
        save(response.body_mut().as_reader(), path, most, told, self.options.timeout)
    }
}
