//! `earworm listen`: scores audio as it plays.

mod args;
mod bars;
mod beside;
mod big_number;
mod feed;
mod history;
mod lines;
mod pace;
mod reading_line;
mod rolling_mel;
mod screen;
mod source;
mod view;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use earworm_scorer::{Model, Reading, Status};

use crate::capture::Capture;
use crate::config::{self, Address, Options};
use crate::exit::Outcome;
use crate::http::ADDRESS;
use crate::service::Supervised;
use crate::station::Station;
use crate::{clock, interrupt, log, model_choice, text};

pub(crate) use args::ListenArgs;
pub(crate) use screen::give_back as give_terminal_back;

use beside::Beside;
use feed::Feed;
use pace::Pace;
use screen::{Ending, Shown};
use source::Source;

/// The rate that a capture starts with; what the device has, is asked later.
const FIRST_RATE: u32 = 48_000;

/// How often is looked whether scoring has failed.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Listens until the input ends or the user stops it.
///
/// # Errors
/// When there is no audio, the model cannot be used, or nobody takes the output.
pub(crate) fn run(args: &ListenArgs) -> anyhow::Result<Outcome> {
    let options = config::load(&args.options, args.file.path.as_deref())?;
    log::tell(options.log.as_deref(), is_service(args));
    let model = model_choice::load_configured(options.model.as_deref())?;
    match &args.input {
        Some(input) => to_input(args, &options, input, model),
        None => to_system(args, &options, model),
    }
}

/// Whether it runs for weeks, and nobody watches.
fn is_service(args: &ListenArgs) -> bool {
    args.input.is_none() && (args.json || !io::stdout().is_terminal())
}

/// Listens to a file or stream.
fn to_input(
    args: &ListenArgs,
    options: &Options,
    input: &Path,
    model: Arc<Model>,
) -> anyhow::Result<Outcome> {
    if options.device.is_some() || options.host.is_some() {
        tracing::warn!("--device and --host mean nothing with --input");
    }
    let source = Source::open(input, args)?;
    let in_lines = args.json || !io::stdout().is_terminal();
    let alone = !Beside::is_wanted(options);
    if in_lines && args.fast && alone {
        let last = lines::straight(source, &model)?;
        return conclude(&last, in_lines, interrupt::by_user());
    }
    let title = if args.is_stdin() { "standard input".into() } else { title(input) };
    let is_live = source::is_live(input);
    // What a pipe announces is seldom true: its writer did not know the length either.
    let expected_s = source.expected_s().filter(|_| !is_live);
    let (station, tap) = Station::new(model, source.format().sample_rate)?;
    let _beside = Beside::start(&station, options, args, Address::Off)?;
    let pace_of = if is_live { Pace::live } else { Pace::new };
    let pace = (!args.fast).then(|| pace_of(source.format().sample_rate));
    let feed = Feed::start(source, station.clone(), tap, &title, pace)?;
    let stopped = if in_lines {
        lines::live(&station, &|| feed.ended())?;
        interrupt::by_user()
    } else {
        let shown = Shown { station: &station, ended: &|| feed.ended(), expected_s };
        screen::show(&shown)? == Ending::Interrupted
    };
    let outcome = conclude(&station.meter().reading(), in_lines, stopped)?;
    feed.finish()?;
    Ok(outcome)
}

/// Listens to what the computer plays.
fn to_system(args: &ListenArgs, options: &Options, model: Arc<Model>) -> anyhow::Result<Outcome> {
    let (station, tap) = Station::new(model, FIRST_RATE)?;
    let usual = Address::At(ADDRESS.parse()?);
    let _beside = Beside::start(&station, options, args, usual)?;
    let capture = Capture::start(&station, (tap, FIRST_RATE), options.wish())?;
    let ended = || capture.has_ended();
    let _supervised = Supervised::ready("listening");
    if !is_service(args) {
        let shown = Shown { station: &station, ended: &ended, expected_s: None };
        let ending = screen::show(&shown)?;
        check(&station, &capture)?;
        return conclude(&station.meter().reading(), false, ending == Ending::Interrupted);
    }
    if args.json {
        lines::live(&station, &ended)?;
    } else {
        while !interrupt::stopped() && station.meter().failure().is_none() && !ended() {
            interrupt::wait(interrupt::reloads(), LOOK_EVERY);
        }
    }
    check(&station, &capture)?;
    // Being stopped is how this ends well.
    Ok(Outcome::Done)
}

/// Whether capture and scorer still work. Without them there is nothing to wait for: a supervisor must see that
/// the service failed, and start it anew.
///
/// # Errors
/// Why they do not.
fn check(station: &Station, capture: &Capture) -> anyhow::Result<()> {
    match station.meter().failure() {
        Some(why) => Err(anyhow!("scoring stopped: {why}")),
        None if capture.has_ended() => {
            Err(anyhow!("listening stopped inside Earworm; please report it"))
        }
        None => Ok(()),
    }
}

fn title(input: &Path) -> String {
    let name = input.file_name().unwrap_or(input.as_os_str());
    text::tame(&name.to_string_lossy())
}
/// Prints what it came to in a line: on standard error where standard output is for machines.
fn conclude(last: &Reading, in_lines: bool, stopped: bool) -> anyhow::Result<Outcome> {
    let line = summary(last);
    if in_lines {
        let _ = writeln!(io::stderr(), "{line}");
    } else {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(if stopped { Outcome::Interrupted } else { Outcome::Done })
}

fn summary(last: &Reading) -> String {
    let heard = clock::clock(last.time_s);
    let mut line = match last.integrated {
        Some(_) => {
            let (score, hook) = (text::score(last.integrated), text::hook(last.hook.as_ref()));
            format!("score {score}, hook {hook}, {heard} heard")
        }
        None if last.status == Status::Silence && last.coverage == 0.0 => {
            format!("no score: nothing but silence in {heard}")
        }
        None => format!("no score: too little sound in {heard}"),
    };
    if last.dropped > 0 {
        line.push_str(&format!(", {} samples dropped", last.dropped));
    }
    line
}

#[cfg(test)]
mod tests {
    use earworm_scorer::Hook;

    use super::*;

    #[test]
    fn a_capture_that_has_ended_is_a_failure() {
        let (station, _tap) = Station::new(Model::embedded(), FIRST_RATE).unwrap();
        let error = check(&station, &Capture::ended()).unwrap_err().to_string();
        assert!(error.contains("listening stopped"), "{error}");
    }

    #[test]
    fn the_summary_says_what_counts() {
        let mut last = Reading {
            time_s: 83.0,
            integrated: Some(58.4),
            hook: Some(Hook { score: 71.0, start_s: 30.0, end_s: 59.0 }),
            ..Reading::default()
        };
        assert_eq!(summary(&last), "score 58, hook 0:30–0:59 (71), 1:23 heard");
        last.dropped = 9;
        last.integrated = None;
        assert_eq!(summary(&last), "no score: too little sound in 1:23, 9 samples dropped");
        last.status = Status::Silence;
        last.dropped = 0;
        assert_eq!(summary(&last), "no score: nothing but silence in 1:23");
    }
}
