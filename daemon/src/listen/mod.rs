//! `earworm listen`: scores audio as it plays.

mod bars;
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

use earworm_scorer::{Reading, Status};

use crate::cli::ListenArgs;
use crate::exit::Outcome;
use crate::{clock, interrupt, model_choice, text};

use feed::Feed;
use screen::Ending;
use source::Source;

/// Listens until the input ends or the user stops it.
///
/// # Errors
/// When there is no audio, the model cannot be used, or nobody takes the output.
pub(crate) fn run(args: &ListenArgs) -> anyhow::Result<Outcome> {
    let model = model_choice::load(args.model.file.as_deref())?;
    let source = Source::open(args)?;
    let in_lines = args.json || !io::stdout().is_terminal();
    if in_lines && args.fast {
        let last = lines::straight(source, &model)?;
        return conclude(&last, in_lines, interrupt::by_user());
    }
    let title = if args.is_stdin() { "standard input".into() } else { title(args) };
    // What a pipe announces is seldom true: its writer did not know the length either.
    let expected_s = source.expected_s().filter(|_| !args.is_stdin());
    let feed = Feed::start(source, model, args.fast)?;
    let (last, stopped) = if in_lines {
        (lines::live(&feed)?, interrupt::by_user())
    } else {
        let ending = screen::show(&feed, &title, expected_s)?;
        ((*feed.meter.reading()).clone(), ending == Ending::Interrupted)
    };
    let outcome = conclude(&last, in_lines, stopped)?;
    feed.finish()?;
    Ok(outcome)
}

fn title(args: &ListenArgs) -> String {
    let name = args.input.file_name().unwrap_or(args.input.as_os_str());
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
