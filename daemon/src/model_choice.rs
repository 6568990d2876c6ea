//! Which model a command uses.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use earworm_scorer::Model;
use earworm_scorer::model::ModelError;

use crate::exit::{Failure, describe};

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

/// The same for a configuration, which cannot be used with a file that is no model: a service that is started
/// again and again finds the same one. A file that cannot be read may be on a drive that is not there yet.
pub(crate) fn load_configured(file: Option<&Path>) -> anyhow::Result<Arc<Model>> {
    load(file).map_err(|error| match error.downcast_ref::<ModelError>() {
        Some(ModelError::Read { .. }) => error,
        _ => Failure::configuration(describe(&error)).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configured_model_that_cannot_be_used_has_the_code_of_the_configuration() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("own.onnx");
        let refused = || load_configured(Some(&file)).err().unwrap();
        let missing = refused();
        assert!(missing.downcast_ref::<Failure>().is_none(), "it may come: {missing:#}");
        let folder = load_configured(Some(dir.path())).err().unwrap();
        assert!(folder.downcast_ref::<Failure>().is_some(), "no drive will mend that");
        std::fs::write(&file, "no model").unwrap();
        let error = refused();
        let failure = error.downcast_ref::<Failure>().expect("it has a code");
        assert_eq!(failure.code(), 3);
        assert!(failure.to_string().contains("own.onnx"), "{failure}");
    }
}
