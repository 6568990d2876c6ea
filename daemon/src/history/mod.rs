//! What was heard, remembered: a row a second and the songs, in one SQLite file.

mod calendar;
#[cfg(target_os = "linux")]
mod mpris;
mod private;
mod query;
mod recorder;
pub(crate) mod sample;
mod songs;
mod store;
mod table;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use directories::ProjectDirs;

use crate::station::Station;

pub(crate) use query::{MOST_ROWS, Reader, SongHeard, Step};
pub(crate) use recorder::{Keep, Recorder};
pub(crate) use store::writer;

/// Where the history is unless told otherwise.
pub(crate) fn usual_file() -> Option<PathBuf> {
    let folders = ProjectDirs::from("", "", "earworm")?;
    Some(folders.data_dir().join("history.db"))
}

/// Keeps the station's track as media players say, where they can be asked.
pub(crate) fn ask_players(station: &Arc<Station>) {
    #[cfg(target_os = "linux")]
    mpris::follow(station.clone());
    #[cfg(not(target_os = "linux"))]
    let _ = station;
}
