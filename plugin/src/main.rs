//! The meter in a window of its own: with the sound system's input, or playing a file through itself.

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use earworm_plugin::Earworm;
use earworm_plugin::harness::{Host, Playhead, automate};
use earworm_plugin::state::Size;
use earworm_scorer::decode::AudioFile;
use earworm_scorer::downmix_interleaved;
use nice_plug::editor::{Editor as _, EditorHandle as _};
use nice_plug::prelude::ProcessMode;
use tracing_subscriber::EnvFilter;

const HELP: &str = "\
earworm-meter: the meter in a window

  earworm-meter [OPTIONS]         meters the sound system's input, the default one unless the options
                                  say another; --help-audio lists them
  earworm-meter --file FILE       meters a file (wav, flac, mp3, ogg, m4a) at the pace of its sound,
                                  without playing it aloud

With --file:
  --speed N         so many times as fast
  --view NAME       meter, influence or compare
  --size WxH        the window's size in points
  --print           one line of JSON a second on standard output, and one at the end
";

/// Frames in a block.
const BLOCK: usize = 512;

struct Args {
    file: PathBuf,
    speed: f64,
    view: f32,
    size: Option<Size>,
    print: bool,
}

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "--file") {
        return match parse(&args[1..]).and_then(|args| play(&args)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        };
    }
    match listen(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => fail(&anyhow!(
            "it cannot go on. The log says why; RUST_LOG and NICE_LOG choose what is in it and where it goes"
        )),
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("earworm-meter: {error:#}");
    ExitCode::FAILURE
}

/// Meters the sound system's input until the window is closed. Without one the window says so, unless one was named.
/// False when that cannot be.
fn listen(args: Vec<OsString>) -> anyhow::Result<bool> {
    let text = |arg: OsString| match arg.into_string() {
        Ok(arg) if arg == "--help-audio" => Ok("--help".to_owned()),
        Ok(arg) => Ok(arg),
        Err(arg) => bail!("{} is not UTF-8; see --help", arg.to_string_lossy()),
    };
    let args: Vec<String> = args.into_iter().map(text).collect::<anyhow::Result<_>>()?;
    log_to_standard_error();
    let deaf = |earworm: &Earworm, why: &str| earworm.session().hears_nothing(why);
    Ok(nice_plug::prelude::nice_export_listener_with_args::<Earworm, _>(args, deaf))
}

/// A filter without patterns: one of a few dozen characters can take minutes to read.
fn plain(directives: &str) -> Option<EnvFilter> {
    EnvFilter::builder().with_regex(false).parse(directives).ok()
}

/// Has it said which input is listened to, and what is wrong with it. Where `NICE_LOG` is set, nice-plug does so itself.
fn log_to_standard_error() {
    if std::env::var_os("NICE_LOG").is_some() {
        return;
    }
    let asked = std::env::var("RUST_LOG").ok();
    // Errors are said also where somebody asks for Earworm's own words.
    let filter = asked.and_then(|asked| plain(&format!("error,{asked}")));
    let filter = filter.unwrap_or_else(|| "error,earworm_plugin=warn,nice_plug=info".into());
    // Fails only where there is a logger already.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .try_init();
}

fn parse(args: &[OsString]) -> anyhow::Result<Args> {
    let mut parsed = Args { file: PathBuf::new(), speed: 1.0, view: 0.0, size: None, print: false };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let arg = arg.to_string_lossy();
        let mut value = || args.next().with_context(|| format!("{arg} wants a value; see --help"));
        match &*arg {
            "--file" => parsed.file = value()?.into(),
            "--speed" => {
                let speed = value()?.to_string_lossy();
                parsed.speed = speed.parse().context("--speed wants a number")?;
                anyhow::ensure!(parsed.speed > 0.0, "--speed must be more than nothing");
            }
            "--view" => {
                parsed.view = match &*value()?.to_string_lossy() {
                    "meter" => 0.0,
                    "influence" => 0.5,
                    "compare" => 1.0,
                    other => bail!("there is no view {other}; meter, influence and compare are"),
                }
            }
            "--size" => {
                let text = value()?.to_string_lossy();
                let (width, height) = text.split_once('x').context("--size wants WIDTHxHEIGHT")?;
                let number = |text: &str| text.parse().context("--size wants WIDTHxHEIGHT");
                parsed.size = Some(Size(number(width)?, number(height)?));
            }
            "--print" => parsed.print = true,
            other => bail!("{other} is not an option with --file; see --help"),
        }
    }
    Ok(parsed)
}

fn play(args: &Args) -> anyhow::Result<()> {
    let file = AudioFile::open(&args.file)?;
    let rate = file.format().sample_rate;
    // Nobody listens, so that a slow machine may wait instead of losing samples.
    let mut host = Host::new(rate, BLOCK as u32, ProcessMode::Offline);
    let session = host.session().clone();
    automate(&session.params.view, args.view);
    if let (Some(size), Ok(mut looks)) = (args.size, session.params.looks.write()) {
        looks.size = size.sane();
    }
    let (editor, context, _) = host.editor();
    let spawned = editor
        .spawn(None, false, None, context, None)
        .map_err(|error| anyhow::anyhow!("cannot open a window: {error}"))?;
    let stop = Arc::new(AtomicBool::new(false));
    let feeder = feed(file, host, args.speed, args.print, stop.clone());
    let closed = earworm_plugin::editor::Handle::run_until_closed(spawned.window);
    stop.store(true, Ordering::Relaxed);
    drop(spawned.handle);
    feeder.join().map_err(|_| anyhow::anyhow!("playing the file failed inside Earworm"))??;
    closed.map_err(|error| anyhow::anyhow!("the window failed: {error}"))
}

/// Plays the file through the instance at the pace of its sound.
fn feed(
    file: AudioFile,
    host: Host,
    speed: f64,
    print: bool,
    stop: Arc<AtomicBool>,
) -> JoinHandle<anyhow::Result<()>> {
    std::thread::spawn(move || {
        let rate = file.format().sample_rate;
        let mut player = Player { host, rate, speed, print, started: Instant::now(), frames: 0 };
        if !player.play(file, &stop)? {
            return Ok(());
        }
        // The transport stops; the window stays open until it is closed.
        let mut silence = vec![0.0; BLOCK];
        player.host.process(&mut [&mut silence.clone(), &mut silence], Playhead::default());
        player.host.deactivate();
        if print {
            print_reading(&player.host);
        }
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    })
}

/// An instance that a file is played through.
struct Player {
    host: Host,
    /// Frames a second.
    rate: u32,
    speed: f64,
    print: bool,
    started: Instant,
    /// Frames played so far.
    frames: u64,
}

impl Player {
    /// Plays all of it, the last block shorter than the others. False when it was stopped before.
    fn play(&mut self, mut file: AudioFile, stop: &AtomicBool) -> anyhow::Result<bool> {
        let channels = file.format().channels;
        let mut waiting = Waiting::default();
        while let Some(block) = file.next_block()? {
            waiting.push(block, channels);
            while waiting.frames() >= BLOCK {
                if stop.load(Ordering::Relaxed) {
                    return Ok(false);
                }
                self.block(waiting.take(BLOCK));
            }
        }
        if waiting.frames() > 0 {
            self.block(waiting.take(waiting.frames()));
        }
        Ok(true)
    }

    fn block(&mut self, [mut left, mut right]: [Vec<f32>; 2]) {
        let playhead = Playhead { playing: true, position: Some(self.frames as i64) };
        self.host.process(&mut [&mut left, &mut right], playhead);
        let rate = u64::from(self.rate);
        let printed = self.frames / rate;
        self.frames += left.len() as u64;
        let due = self.frames as f64 / f64::from(self.rate) / self.speed;
        std::thread::sleep(Duration::from_secs_f64(due).saturating_sub(self.started.elapsed()));
        if self.print && self.frames / rate != printed {
            print_reading(&self.host);
        }
    }
}

/// Sound of a file on its way into blocks of two channels.
#[derive(Default)]
struct Waiting {
    left: Vec<f32>,
    right: Vec<f32>,
    mixed: Vec<f32>,
}

impl Waiting {
    /// Takes in interleaved frames. One channel goes to both sides, and more than two are averaged, as
    /// `earworm score` does.
    fn push(&mut self, frames: &[f32], channels: usize) {
        match channels {
            1 => {
                self.left.extend_from_slice(frames);
                self.right.extend_from_slice(frames);
            }
            2 => {
                self.left.extend(frames.iter().step_by(2));
                self.right.extend(frames.iter().skip(1).step_by(2));
            }
            _ => {
                downmix_interleaved(frames, channels, &mut self.mixed);
                self.left.extend_from_slice(&self.mixed);
                self.right.extend_from_slice(&self.mixed);
            }
        }
    }

    fn frames(&self) -> usize {
        self.left.len()
    }

    /// The first so many frames of those that wait.
    fn take(&mut self, frames: usize) -> [Vec<f32>; 2] {
        [self.left.drain(..frames).collect(), self.right.drain(..frames).collect()]
    }
}

fn print_reading(host: &Host) {
    let reading = host.session().reading();
    if let Ok(line) = serde_json::to_string(&*reading) {
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Writes 16-bit sound as a WAV file.
    fn write_wav(path: &Path, channels: u16, rate: u32, samples: &[i16]) {
        let spec = hound::WavSpec {
            channels,
            sample_rate: rate,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(path, spec).unwrap();
        samples.iter().for_each(|&sample| wav.write_sample(sample).unwrap());
        wav.finalize().unwrap();
    }

    fn parsed(args: &[&str]) -> anyhow::Result<Args> {
        parse(&args.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_understood_or_named() {
        let args = ["--file", "mix.wav", "--speed", "4", "--view", "compare", "--size", "900x500"];
        let all = parsed(&[args.as_slice(), &["--print"]].concat()).unwrap();
        assert_eq!(all.file, PathBuf::from("mix.wav"));
        assert_eq!((all.speed, all.view, all.print), (4.0, 1.0, true));
        assert_eq!(all.size, Some(Size(900.0, 500.0)));
        for wrong in [
            ["--speed", "0"],
            ["--speed", "fast"],
            ["--view", "all"],
            ["--size", "900"],
            ["--file", "--louder"],
        ] {
            let error = parsed(&[wrong.as_slice(), &["--louder"]].concat()).err().unwrap();
            let name = if wrong[0] == "--file" { "--louder" } else { &wrong[0][2..] };
            assert!(format!("{error:#}").contains(name), "{wrong:?}: {error:#}");
        }
    }

    /// Other systems have no such names.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_may_have_a_name_that_is_no_text() {
        use std::os::unix::ffi::OsStringExt as _;

        let name = OsString::from_vec(b"m\xfcsic.wav".to_vec());
        assert_eq!(parse(&["--file".into(), name.clone()]).unwrap().file, PathBuf::from(name));
    }

    #[test]
    fn a_file_is_played_to_its_last_sample() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("short.wav");
        // Eight blocks, and one that is no whole one.
        let frames = 8 * BLOCK + 511;
        write_wav(&path, 2, 48_000, &vec![1000; 2 * frames]);
        let host = Host::new(48_000, BLOCK as u32, ProcessMode::Offline);
        let (rate, speed, started) = (48_000, 1e6, Instant::now());
        let mut player = Player { host, rate, speed, print: false, started, frames: 0 };
        let file = AudioFile::open(&path).unwrap();
        assert!(player.play(file, &AtomicBool::new(false)).unwrap());
        player.host.deactivate();
        assert_eq!(player.frames, frames as u64);
        let heard_s = player.host.session().reading().time_s;
        assert!((heard_s * 48_000.0 - frames as f64).abs() < 0.5, "{heard_s} s were heard");
        let file = AudioFile::open(&path).unwrap();
        assert!(!player.play(file, &AtomicBool::new(true)).unwrap(), "it was stopped");
    }

    #[test]
    fn all_channels_are_heard_whatever_comes_at_once() {
        for (channels, frame, want) in [
            (1, vec![0.5f32], [0.5, 0.5]),
            (2, vec![0.25, -0.5], [0.25, -0.5]),
            (4, vec![0.0, 0.0, 1.0, 0.0], [0.25, 0.25]),
        ] {
            let mut waiting = Waiting::default();
            for frames in [300, 1, 0, 900] {
                waiting.push(&frame.repeat(frames), channels);
            }
            assert_eq!(waiting.frames(), 1201);
            for frames in [BLOCK, BLOCK, 177] {
                let [left, right] = waiting.take(frames);
                assert_eq!((left.len(), right.len()), (frames, frames));
                assert!(left.iter().all(|&x| x == want[0]) && right.iter().all(|&x| x == want[1]));
            }
            assert_eq!(waiting.frames(), 0);
        }
    }
}
