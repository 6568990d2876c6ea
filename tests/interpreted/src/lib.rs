//! The scorer's files that are `unsafe` or that threads race in, with their tests, for `cargo xtask miri`. The
//! rest of the scorer takes Miri long to build, and what it could run of it too long to run. Empty otherwise.
#![cfg(miri)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "whole files, of which parts are used"
)]

#[path = "../../../scorer/src/downmix.rs"]
mod downmix;
mod live;
