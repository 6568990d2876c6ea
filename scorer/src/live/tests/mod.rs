//! Tests of the parts. They stand beside them and not in their files, because those files are also compiled
//! over loom's types: see `tests/interleavings`.

mod checker;
mod frame_history;
mod inlet;

use super::inlet::Sink;
use super::ring::MarkKind;
