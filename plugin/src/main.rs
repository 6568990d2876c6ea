//! The meter in a window of its own: with the sound system's input, or playing a file through itself.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use earworm_plugin::Earworm;
use earworm_plugin::harness::{Host, Playhead, automate};
use earworm_plugin::state::Size;
use earworm_scorer::decode::AudioFile;
use nice_plug::editor::{Editor as _, EditorHandle as _};
use nice_plug::prelude::ProcessMode;

const HELP: &str = "\
earworm-meter: the meter in a window

  earworm-meter [OPTIONS]         meters the sound system's input; --help-audio lists the options
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
    let mut args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "--file") {
        return match parse(&args[1..]).and_then(|args| play(&args)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("earworm-meter: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    for arg in &mut args {
        if arg == "--help-audio" {
            *arg = "--help".into();
        }
    }
    if nice_plug::prelude::nice_export_standalone_with_args::<Earworm, _>(args) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn parse(args: &[String]) -> anyhow::Result<Args> {
    let mut parsed = Args { file: PathBuf::new(), speed: 1.0, view: 0.0, size: None, print: false };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().with_context(|| format!("{arg} wants a value; see --help"));
        match arg.as_str() {
            "--file" => parsed.file = value()?.into(),
            "--speed" => {
                parsed.speed = value()?.parse().context("--speed wants a number")?;
                anyhow::ensure!(parsed.speed > 0.0, "--speed must be more than nothing");
            }
            "--view" => {
                parsed.view = match value()?.as_str() {
                    "meter" => 0.0,
                    "influence" => 0.5,
                    "compare" => 1.0,
                    other => bail!("there is no view {other}; meter, influence and compare are"),
                }
            }
            "--size" => {
                let text = value()?;
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
    mut file: AudioFile,
    mut host: Host,
    speed: f64,
    print: bool,
    stop: Arc<AtomicBool>,
) -> JoinHandle<anyhow::Result<()>> {
    std::thread::spawn(move || {
        let format = file.format();
        let started = Instant::now();
        let (mut frames, mut printed) = (0u64, 0u64);
        let mut waiting: [Vec<f32>; 2] = [Vec::new(), Vec::new()];
        while let Some(block) = file.next_block()? {
            for frame in block.chunks(format.channels) {
                waiting[0].push(frame[0]);
                waiting[1].push(frame[format.channels.min(2) - 1]);
            }
            while waiting[0].len() >= BLOCK {
                if stop.load(Ordering::Relaxed) {
                    return Ok(());
                }
                let [mut left, mut right] =
                    waiting.each_mut().map(|channel| channel.drain(..BLOCK).collect::<Vec<_>>());
                let playhead = Playhead { playing: true, position: Some(frames as i64) };
                host.process(&mut [&mut left, &mut right], playhead);
                frames += BLOCK as u64;
                let due = frames as f64 / f64::from(format.sample_rate) / speed;
                let ahead = Duration::from_secs_f64(due).saturating_sub(started.elapsed());
                std::thread::sleep(ahead);
                if print && frames / u64::from(format.sample_rate) != printed {
                    printed = frames / u64::from(format.sample_rate);
                    print_reading(&host);
                }
            }
        }
        // The transport stops; the window stays open until it is closed.
        let mut silence = vec![0.0; BLOCK];
        host.process(&mut [&mut silence.clone(), &mut silence], Playhead::default());
        host.deactivate();
        if print {
            print_reading(&host);
        }
        while !stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    })
}

fn print_reading(host: &Host) {
    let reading = host.session().reading();
    if let Ok(line) = serde_json::to_string(&*reading) {
        println!("{line}");
    }
}
