//! How much a model has to compute, known before it does: a graph of a few nodes could take hours.

use tract_onnx::prelude::{TractResult, TypedModel, TypedNode};
use tract_onnx::tract_core::internal::TDim;
use tract_onnx::tract_core::ops::cnn::{Deconv, MaxPool, PoolSpec, SumPool};
use tract_onnx::tract_core::ops::scan::Scan;

/// Most multiplications that a model may do for one sequence, about ten times as many as VGG11 on a large
/// picture: some seconds.
const MOST: u64 = 1 << 36;

/// Refuses a model that would take too long for this many sequences.
pub(super) fn check(model: &TypedModel, sequences: usize) -> Result<(), String> {
    let most = MOST.saturating_mul(sequences as u64);
    match of(model) {
        Ok(work) if work <= most => Ok(()),
        Ok(work) => Err(format!("it would do {work} multiplications, more than {most}")),
        Err(error) => Err(format!("{error:#}")),
    }
}

fn of(model: &TypedModel) -> TractResult<u64> {
    model.nodes.iter().try_fold(0, |sum: u64, node| Ok(sum.saturating_add(of_node(model, node)?)))
}

fn of_node(model: &TypedModel, node: &TypedNode) -> TractResult<u64> {
    let inputs = model.node_input_facts(node.id)?;
    if let Some(scan) = node.op_as::<Scan>() {
        let steps = scan.iteration_count(&inputs).map_or(u64::MAX, |steps| known(&steps));
        return Ok(steps.saturating_mul(of(&scan.body)?));
    }
    let pool = node.op_as::<MaxPool>().map(|pool| &pool.pool_spec);
    if let Some(spec) = pool.or(node.op_as::<SumPool>().map(|pool| &pool.pool_spec)) {
        return Ok(known(&node.outputs[0].fact.shape.volume()).saturating_mul(taps(spec)));
    }
    if let Some(deconv) = node.op_as::<Deconv>() {
        let spec = &deconv.pool_spec;
        let each = taps(spec).saturating_mul(spec.output_channels as u64) / deconv.group as u64;
        return Ok(known(&inputs[0].shape.volume()).saturating_mul(each));
    }
    let costs = node.op.cost(&inputs)?;
    let computed = costs.iter().filter(|(cost, _)| cost.is_compute());
    Ok(computed.fold(0, |sum, (_, count)| sum.saturating_add(known(count))))
}

fn taps(spec: &PoolSpec) -> u64 {
    spec.kernel_shape.iter().fold(1, |taps: u64, &size| taps.saturating_mul(size as u64))
}

/// A number, which is known once all inputs have their sizes.
fn known(number: &TDim) -> u64 {
    number.as_i64().and_then(|number| u64::try_from(number).ok()).unwrap_or(u64::MAX)
}
