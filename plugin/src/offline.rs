//! Scoring an audio file beside the live meter, as `earworm score` does, with progress.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use earworm_scorer::decode::AudioFile;
use earworm_scorer::{Model, Reading, Scorer, ScorerOptions};

use crate::clock::clock;
use crate::low_priority;

/// Full progress, in the units that are stored.
const WHOLE: u32 = 10_000;

/// Most results that are remembered.
const MOST: usize = 6;

/// The files of one instance: the one being scored, and what came of the others. Outlives the editor.
#[derive(Default)]
pub struct Desk {
    inner: Mutex<Files>,
}

#[derive(Default)]
struct Files {
    running: Option<FileScore>,
    /// Latest last.
    results: Vec<FileResult>,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileResult {
    /// The file's name.
    pub name: String,
    /// The scores in words, or why there are none.
    pub said: Result<String, String>,
}

impl FileResult {
    fn new(path: &Path, result: Result<Reading, String>) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let said = result.and_then(|reading| {
            let score =
                reading.integrated.ok_or_else(|| "too little sound for a score".to_owned())?;
            let hook = reading.hook.map_or(String::new(), |hook| {
                format!(", hook {:.0} at {}", hook.score, clock(hook.start_s))
            });
            Ok(format!("{score:.1}{hook}"))
        });
        Self { name, said }
    }

    /// In one line.
    pub fn line(&self) -> String {
        match &self.said {
            Ok(said) | Err(said) => format!("{}: {said}", self.name),
        }
    }
}

impl Desk {
    fn files(&self) -> MutexGuard<'_, Files> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Scores a file from now on; one that is being scored is given up.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        &self,
        path: &Path,
        model: Arc<Model>,
        ready: impl Fn() + Send + 'static,
    ) -> std::io::Result<()> {
        self.files().running = Some(FileScore::start(path, model, ready)?);
        Ok(())
    }

    /// Gives up the file that is being scored, and says which it was.
    pub fn cancel(&self) -> Option<PathBuf> {
        self.files().running.take().map(|file| file.path.clone())
    }

    /// The file being scored, and how far it is, 0 to 1.
    pub fn running(&self) -> Option<(PathBuf, f32)> {
        self.files().running.as_ref().map(|file| (file.path.clone(), file.progress()))
    }

    /// A result that has come since the last call.
    pub fn collect(&self) -> Option<FileResult> {
        let mut files = self.files();
        let result = files.running.as_ref()?.result()?;
        let path = files.running.take()?.path.clone();
        let result = FileResult::new(&path, result);
        files.results.push(result.clone());
        let surplus = files.results.len().saturating_sub(MOST);
        files.results.drain(..surplus);
        Some(result)
    }

    /// What came of the last files, latest last.
    pub fn results(&self) -> Vec<FileResult> {
        self.files().results.clone()
    }
}

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

    /// Noise and a tone of so many frames at 48 kHz, as a file.
    fn write_wav(path: &Path, frames: usize) {
        let mut noise = 1u32;
        let samples = (0..frames).map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 8) as f32 / (1 << 24) as f32 - 0.5;
            ((hiss * 0.2 + (i as f32 * 0.03).sin() * 0.3) * 32_767.0) as i16
        });
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(path, spec).unwrap();
        samples.for_each(|sample| wav.write_sample(sample).unwrap());
        wav.finalize().unwrap();
    }

    /// What `earworm score` does, with or without its last step.
    fn by_hand(path: &Path, finishes: bool) -> Reading {
        let mut file = AudioFile::open(path).unwrap();
        let format = file.format();
        let (model, options) = (Model::embedded(), ScorerOptions::FILE);
        let mut scorer = Scorer::new(model, format.sample_rate, options).unwrap();
        while let Some(block) = file.next_block().unwrap() {
            scorer.push_interleaved(block, format.channels, &mut ()).unwrap();
        }
        if finishes {
            scorer.finish(&mut ()).unwrap();
        }
        scorer.reading().clone()
    }

    /// Also one that is hardly long enough.
    #[test]
    fn a_file_is_scored_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short.wav");
        let metadata = Model::embedded().metadata().clone();
        for more in [5, 100] {
            let seconds = metadata.front_end.seconds(metadata.warm_up_frames + more);
            write_wav(&path, (seconds * 48_000.0) as usize);
            let scored = FileScore::start(&path, Model::embedded(), || {}).unwrap();
            let reading = wait(&scored).unwrap();
            assert_eq!(reading, by_hand(&path, true), "{more} frames more");
            assert_ne!(reading, by_hand(&path, false), "the end is missing in both");
            assert!(reading.integrated.is_some() && reading.hook.is_some(), "{reading:?}");
        }
    }

    #[test]
    fn results_are_remembered_and_work_can_be_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let desk = Desk::default();
        for index in 0..MOST + 2 {
            let path = folder.path().join(format!("{index}.wav"));
            std::fs::write(&path, "no sound").unwrap();
            desk.start(&path, Model::embedded(), || {}).unwrap();
            let until = Instant::now() + Duration::from_secs(60);
            let result = loop {
                if let Some(result) = desk.collect() {
                    break result;
                }
                assert!(Instant::now() < until, "no result");
                std::thread::sleep(Duration::from_millis(1));
            };
            assert!(result.said.is_err() && result.line().starts_with(&format!("{index}.wav: ")));
        }
        let names: Vec<String> = desk.results().into_iter().map(|result| result.name).collect();
        assert_eq!(names.len(), MOST);
        assert_eq!((names[0].as_str(), names[MOST - 1].as_str()), ("2.wav", "7.wav"));
        assert_eq!((desk.running(), desk.cancel()), (None, None));

        let (ended, wait) = std::sync::mpsc::channel::<()>();
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo.ogg");
        desk.start(&demo, Model::embedded(), move || {
            let _ = ended.send(());
        })
        .unwrap();
        assert_eq!(desk.running().unwrap().0, demo);
        assert_eq!(desk.cancel(), Some(demo));
        assert_eq!((desk.running(), desk.collect()), (None, None));
        // The thread ends, and with it the sender.
        let until = Instant::now() + Duration::from_secs(60);
        while wait.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
        assert!(Instant::now() < until, "it goes on");
        assert_eq!(desk.results().len(), MOST);
    }
}
