//! Networks in Candle.

mod lstm_scan;
mod network;
mod optimiser;
mod running_mean;

pub use lstm_scan::{lstm_scan, lstm_steps};
pub use network::{Dropout, LEAK, Layer, Linear, Network, Shape};
pub use optimiser::{Optimiser, learning_rate_at};
pub use running_mean::running_mean;
