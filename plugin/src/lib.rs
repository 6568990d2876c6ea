//! The meter as a plugin for the master bus: CLAP and VST3 from one library, and a window of its own.
//!
//! ```text
//! audio thread ── Feed ──tap──▶ worker of the process ──▶ Watcher ──▶ Session ◀── editor
//! ```
//!
//! - [`Earworm`] is what hosts load. Audio passes through it untouched; `process()` only hands it to
//!   the tap (`feed`).
//! - [`session`] is what an instance knows: the meter, the curve since the reset, where readings lie in
//!   the song. It lives on while the editor is closed.
//! - [`models`] loads each model once for the whole process.
//! - [`state`] is what a project saves.
//! - [`editor`] draws it, one widget a file.
//! - [`influence`] and [`offline`] are work at low priority beside the audio.
//! - [`harness`] is the smallest host there is: for the standalone with a file, tests and benches.

pub mod clock;
pub mod curve;
pub mod editor;
pub mod export;
mod feed;
pub mod harness;
pub mod influence;
mod keep_loaded;
mod low_priority;
pub mod models;
pub mod offline;
pub mod params;
mod plugin;
pub mod session;
pub mod song_map;
pub mod state;

pub use params::EarwormParams;
pub use plugin::{Earworm, Task};

nice_plug::nice_export_clap!(Earworm);
nice_plug::nice_export_vst3!(Earworm);
