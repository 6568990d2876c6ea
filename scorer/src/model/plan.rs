//! Running a model: optimised plans, shared by all sessions of one shape, and each session's state.

use std::sync::Arc;

use tract_onnx::prelude::TypedModel;
use tract_onnx::prelude::{
    DatumType, InferenceModelExt, IntoRunnable, IntoTValue, TVec, Tensor, TractError,
    TypedSimplePlan, TypedSimpleState, tvec,
};
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::ops::scan::Scan;
use tract_onnx::tract_hir::infer::InferenceFact;

use super::check::StateInfo;
use super::{Contract, Model, ModelError, cost};
use crate::guard;

/// Most values in one tensor that a model computes, and in all its tensors together: a graph of a few
/// nodes could ask for all memory.
const MOST_VALUES: usize = 1 << 26;
const MOST_VALUES_TOGETHER: usize = 1 << 29;

/// A model optimised for one batch size and one number of frames.
pub(super) struct Plan {
    batch: usize,
    frames: usize,
    runnable: Arc<TypedSimplePlan>,
}

impl Plan {
    pub(super) fn new(model: &Model, batch: usize, frames: usize) -> Result<Self, ModelError> {
        let bands = model.metadata.input_width();
        let runnable = guarded(|| {
            let mut graph = model.graph.clone();
            let fact = |shape: &[usize]| InferenceFact::dt_shape(DatumType::F32, shape);
            graph.set_input_fact(0, fact(&[batch, frames, bands])).map_err(|e| format!("{e:#}"))?;
            for (n, state) in model.states.iter().enumerate() {
                graph
                    .set_input_fact(n + 1, fact(&state.shape_for(batch)))
                    .map_err(|e| format!("{e:#}"))?;
            }
            let mut typed = graph.into_typed().map_err(|e| format!("{e:#}"))?;
            check_sizes(&typed)?;
            cost::check(&typed, batch)?;
            start_scans_from_their_inputs(&mut typed);
            typed
                .into_optimized()
                .and_then(|optimised| optimised.into_runnable())
                .map_err(|e| format!("{e:#}"))
        })
        .map_err(|reason| ModelError::Onnx { origin: model.origin.clone(), reason })?;
        Ok(Self { batch, frames, runnable })
    }
}

/// tract turns LSTM and GRU into scans that, by default, go on from the state of the last call and
/// ignore the initial state that is passed in. ONNX means the opposite, and lanes depend on it.
fn start_scans_from_their_inputs(model: &mut TypedModel) {
    for node in &mut model.nodes {
        if let Some(scan) = node.op_as_mut::<Scan>() {
            scan.reset_every_turn = true;
        }
    }
}

/// All sizes are known by now: what would not fit is refused before it is computed.
fn check_sizes(model: &TypedModel) -> Result<(), String> {
    let mut together = 0usize;
    for node in &model.nodes {
        for output in &node.outputs {
            let values = output.fact.shape.volume().as_i64();
            let values = values.and_then(|v| usize::try_from(v).ok()).unwrap_or(usize::MAX);
            together = together.saturating_add(values);
            // A constant is in memory already: what it may hold was checked before. VGG11 has a matrix
            // of 103 million values.
            let too_large = values > MOST_VALUES && !node.op_is::<Const>();
            if too_large || together > MOST_VALUES_TOGETHER {
                let shape = &output.fact.shape;
                return Err(format!("node {:?} makes too large a tensor: {shape:?}", node.name));
            }
        }
    }
    Ok(())
}

impl StateInfo {
    fn shape_for(&self, batch: usize) -> Vec<usize> {
        let mut shape = self.shape.clone();
        shape[self.batch_axis] = batch;
        shape
    }
}

/// A running instance of a model: a batch of sequences, each with its own state.
pub struct Session {
    model: Arc<Model>,
    plan: Arc<Plan>,
    running: TypedSimpleState,
    states: Vec<StateTensor>,
    scores: Vec<f32>,
}

/// A state tensor's values between two calls. They are kept outside tract, whose tensors may be
/// shared with its plan.
struct StateTensor {
    shape: Vec<usize>,
    values: Vec<f32>,
}

impl Session {
    pub(super) fn new(model: Arc<Model>, plan: Arc<Plan>) -> Result<Self, ModelError> {
        let running = plan.runnable.spawn().map_err(|e| run_error(&model, format!("{e:#}")))?;
        let zero = |state: &StateInfo| {
            let shape = state.shape_for(plan.batch);
            StateTensor { values: vec![0.0; shape.iter().product()], shape }
        };
        let states = model.states.iter().map(zero).collect();
        let scores = vec![0.0; plan.batch * model.metadata.classes.len()];
        Ok(Self { model, plan, running, states, scores })
    }

    /// The model that runs.
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Number of sequences run side by side.
    pub fn batch(&self) -> usize {
        self.plan.batch
    }

    /// Number of frames a call of [`run`](Self::run) takes.
    pub fn frames(&self) -> usize {
        self.plan.frames
    }

    /// Runs `mel` (`[batch, frames, bands]`, or `[batch, 1, names]` descriptors; row-major) and returns
    /// the raw outputs (`[batch, classes]`). A streaming model's states go on from the last call.
    ///
    /// # Errors
    /// When `mel` has another size or tract fails.
    pub fn run(&mut self, mel: &[f32]) -> Result<&[f32], ModelError> {
        let bands = self.model.metadata.input_width();
        let shape = [self.plan.batch, self.plan.frames, bands];
        let Self { model, running, states, scores, .. } = self;
        guarded(|| {
            let text = |e: TractError| format!("{e:#}");
            let mut inputs: TVec<_> =
                tvec!(Tensor::from_shape(&shape, mel).map_err(text)?.into_tvalue());
            for state in states.iter() {
                let tensor = Tensor::from_shape(&state.shape, &state.values).map_err(text)?;
                inputs.push(tensor.into_tvalue());
            }
            let outputs = running.run(inputs).map_err(text)?;
            let targets = std::iter::once(scores).chain(states.iter_mut().map(|s| &mut s.values));
            for (target, output) in targets.zip(&outputs) {
                let plain = output.try_as_plain_ram();
                let values = plain.and_then(|plain| plain.as_slice::<f32>()).map_err(text)?;
                if values.len() != target.len() {
                    return Err(format!("an output has the shape {:?}", output.shape()));
                }
                target.copy_from_slice(values);
            }
            Ok(())
        })
        .map_err(|reason| run_error(model, reason))?;
        Ok(&self.scores)
    }

    /// The raw outputs of the last call of [`run`](Self::run).
    pub(crate) fn scores(&self) -> &[f32] {
        &self.scores
    }

    /// Exchanges states with a session of the same model and number of sequences, which may take another
    /// number of frames: each goes on from where the other had come to.
    ///
    /// # Panics
    /// When the number of sequences differs.
    pub(crate) fn swap_states(&mut self, other: &mut Self) {
        assert_eq!(self.plan.batch, other.plan.batch, "states of as many sequences");
        std::mem::swap(&mut self.states, &mut other.states);
    }

    /// Sets the states of one sequence of the batch back to zero.
    ///
    /// # Panics
    /// When `lane` is not below the batch size.
    pub fn reset_lane(&mut self, lane: usize) {
        assert!(lane < self.plan.batch, "no such lane");
        for (state, info) in self.states.iter_mut().zip(&self.model.states) {
            for outer in 0..info.outer {
                let start = (outer * self.plan.batch + lane) * info.inner;
                state.values[start..start + info.inner].fill(0.0);
            }
        }
    }

    /// Sets all states back to zero.
    pub fn reset(&mut self) {
        (0..self.plan.batch).for_each(|lane| self.reset_lane(lane));
    }

    /// Whether the model carries state from call to call.
    pub fn is_streaming(&self) -> bool {
        self.model.metadata.contract == Contract::Streaming
    }
}

fn run_error(model: &Model, reason: String) -> ModelError {
    ModelError::Run { origin: model.origin.clone(), reason }
}

/// Runs code of tract's that may panic on graphs it did not expect, and turns that into an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    guard::guarded("the inference engine", work)
}
