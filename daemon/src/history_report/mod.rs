//! `earworm history`: the songs that were heard, or every reading, for people and programs. What keeps
//! the history is [`history`](crate::history).

mod args;
mod picture;

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use anyhow::bail;
use serde::Serialize;

use crate::clock::{DAY_S, moment, now_s};
use crate::exit::Outcome;
use crate::history::{Reader, SongHeard, Step};
use crate::{clock, config, text};

pub(crate) use args::HistoryArgs;

use args::HistoryCommand;
use picture::Heard;

/// Steps that a picture has room for.
const PLOT_STEPS: f64 = 1400.0;

/// What is above the readings in CSV: the fields of a [`Step`].
const OF_READINGS: [&str; 5] = ["time", "momentary", "window", "integrated", "level_db"];

/// The same for songs: the fields of a [`Line`].
const OF_SONGS: [&str; 10] = [
    "start",
    "end",
    "artist",
    "title",
    "album",
    "score",
    "heard_s",
    "hook_score",
    "hook_start_s",
    "hook_end_s",
];

/// Prints or draws it.
///
/// # Errors
/// When there is no history, or it cannot be read or drawn.
pub(crate) fn run(args: &HistoryArgs) -> anyhow::Result<Outcome> {
    let file = config::history_file(&args.file, args.config.path.as_deref())?;
    if !file.exists() {
        bail!("there is no history yet at {}; `earworm listen` writes it", file.display());
    }
    let reader = Reader::new(&file);
    let to = now_s() + 1.0;
    let from = args.days.map_or(0.0, |days| to - days * DAY_S);
    if let Some(HistoryCommand::Plot { out, title }) = &args.command {
        let days = args.days.unwrap_or(1.0);
        return draw(&reader, to - days * DAY_S, to, out, title.as_deref());
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let limit = args.limit.unwrap_or(i64::MAX);
    if args.readings {
        let rows = reader.steps(from as i64, to as i64, args.resolution.max(1), limit)?;
        write(&mut out, args, &OF_READINGS, rows.iter(), |row| reading_line(row))?;
    } else {
        let songs = reader.songs(from, to, limit)?;
        let lines = songs.iter().map(|song| match args.csv {
            true => Line::of(song).in_cells(),
            false => Line::of(song),
        });
        write(&mut out, args, &OF_SONGS, lines, |line| {
            let hook = match (line.hook_start_s, line.hook_end_s, line.hook_score) {
                (Some(start), Some(end), Some(score)) => {
                    format!("{} ({score:.0})", clock::span(start, end))
                }
                _ => "–".into(),
            };
            let name = name(line.artist.as_deref(), line.title.as_deref());
            format!(
                "{}  {:>4}  {:<16} {:>7}  {}",
                moment(line.start),
                text::score(line.score),
                hook,
                clock::clock(line.heard_s),
                text::tame(&name)
            )
        })?;
    }
    out.flush()?;
    Ok(Outcome::Done)
}

/// A reading for people.
fn reading_line(step: &Step) -> String {
    format!(
        "{}  {:>4} {:>4} {:>4}  {:6.1} dB",
        moment(step.time as f64),
        text::score(step.momentary),
        text::score(step.window),
        text::score(step.integrated),
        step.level_db
    )
}

/// Artist and title, as far as there are any.
fn name(artist: Option<&str>, title: Option<&str>) -> String {
    let parts: Vec<_> = [artist, title].into_iter().flatten().collect();
    if parts.is_empty() { "unnamed".into() } else { parts.join(" – ") }
}

/// A song in one row.
#[derive(Serialize)]
struct Line<'a> {
    start: f64,
    end: f64,
    artist: Option<Cow<'a, str>>,
    title: Option<Cow<'a, str>>,
    album: Option<Cow<'a, str>>,
    score: Option<f32>,
    heard_s: f64,
    hook_score: Option<f32>,
    hook_start_s: Option<f64>,
    hook_end_s: Option<f64>,
}

impl<'a> Line<'a> {
    fn of(song: &'a SongHeard) -> Self {
        let hook = song.hook.as_ref().map(|heard| heard.hook);
        Self {
            start: song.start,
            end: song.end,
            artist: song.artist.as_deref().map(Cow::Borrowed),
            title: song.title.as_deref().map(Cow::Borrowed),
            album: song.album.as_deref().map(Cow::Borrowed),
            score: song.score,
            heard_s: song.heard_s,
            hook_score: hook.map(|hook| hook.score),
            hook_start_s: hook.map(|hook| hook.start_s),
            hook_end_s: hook.map(|hook| hook.end_s),
        }
    }

    /// As it goes into CSV: what players say is no formula there.
    fn in_cells(self) -> Self {
        fn cell(said: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
            said.map(|said| Cow::Owned(text::cell(&said).into_owned()))
        }
        Self { artist: cell(self.artist), title: cell(self.title), album: cell(self.album), ..self }
    }
}

fn write<T: Serialize>(
    out: &mut impl Write,
    args: &HistoryArgs,
    header: &[&str],
    rows: impl Iterator<Item = T>,
    line: impl Fn(&T) -> String,
) -> anyhow::Result<()> {
    if args.csv {
        // Above no rows as well, as spreadsheets and programs look for it.
        let mut csv = csv::WriterBuilder::new().has_headers(false).from_writer(out);
        csv.write_record(header)?;
        for row in rows {
            csv.serialize(row)?;
        }
        csv.flush()?;
        return Ok(());
    }
    let mut rows = rows.peekable();
    if rows.peek().is_none() && !args.json {
        eprintln!("nothing was heard in that time");
    }
    for row in rows {
        if args.json {
            serde_json::to_writer(&mut *out, &row)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{}", line(&row))?;
        }
    }
    Ok(())
}

fn draw(
    reader: &Reader,
    from: f64,
    to: f64,
    out: &Path,
    title: Option<&str>,
) -> anyhow::Result<Outcome> {
    let resolution = ((to - from) / PLOT_STEPS).ceil().max(1.0) as i64;
    let steps = reader.steps(from as i64, to as i64, resolution, i64::MAX)?;
    if steps.is_empty() {
        bail!("nothing was heard in that time; --days says how far back to look");
    }
    let songs = reader.songs(from, to, i64::MAX)?;
    let heading = title.map_or_else(|| "What was heard".to_owned(), text::tame);
    picture::draw(out, &Heard { heading, from, to, resolution, steps, songs })?;
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::distinct;

    fn song() -> SongHeard {
        SongHeard {
            id: 1,
            start: -1.0,
            end: 60.0,
            title: Some("=1+1".into()),
            artist: Some("-".into()),
            album: Some("a=b".into()),
            score: None,
            heard_s: 61.0,
            hook: None,
            details: RawValue::from_string("{}".into()).unwrap(),
        }
    }

    /// A row as CSV has it, under its header.
    fn csv_of(row: impl Serialize) -> String {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.serialize(row).unwrap();
        String::from_utf8(csv.into_inner().unwrap()).unwrap()
    }

    #[test]
    fn what_players_say_is_no_formula() {
        let text = csv_of(Line::of(&song()).in_cells());
        assert_eq!(text.lines().nth(1), Some("-1.0,60.0,'-,'=1+1,a=b,,61.0,,,"));
    }

    #[test]
    fn csv_has_its_header_above_no_rows_as_well() {
        let args = HistoryArgs {
            config: config::ConfigFile::default(),
            file: config::HistoryFile::default(),
            days: None,
            limit: None,
            readings: false,
            resolution: 1,
            json: false,
            csv: true,
            command: None,
        };
        let mut out = Vec::new();
        write(&mut out, &args, &OF_SONGS, std::iter::empty::<Line<'_>>(), |_| String::new())
            .unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), OF_SONGS.join(",") + "\n");
        let mut out = Vec::new();
        let song = song();
        let line = || Line::of(&song).in_cells();
        write(&mut out, &args, &OF_SONGS, [line()].into_iter(), |_| String::new()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), csv_of(line()));
    }

    #[test]
    fn each_score_stands_in_its_own_column() {
        let [momentary, window, integrated] = distinct::SCORES.map(|(_, score)| Some(score));
        let step = Step { time: 0, momentary, window, integrated, level_db: -7.0 };
        let line = reading_line(&step);
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words.ends_with(&["11", "22", "33", "-7.0", "dB"]), "{line}");
        let csv = csv_of(step);
        let wanted = "time,momentary,window,integrated,level_db\n0,11.0,22.0,33.0,-7.0\n";
        assert_eq!(csv, wanted);
    }

    #[test]
    fn headers_are_those_of_the_rows() {
        let step =
            Step { time: 0, momentary: None, window: None, integrated: None, level_db: -20.0 };
        for (text, header) in
            [(csv_of(step), &OF_READINGS[..]), (csv_of(Line::of(&song())), &OF_SONGS[..])]
        {
            assert_eq!(text.lines().next(), Some(&*header.join(",")));
        }
    }
}
