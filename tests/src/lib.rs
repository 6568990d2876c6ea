//! End-to-end tests of the built programs live in `tests/tests/`.
