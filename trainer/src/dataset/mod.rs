//! Data sets on disk.
//!
//! ```text
//! DIR/front_end.json          settings of all frames
//! DIR/tracks.csv              the manifest as it was, one row a song
//! DIR/index.csv               track_id, frames, seconds, source size and time, sha256 of the audio
//! DIR/frames/<track_id>.safetensors   mel_db [frames, bands], level_db [frames]
//! ```

pub mod build;
mod manifest;
mod store;

pub use manifest::{Manifest, Track};
pub use store::{Dataset, IndexRow, Song};
