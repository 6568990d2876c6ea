//! The lock-free path, as in the scorer but for what needs a model.

#[path = "../../../../scorer/src/live/frame_history.rs"]
mod frame_history;
#[path = "../../../../scorer/src/live/inlet.rs"]
mod inlet;
#[path = "../../../../scorer/src/live/parts.rs"]
mod parts;
#[path = "../../../../scorer/src/live/ring.rs"]
mod ring;
#[path = "../../../../scorer/src/live/tap.rs"]
mod tap;
#[cfg(test)]
#[path = "../../../../scorer/src/live/tests/mod.rs"]
mod tests;
