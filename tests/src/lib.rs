//! End-to-end tests of the built programs live in `tests/tests/`. Here is what is fuzzed.

pub mod fuzzed;
