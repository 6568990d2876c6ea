//! Systems that learn the value itself, on its own scale: how far off they are, beside draws from a normal
//! distribution, and on how many songs each is closer than the first. So seed system B was published.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::compare::NormalDraws;
use crate::compare::aligned;
use crate::compare::song_by_song::{normal_draws, song_by_song};
use crate::evaluate::{Songs, measure};
use crate::metrics::{mean_absolute_error, mean_squared_error, r_squared};
use crate::run::Task;

/// All such systems of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Values {
    /// What draws from the normal distribution of the songs that models learnt from would get.
    pub draws: NormalDraws,
    /// One row a system, in their order; the first is the one that others are held against.
    pub rows: Vec<ValueRow>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueRow {
    /// The system.
    pub name: String,
    /// Mean squared error.
    pub mse: f64,
    /// Mean absolute error.
    pub mae: f64,
    /// Share of the variance that is explained; `None` where there is none.
    pub r2: Option<f64>,
    /// Share of the songs on which it is closer to the truth than the first.
    pub closer: Option<f64>,
}

/// What a finished run said, where it predicts values.
///
/// # Errors
/// When it cannot be measured.
pub(super) fn said(run: &Path) -> Result<Option<Songs>> {
    let songs = measure(run, None)?.songs;
    Ok((songs.task == Task::Regression).then_some(songs))
}

/// The systems, by what they said of the same songs; `None` where there is none.
pub(super) fn values(systems: &[(String, Songs)]) -> Option<Values> {
    let songs: Vec<&Songs> = systems.iter().map(|(_, songs)| songs).collect();
    let draws = normal_draws(songs.first()?, None)?;
    let aligned = aligned(&songs);
    let closer = song_by_song(&songs, &aligned, 0);
    // There are songs: draws are measured on them.
    let row = |(index, (name, songs)): (usize, &(String, Songs))| {
        let Songs { said, truth, .. } = songs;
        ValueRow {
            name: name.clone(),
            mse: mean_squared_error(said, truth).unwrap_or(f64::NAN),
            mae: mean_absolute_error(said, truth).unwrap_or(f64::NAN),
            r2: r_squared(said, truth),
            closer: closer.iter().find(|won| won.run == index).map(|won| won.closer),
        }
    };
    Some(Values { draws, rows: systems.iter().enumerate().map(row).collect() })
}
