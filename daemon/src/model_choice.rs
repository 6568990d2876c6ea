//! Which model a command uses.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use earworm_scorer::Model;

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
