//! Scoring an audio file beside the live meter, as `earworm score` does, with progress.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use earworm_scorer::decode::AudioFile;
use earworm_scorer::{Model, Reading, Scorer, ScorerOptions};

use crate::low_priority;

/// Full progress, in the units that are stored.
const WHOLE: u32 = 10_000;

/// A file being scored, or scored. Dropping it stops the work.
pub struct FileScore {
    /// The file.
    pub path: PathBuf,
    shared: Arc<Shared>,
}

struct Shared {
    progress: AtomicU32,
    stop: AtomicBool,
    result: Mutex<Option<Result<Reading, String>>>,
}

impl FileScore {
    /// Starts to score a file with a model; `ready` is called when there is something new.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        path: &Path,
        model: Arc<Model>,
        ready: impl Fn() + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            progress: AtomicU32::new(0),
            stop: AtomicBool::new(false),
            result: Mutex::new(None),
        });
        let (on_thread, file) = (shared.clone(), path.to_owned());
        low_priority::spawn("earworm-file", move || {
            let result = score(&file, model, &on_thread, &ready).map_err(|e| format!("{e:#}"));
            *on_thread.result.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
            ready();
        })?;
        Ok(Self { path: path.to_owned(), shared })
    }

    /// How far it is, 0 to 1.
    pub fn progress(&self) -> f32 {
        self.shared.progress.load(Ordering::Relaxed) as f32 / WHOLE as f32
    }

    /// The last reading, or why there is none; nothing while it works.
    pub fn result(&self) -> Option<Result<Reading, String>> {
        self.shared.result.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for FileScore {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

fn score(
    path: &Path,
    model: Arc<Model>,
    shared: &Shared,
    ready: &dyn Fn(),
) -> anyhow::Result<Reading> {
    let mut file = AudioFile::open(path)?;
    let format = file.format();
    let expected = file.expected_frames();
    let mut scorer = Scorer::new(model, format.sample_rate, ScorerOptions::FILE)?;
    let (mut frames, mut told) = (0u64, 0);
    while let Some(block) = file.next_block()? {
        anyhow::ensure!(!shared.stop.load(Ordering::Relaxed), "stopped");
        scorer.push_interleaved(block, format.channels, &mut ())?;
        frames += (block.len() / format.channels) as u64;
        if let Some(expected) = expected.filter(|&expected| expected > 0) {
            let done = (u128::from(frames) * u128::from(WHOLE) / u128::from(expected)) as u32;
            shared.progress.store(done.min(WHOLE), Ordering::Relaxed);
            if done / 100 != told {
                told = done / 100;
                ready();
            }
        }
    }
    scorer.finish(&mut ())?;
    shared.progress.store(WHOLE, Ordering::Relaxed);
    Ok(scorer.reading().clone())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn wait(score: &FileScore) -> Result<Reading, String> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(result) = score.result() {
                return result;
            }
            assert!(Instant::now() < until, "no result");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_file_is_scored_and_a_bad_one_is_named() {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo.ogg");
        let score = FileScore::start(&demo, Model::embedded(), || {}).unwrap();
        let reading = wait(&score).unwrap();
        assert!(reading.integrated.is_some() && reading.hook.is_some());
        assert!((reading.time_s - 64.0).abs() < 1.0, "{}", reading.time_s);
        assert_eq!(score.progress(), 1.0);
        let none = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let none = FileScore::start(&none, Model::embedded(), || {}).unwrap();
        assert!(wait(&none).unwrap_err().contains("Cargo.toml"));
    }
}
