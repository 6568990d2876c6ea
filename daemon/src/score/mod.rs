//! `earworm score`: one row for each file.

mod args;
mod file;
mod in_order;
mod output;
mod picture;
mod plot;
mod plot_names;
mod progress;
mod row;
mod timeline;

use std::io::{self, BufWriter, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use earworm_scorer::Model;

use crate::exit::{Outcome, complain, describe};
use crate::{interrupt, model_choice, text};

pub(crate) use args::ScoreArgs;

use file::Wanted;
use in_order::in_order;
use output::{Format, Rows};
use plot::Sheet;
use plot_names::plot_names;
use progress::Progress;
use row::{Judge, Row};

/// Scores the files and writes their rows.
///
/// # Errors
/// When the model cannot be used or nobody takes the output.
pub(crate) fn run(args: &ScoreArgs) -> anyhow::Result<Outcome> {
    let model = model_choice::load(args.model.file.as_deref())?;
    let judge = Judge::new(&model);
    let format = match (args.json, args.csv) {
        (true, _) => Format::Json,
        (_, true) => Format::Csv,
        _ => Format::Table,
    };
    let names = args.files.iter().map(|file| file.to_string_lossy());
    let out = BufWriter::new(io::stdout().lock());
    let mut rows = Rows::start(out, format, args.timeline, model.metadata(), names)?;
    let plots = args.plot.as_deref().map(|out| plot_names(out, &args.files));
    let progress = Progress::new();
    let job = |index: usize| {
        let path: &Path = &args.files[index];
        let plot = plots.as_ref().map(|plots| plots[index].as_path());
        let work = || row(path, plot, args.timeline, &model, &judge, &progress);
        catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
            let error =
                format!("{}: reading it failed inside Earworm; please report it", path.display());
            Some(Row::failed(path, error, &judge))
        })
    };
    // A table on the terminal says what is wrong by itself.
    let told = format == Format::Table && io::stdout().is_terminal() && io::stderr().is_terminal();
    let (mut done, mut failed) = (0, 0);
    in_order(args.jobs.get(), args.files.len(), job, interrupt::stop, |_, row| {
        let Some(row) = row else { return Ok(()) };
        done += 1;
        progress.aside(|| {
            if let Some(error) = &row.error {
                failed += 1;
                if !told {
                    complain(&text::tame(error));
                }
            }
            rows.write(&row)
        })
    })?;
    if interrupt::by_user() {
        complain(&format!("stopped; {done} of {} files are done", args.files.len()));
        return Ok(Outcome::Interrupted);
    }
    Ok(if failed > 0 { Outcome::SomeFailed } else { Outcome::Done })
}

/// Scores one file and draws its picture; `None` when it was told to stop.
fn row<'a>(
    path: &Path,
    plot: Option<&Path>,
    timeline: bool,
    model: &Arc<Model>,
    judge: &'a Judge,
    progress: &Progress,
) -> Option<Row<'a>> {
    let wanted = Wanted { timeline, drawing: plot.is_some() };
    let mut bar = progress.file(path);
    let result = file::score(path, model, wanted, |done_s, total_s| bar.update(done_s, total_s));
    let mut scored = match result {
        Ok(Some(scored)) => scored,
        Ok(None) => return None,
        Err(error) => return Some(Row::failed(path, describe(&error), judge)),
    };
    let drawing = scored.drawing.take();
    let sheet = plot.zip(drawing.as_ref()).map(|(out, drawing)| {
        (
            out,
            Sheet {
                file: path,
                duration_s: scored.duration_s,
                reading: &scored.reading,
                no_score: scored.no_score.as_deref(),
                metadata: model.metadata(),
                drawing,
            },
        )
    });
    let drawn = sheet.map_or(Ok(()), |(out, sheet)| plot::draw(out, &sheet));
    let mut row = Row::scored(path, scored, model.metadata(), judge);
    if let Err(error) = drawn {
        let error = format!("{}: {}", path.display(), describe(&error));
        row.error = Some(row.error.map_or_else(|| error.clone(), |e| format!("{e}; {error}")));
    }
    Some(row)
}
