//! Data sets on disk.
//!
//! ```text
//! DIR/dataset.json         version, settings, features, schema, hash of the manifest
//! DIR/tracks.parquet       the manifest's rows as they were
//! DIR/index.parquet        of each song: shard, offset, frames, audible frames, seconds, share of clipped
//!                          samples, chorus start, codec, file size and time, hashes of audio and
//!                          content; or why it was skipped
//! DIR/features.parquet     track_id and one column a feature, where features were asked for
//! DIR/shards/shard-….frames   mel frames, levels and features of many songs each; see the module `shard`
//! ```
//!
//! A data set in parts, built on several machines, has a folder `part-i-of-n` for each; [`merge`] makes
//! one of them.

mod bounded_file;
pub mod build;
mod construction;
mod description;
pub mod fetch;
mod index;
#[cfg(test)]
pub(crate) mod made;
mod manifest;
pub mod merge;
pub(crate) mod nearest;
mod raw_table;
mod schema;
mod shard;
mod song;
mod song_features;
mod store;
mod table_file;
mod toml_text;
mod tracks;

pub use description::{Description, Extraction, Part};
pub use manifest::{Manifest, Track};
pub use raw_table::RawTable;
pub use schema::{Schema, SchemaColumns};
pub use shard::FramesView;
pub use song_features::{FeatureSet, FeatureSource, ScorerFeatures};
pub(crate) use store::same_recordings;
pub use store::{Dataset, FeatureTable, SongEntry};
