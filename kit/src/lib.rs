//! What the plugin, the daemon and the trainer share besides the scorer: the colours of meters and pictures,
//! a canvas for pictures, round marks on time axes, and files that are whole or not there.

pub mod canvas;
pub mod colour;
pub mod ticks;
pub mod whole_file;
