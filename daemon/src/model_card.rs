//! `earworm model show`: a model's card in the terminal.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use earworm_scorer::model::{Calibration, Contract, Metadata, Metric, Task};

use crate::exit::Outcome;
use crate::{model_choice, text};

/// Width of the card.
const CELLS: usize = 88;
/// Width of the column of headings.
const HEADING: usize = 13;

/// What `earworm model` takes.
#[derive(Debug, Args)]
pub(crate) struct ModelArgs {
    /// What to do with the model.
    #[command(subcommand)]
    pub(crate) command: ModelCommand,
}

/// The commands about models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelCommand {
    /// Show a model's card: what its score means, what it learned from, how well it did.
    Show {
        /// An ONNX model; without it the one built in.
        #[arg(env = "EARWORM_MODEL")]
        file: Option<PathBuf>,
        /// The model's metadata as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Does what the command says.
///
/// # Errors
/// When the model cannot be read or nobody takes the output.
pub(crate) fn run(args: &ModelArgs) -> anyhow::Result<Outcome> {
    let ModelCommand::Show { file, json } = &args.command;
    let model = model_choice::load(file.as_deref())?;
    let mut text = if *json {
        serde_json::to_string_pretty(model.metadata())?
    } else {
        card(model.metadata(), model.origin(), model.sha256())
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(Outcome::Done)
}

/// The card as text; nothing in it can do anything to a terminal.
fn card(metadata: &Metadata, origin: &str, sha256: &str) -> String {
    let mut card = Card { text: String::new() };
    card.line(&format!("{} · {}", metadata.name, text::worth(metadata)));
    card.line("");
    card.entry("score", &format!("0 to 100. {}", metadata.label));
    card.entry("trust", &metadata.trust);
    card.entry("front end", &front_end(metadata));
    card.entry("window", &window(metadata));
    card.entry("task", &task(metadata));
    card.entry("calibration", &calibration(metadata));
    card.classes(metadata);
    card.data(metadata);
    card.metrics(&metadata.metrics);
    card.line("");
    card.entry("licence", &metadata.licence);
    card.entry("file", origin);
    card.entry("sha256", sha256);
    card.text
}

struct Card {
    text: String,
}

impl Card {
    fn line(&mut self, line: &str) {
        self.text.push_str(text::tame(line).trim_end());
        self.text.push('\n');
    }

    fn entry(&mut self, heading: &str, value: &str) {
        let mut heading = heading;
        for line in text::wrap(value, CELLS - HEADING) {
            self.line(&(text::pad(heading, HEADING, false) + &line));
            heading = "";
        }
    }

    fn classes(&mut self, metadata: &Metadata) {
        let mut heading = "classes";
        for class in &metadata.classes {
            let mut line = class.name.clone();
            if !class.meaning.is_empty() {
                let _ = write!(line, ": {}", class.meaning);
            }
            if class.name == metadata.score_class {
                line.push_str(" (the score)");
            }
            self.entry(heading, &line);
            heading = "";
        }
    }

    fn data(&mut self, metadata: &Metadata) {
        let data = &metadata.data;
        self.line("");
        self.entry("data", &format!("{}, {} songs, {}", data.name, data.songs, data.licence));
        if !data.about.is_empty() {
            self.entry("", &data.about);
        }
        if !data.sha256.is_empty() {
            self.entry("", &format!("sha256 {}", data.sha256));
        }
    }

    fn metrics(&mut self, metrics: &[Metric]) {
        self.line("");
        if metrics.is_empty() {
            self.entry("metrics", "none measured");
            return;
        }
        let widest = |column: fn(&Metric) -> &str, least: usize| {
            metrics.iter().map(|m| text::width(column(m))).max().unwrap_or(0).max(least)
        };
        let (name, scope) = (widest(|m| &m.name, 7), widest(|m| &m.scope, 5));
        let row = |cells: [&str; 4]| {
            format!(
                "{}  {}  {}  {}",
                text::pad(cells[0], name, false),
                text::pad(cells[1], scope, false),
                text::pad(cells[2], 6, true),
                cells[3],
            )
        };
        self.entry_raw("metrics", &row(["figure", "songs", "value", "95 % interval"]));
        for metric in metrics {
            let value = format!("{:.3}", metric.value);
            let interval = format!("{:.3} to {:.3}", metric.low, metric.high);
            self.entry_raw("", &row([&metric.name, &metric.scope, &value, &interval]));
        }
    }

    /// An entry whose blanks are kept.
    fn entry_raw(&mut self, heading: &str, value: &str) {
        self.line(&(text::pad(heading, HEADING, false) + value));
    }
}

fn front_end(metadata: &Metadata) -> String {
    let front_end = &metadata.front_end;
    format!(
        "{} Hz; frames of {} samples every {} ({:.1} a second); {} mel bands ({} scale, {} norm) \
         from {} to {} Hz; level {}; gate {} dBFS, floor {} dB",
        front_end.sample_rate,
        front_end.n_fft,
        front_end.hop,
        front_end.frame_rate(),
        front_end.n_mels,
        word(&front_end.mel_scale),
        word(&front_end.mel_norm),
        front_end.f_min,
        front_end.f_max,
        word(&front_end.level.kind),
        front_end.level.gate_db,
        front_end.level.floor_db,
    )
}

fn window(metadata: &Metadata) -> String {
    let warm_up = metadata.front_end.seconds(metadata.warm_up_frames);
    let contract = match metadata.contract {
        Contract::Streaming => "streaming: runs frame by frame, with state",
        Contract::Window if metadata.input.is_mel() => "window: takes a whole window at a time",
        Contract::Window if metadata.input_rows() == 1 => {
            "window: takes numbers that describe a whole window"
        }
        Contract::Window => "window: takes a whole window, and numbers that describe it, at a time",
    };
    format!(
        "{:.1} s ({} frames), a first score after {warm_up:.1} s; {contract}",
        metadata.window_seconds(),
        metadata.window_frames
    )
}

fn task(metadata: &Metadata) -> String {
    match metadata.task {
        Task::Binary => "binary: each class has a probability or share of its own",
        Task::Multiclass => "multiclass: exactly one of the classes applies",
        Task::Regression => "regression: each output is a value between 0 and 1",
    }
    .into()
}

fn calibration(metadata: &Metadata) -> String {
    match &metadata.calibration {
        Calibration::Identity => format!("none: 100 × {}", metadata.score_class),
        Calibration::Platt { slope, intercept } => {
            let sign = if *intercept < 0.0 { '−' } else { '+' };
            let intercept = intercept.abs();
            format!("Platt: 100 / (1 + exp(−({slope:.4} · output {sign} {intercept:.4})))")
        }
        Calibration::Temperature { t } => {
            format!("temperature: 100 × {} of outputs divided by {t:.4}", metadata.score_class)
        }
        Calibration::Isotonic { x, y } => {
            let percent = |value: Option<&f32>| value.map_or(0.0, |y| 100.0 * y);
            format!(
                "isotonic: a rising line through {} points, from {:.0} to {:.0}",
                x.len(),
                percent(y.first()),
                percent(y.last())
            )
        }
    }
}

/// The name of an enumerated setting as it stands in the metadata.
fn word(value: &impl serde::Serialize) -> String {
    let word = serde_json::to_value(value).ok();
    word.as_ref().and_then(|word| word.as_str()).unwrap_or("?").replace('_', " ")
}
