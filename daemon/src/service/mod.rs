//! Earworm as a service of the user's: installed, watched, told to end.

mod command;
mod notify;
mod unit;

pub(crate) use command::{ServiceArgs, run};
pub(crate) use notify::Supervised;
