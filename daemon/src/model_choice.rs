//! Which model a command uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use earworm_scorer::Model;

/// The model to score with.
#[derive(Debug, Args)]
pub(crate) struct ModelArg {
    /// An ONNX model instead of the one built in; see `earworm model show FILE`.
    #[arg(long = "model", value_name = "FILE", env = "EARWORM_MODEL")]
    pub(crate) file: Option<PathBuf>,
}

/// The model in `file`, or the one that is built in.
pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Arc<Model>> {
    match file {
        None => Ok(Model::embedded()),
        Some(file) => Model::load(file).context(
            "cannot use the model; give one that `earworm-train export` wrote, or none to use the \
             one built in",
        ),
    }
}
