//! What is fuzzed of the program. Not an interface for anything else.

pub use crate::config::fuzzed::{Read, read};
pub use crate::http::in_memory::InMemory;
