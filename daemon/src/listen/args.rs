//! What `earworm listen` takes.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use earworm_scorer::RATES;

use crate::config::{ConfigFile, Options};

const EXAMPLES: &str = "Examples:
  earworm listen                     whatever the computer plays
  earworm listen --device headset    what one output plays, or what a microphone hears
  earworm listen --json              a line of JSON a reading
  earworm listen --input mix.wav
  ffmpeg -i stream -f wav - | earworm listen --input -
  earworm listen --input mix.wav --fast --json | tail -n 1

Keys: q or Ctrl-C ends the meter. Readings as JSON are one object a line: t, momentary, window,
integrated, hook, coverage, level_db, dropped, details, status. While the status is listening,
momentary is a first impression, from less than the model needs to be as good as its card says. A
file is written so as well where standard output is no terminal; what the computer plays only with
--json.";

/// What `earworm listen` takes.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListenArgs {
    /// An audio file, or - for audio on standard input, instead of what the computer plays.
    #[arg(long, value_name = "FILE|-")]
    pub(crate) input: Option<PathBuf>,
    /// The input is raw little-endian 32-bit floats, interleaved, such as 48000:2.
    #[arg(long, value_name = "RATE:CHANNELS", requires = "input")]
    pub(crate) raw: Option<RawFormat>,
    /// As fast as possible instead of at the pace of the sound.
    #[arg(long, requires = "input")]
    pub(crate) fast: bool,
    /// One JSON object a line and reading instead of the meter.
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the configuration is.
    #[command(flatten)]
    pub(crate) file: ConfigFile,
    /// What can be set in the configuration file as well.
    #[command(flatten)]
    pub(crate) options: Options,
}

impl ListenArgs {
    /// Whether the input is standard input.
    pub(crate) fn is_stdin(&self) -> bool {
        self.input.as_deref() == Some(Path::new("-"))
    }
}

/// Shape of raw audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawFormat {
    /// Samples a second of each channel.
    pub(crate) sample_rate: u32,
    /// Interleaved channels.
    pub(crate) channels: usize,
}

/// Most channels of raw audio.
const MOST_CHANNELS: usize = 256;

impl FromStr for RawFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rate, channels) = text.split_once(':').ok_or("write it as RATE:CHANNELS")?;
        let sample_rate =
            rate.parse().ok().filter(|rate| RATES.contains(rate)).ok_or_else(|| {
                format!("the rate {rate:?} is not between {} and {} Hz", RATES.start(), RATES.end())
            })?;
        let channels = channels
            .parse()
            .ok()
            .filter(|channels| (1..=MOST_CHANNELS).contains(channels))
            .ok_or_else(|| {
                format!("{channels:?} channels are not between 1 and {MOST_CHANNELS}")
            })?;
        Ok(Self { sample_rate, channels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_formats() {
        assert_eq!("48000:2".parse(), Ok(RawFormat { sample_rate: 48_000, channels: 2 }));
        for bad in ["", "48000", "48000:", ":2", "1:2", "48000:0", "48000:257", "x:y", "-1:2"] {
            assert!(bad.parse::<RawFormat>().is_err(), "{bad}");
        }
    }
}
