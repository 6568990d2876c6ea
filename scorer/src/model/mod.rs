//! Models: ONNX files of the two contracts, checked before use and run with tract.
//!
//! - streaming: input `mel [batch, frames, bands]` and state tensors `state.<n>.in`, outputs
//!   `score [batch, classes]` and `state.<n>.out`; all states start at zero;
//! - window: input `mel [batch, frames, bands]` of a fixed number of frames, output
//!   `score [batch, classes]`; or, where the metadata's `input` names descriptors, input
//!   `features [batch, 1, names]`, or behind the bands of every mel frame.

mod calibration;
mod check;
mod cost;
mod lstm;
mod metadata;
mod plan;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};
use tract_onnx::prelude::{Framework, Graph, InferenceFact};
use tract_onnx::tract_hir::infer::InferenceOp;

pub use calibration::{Calibration, MOST_POINTS, evidence, logistic};
pub use metadata::{
    CONTRACT_VERSION, Class, Contract, DataSource, FieldError, Input, METADATA_KEY,
    MOST_WINDOW_FRAMES, Metadata, Metric, Task,
};
pub use plan::Session;

use check::StateInfo;
use plan::Plan;

/// Largest model file that is read, in bytes.
pub const LARGEST_FILE: u64 = 512 << 20;

/// Most optimised plans a model keeps; scorers use one or two shapes, comparisons many.
const MOST_PLANS: usize = 8;

/// Why a model cannot be used. Every message names the file, and the field where there is one.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be read.
    #[error("{origin}: {source}")]
    Read {
        /// The file.
        origin: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder or a device, which may have no end.
    #[error("{origin}: is a folder or device, not a file")]
    NoFile {
        /// What was named.
        origin: String,
    },
    /// The file is larger than [`LARGEST_FILE`].
    #[error("{origin}: {bytes} bytes is more than the {LARGEST_FILE} a model may have")]
    TooLarge {
        /// The file.
        origin: String,
        /// Its size.
        bytes: u64,
    },
    /// The content is no ONNX model, or one that cannot be run.
    #[error("{origin}: not a usable ONNX model: {reason}")]
    Onnx {
        /// The file.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// The metadata lack a field or have a wrong one.
    #[error("{origin}: metadata field {field}: {problem}")]
    Metadata {
        /// The file.
        origin: String,
        /// Path of the field.
        field: String,
        /// What is wrong.
        problem: String,
    },
    /// The model failed while running.
    #[error("{origin}: the model failed while running: {reason}")]
    Run {
        /// The file.
        origin: String,
        /// What tract said.
        reason: String,
    },
}

/// A loaded model. Wrap it in an [`Arc`] and share it with any number of scorers.
pub struct Model {
    origin: String,
    path: Option<PathBuf>,
    sha256: String,
    metadata: Metadata,
    states: Vec<StateInfo>,
    graph: Graph<InferenceFact, Box<dyn InferenceOp>>,
    /// Optimised plans by (batch, frames): made once, used by every session of that shape.
    plans: Mutex<HashMap<(usize, usize), Arc<Plan>>>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("origin", &self.origin).field("sha256", &self.sha256).finish()
    }
}

impl Model {
    /// Reads a model file.
    ///
    /// # Errors
    /// See [`ModelError`].
    pub fn load(path: impl AsRef<Path>) -> Result<Arc<Self>, ModelError> {
        let path = path.as_ref();
        let origin = path.display().to_string();
        let read = |source| ModelError::Read { origin: origin.clone(), source };
        let found = std::fs::metadata(path).map_err(read)?;
        if !found.is_file() {
            return Err(ModelError::NoFile { origin });
        }
        let bytes = found.len();
        if bytes > LARGEST_FILE {
            return Err(ModelError::TooLarge { origin, bytes });
        }
        let content = std::fs::read(path).map_err(read)?;
        let model = Self::parse(&content, &origin, Some(path))?;
        // What is run has weights of its own; a large file must not lie in memory beside them.
        drop(content);
        model.tried()
    }

    /// Reads a model from memory; `origin` stands for the file in messages.
    ///
    /// # Errors
    /// See [`ModelError`].
    pub fn from_bytes(content: &[u8], origin: &str) -> Result<Arc<Self>, ModelError> {
        Self::parse(content, origin, None)?.tried()
    }

    /// The model that comes with Earworm, loaded once for the whole process.
    ///
    /// # Panics
    /// Never in a released build: a test loads it.
    pub fn embedded() -> Arc<Self> {
        static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
        let load = || {
            let content = include_bytes!("../../../models/emotify-lstm/model.onnx");
            Self::from_bytes(content, "emotify-lstm (built in)").expect("the built-in model loads")
        };
        MODEL.get_or_init(load).clone()
    }

    /// A model that has not been run yet. All that was read to make it is gone again.
    fn parse(content: &[u8], origin: &str, path: Option<&Path>) -> Result<Arc<Self>, ModelError> {
        let checked = check::check(content).map_err(|e| e.into_model_error(origin))?;
        let graph = plan::guarded(|| {
            let mut onnx = tract_onnx::onnx();
            lstm::register(&mut onnx);
            onnx.model_for_proto_model(&checked.proto).map_err(|e| format!("{e:#}"))
        })
        .map_err(|reason| ModelError::Onnx { origin: origin.to_owned(), reason })?;
        Ok(Arc::new(Self {
            origin: origin.to_owned(),
            path: path.map(Path::to_owned),
            sha256: Sha256::digest(content).iter().map(|b| format!("{b:02x}")).collect(),
            metadata: checked.metadata,
            states: checked.states,
            graph,
            plans: Mutex::default(),
        }))
    }

    /// A model that cannot run one window must fail now, not on the first sound.
    fn tried(self: Arc<Self>) -> Result<Arc<Self>, ModelError> {
        let rows = match self.metadata.contract {
            Contract::Streaming => 1,
            Contract::Window => self.metadata.input_rows(),
        };
        self.session(1, rows)?.run(&vec![0.0; rows * self.metadata.input_width()])?;
        Ok(self)
    }

    /// Where the model came from, for messages.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The file it was read from, unless it came from memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// SHA-256 of the file in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// What the model says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// A running instance that takes `frames` frames of `batch` sequences at a time, states zero. A model
    /// of descriptors takes one row in place of the frames.
    ///
    /// # Errors
    /// When tract cannot run the model in that shape.
    pub fn session(self: &Arc<Self>, batch: usize, frames: usize) -> Result<Session, ModelError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let plan = match plans.get(&(batch, frames)) {
            Some(plan) => plan.clone(),
            None => {
                let plan = Arc::new(Plan::new(self, batch, frames)?);
                if plans.len() == MOST_PLANS {
                    plans.clear();
                }
                plans.insert((batch, frames), plan.clone());
                plan
            }
        };
        drop(plans);
        Session::new(self.clone(), plan)
    }
}
