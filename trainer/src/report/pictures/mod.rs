//! The pictures of a run.

mod confusion;
mod judged;
mod learning;
mod search;

use anyhow::Result;

pub(super) use self::search::ranked;
use super::svg::Picture;
use crate::evaluate::Measured;
use crate::run::Task;

/// All pictures of a run, by the name of their file. What a run has nothing of is left out.
///
/// # Errors
/// When a picture cannot be drawn.
pub fn pictures(measured: &Measured) -> Result<Vec<(&'static str, Picture)>> {
    let Measured { run, songs, evaluation, .. } = measured;
    let mut pictures = Vec::new();
    let mut add = |name, picture: Option<Picture>| {
        pictures.extend(picture.map(|picture| (name, picture)));
    };
    if songs.task != Task::Regression {
        add("roc", judged::roc(songs, &run.info)?);
        if songs.decides() {
            add("reliability", Some(judged::reliability(songs, evaluation)?));
        }
        add("confusion", evaluation.confusion.as_ref().map(confusion::confusion).transpose()?);
        add("scores", Some(judged::scores(songs)?));
    }
    if matches!(songs.task, Task::Share | Task::Regression) {
        add("scatter", Some(judged::scatter(songs)?));
    }
    add("preparation", learning::preparation(run)?);
    add("learning", learning::losses(run)?);
    add("learning-accuracy", learning::accuracies(run)?);
    add("learning-songs", learning::over_songs(run)?);
    if let Some(search) = &run.search {
        add("search-learning", search::curves(search)?);
        add("search-scores", search::scores(search)?);
    }
    Ok(pictures)
}
