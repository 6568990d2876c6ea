//! What the plugin, the daemon and the trainer share besides the scorer: the colours of meters and pictures,
//! a canvas for pictures, round marks on time axes, files that are whole or not there, and signals that are to
//! be ignored.

pub mod canvas;
pub mod colour;
#[cfg(unix)]
pub mod signals;
pub mod ticks;
pub mod whole_file;
