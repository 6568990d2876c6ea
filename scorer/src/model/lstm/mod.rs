//! LSTM layers as one operation.
//!
//! tract runs an LSTM as a scan: a little graph that is entered anew for every frame. Its dispatch, and
//! products of one row at a time, cost more than the arithmetic at the sizes of a meter. So layers of the
//! plain kind (forward, ONNX's default activations, constant weights) become one operation here, and all
//! others stay tract's.

mod kernel;

use std::fmt;
use std::sync::Arc;

use tract_onnx::model::ParsingContext;
use tract_onnx::ops::rec::common::CommonRec;
use tract_onnx::ops::rec::lstm::{LSTM, lstm};
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_core::internal::*;
use tract_onnx::tract_hir;
use tract_onnx::tract_hir::infer::InferenceOp;
use tract_onnx::tract_hir::infer::rules::{InferenceResult, Solver, TensorProxy};
use tract_onnx::tract_hir::ops::expandable::{Expansion, expand};

use kernel::{Layer, Work};

/// The number of ONNX's inputs that an LSTM always has: sound, weights of the inputs and of the states.
const ALWAYS: usize = 3;

/// Makes tract read LSTM layers as operations of this module where they can be.
pub(super) fn register(onnx: &mut tract_onnx::model::Onnx) {
    onnx.op_register.insert("LSTM", parse);
}

fn parse(
    context: &ParsingContext,
    node: &NodeProto,
) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    if !is_plain(node) {
        return lstm(context, node);
    }
    let body = LSTM {
        f: Box::new(tract_hir::ops::nn::sigmoid()),
        g: Box::new(tract_hir::ops::math::tanh()),
        h: Box::new(tract_hir::ops::math::tanh()),
    };
    let common = CommonRec::from_node_and_options(node, ALWAYS, 0, Box::new(body))?;
    Ok((expand(Lstm { common }), vec![]))
}

/// Whether a node asks for nothing but a forward layer with ONNX's default activations, time first.
fn is_plain(node: &NodeProto) -> bool {
    node.attribute.iter().all(|attribute| match attribute.name.as_str() {
        "hidden_size" => true,
        "direction" => attribute.s == b"forward",
        "layout" | "input_forget" => attribute.i == 0,
        _ => false,
    })
}

/// An LSTM node before sizes are known.
#[derive(Debug, Clone)]
struct Lstm {
    common: CommonRec,
}

impl Expansion for Lstm {
    fn name(&self) -> StaticName {
        "Lstm".into()
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.common.nboutputs()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        self.common.rules(solver, inputs, outputs)
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        match self.layer(model, inputs)? {
            Some((op, sources)) => {
                let found = model.wire_node(prefix, op, &sources)?;
                let common = &self.common;
                let places = [
                    common.optional_y_output,
                    common.optional_y_h_output,
                    common.optional_y_c_output,
                ];
                let mut wired: Vec<_> = places
                    .into_iter()
                    .zip(found)
                    .filter_map(|(place, outlet)| Some((place?, outlet)))
                    .collect();
                wired.sort_by_key(|(place, _)| *place);
                Ok(wired.into_iter().map(|(_, outlet)| outlet).collect())
            }
            None => self.common.wire(prefix, model, inputs),
        }
    }
}

impl Lstm {
    /// The operation and what it reads, if the layer is of the plain kind.
    fn layer(
        &self,
        model: &TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<Option<(LstmLayer, TVec<OutletId>)>> {
        let common = &self.common;
        let (Some(h), Some(c)) = (common.optional_initial_h_input, common.optional_initial_c_input)
        else {
            return Ok(None);
        };
        if common.optional_sequence_lens_input.is_some() || common.optional_p_input.is_some() {
            return Ok(None);
        }
        let values = |input: usize| -> TractResult<Option<Vec<f32>>> {
            let fact = model.outlet_fact(inputs[input])?;
            if fact.datum_type != f32::datum_type() {
                return Ok(None);
            }
            let Some(tensor) = &fact.konst else { return Ok(None) };
            let view = tensor.to_plain_array_view::<f32>()?;
            Ok(Some(view.iter().copied().collect()))
        };
        let (Some(w), Some(r)) = (values(1)?, values(2)?) else { return Ok(None) };
        let b = match common.optional_bias_input {
            Some(input) => match values(input)? {
                Some(b) => b,
                None => return Ok(None),
            },
            None => Vec::new(),
        };
        let sizes = [inputs[1], inputs[2]].map(|outlet| {
            let shape = model.outlet_fact(outlet).ok()?.shape.as_concrete()?;
            (shape.len() == 3 && shape[0] == 1).then(|| [shape[1], shape[2]])
        });
        let [Some([gates, width]), Some([gates_too, hidden])] = sizes else { return Ok(None) };
        let fits = gates == 4 * hidden
            && gates_too == gates
            && hidden > 0
            && width > 0
            && (b.is_empty() || b.len() == 8 * hidden);
        if !fits {
            return Ok(None);
        }
        let op = LstmLayer { layer: Arc::new(Layer::new(&w, &r, &b, width, hidden)) };
        Ok(Some((op, tvec!(inputs[0], inputs[h], inputs[c]))))
    }
}

/// A tensor's values in their order.
fn values(tensor: &TValue) -> TractResult<&[f32]> {
    tensor.try_as_plain_ram()?.as_slice()
}

/// A forward LSTM layer. Reads frames `[frames, batch, inputs]` and the states before them, hidden and cells,
/// each `[1, batch, hidden]`; gives what ONNX's LSTM does: `Y`, `Y_h` and `Y_c`.
#[derive(Clone)]
struct LstmLayer {
    layer: Arc<Layer>,
}

impl PartialEq for LstmLayer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.layer, &other.layer)
    }
}

impl Eq for LstmLayer {}

impl fmt::Debug for LstmLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "LstmLayer {{ inputs: {}, hidden: {} }}",
            self.layer.inputs(),
            self.layer.hidden()
        )
    }
}

impl Op for LstmLayer {
    fn name(&self) -> StaticName {
        "LstmLayer".into()
    }

    op_as_typed_op!();
}

impl EvalOp for LstmLayer {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let [x, h, c] = &inputs[..] else { bail!("an LSTM layer reads three tensors") };
        let (width, hidden) = (self.layer.inputs(), self.layer.hidden());
        let &[frames, batch, x_width] = x.shape() else { bail!("frames are of three dimensions") };
        ensure!(
            x_width == width && h.shape() == [1, batch, hidden] && c.shape() == h.shape(),
            "an LSTM layer of {width} to {hidden} was given {:?} and {:?}",
            x.shape(),
            h.shape()
        );
        let state = [1, batch, hidden];
        let mut y = Tensor::zero::<f32>(&[frames, 1, batch, hidden])?;
        let mut h = Tensor::from_shape(&state, values(h)?)?;
        let mut c = Tensor::from_shape(&state, values(c)?)?;
        let x = values(x)?;
        if !x.is_empty() {
            self.layer.run(Work {
                inputs: x,
                outputs: y.try_as_plain_ram_mut()?.as_slice_mut()?,
                hidden: h.try_as_plain_ram_mut()?.as_slice_mut()?,
                cells: c.try_as_plain_ram_mut()?.as_slice_mut()?,
            });
        }
        Ok(tvec!(y.into_tvalue(), h.into_tvalue(), c.into_tvalue()))
    }
}

impl TypedOp for LstmLayer {
    as_op!();

    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let [x, h, c] = inputs else { bail!("an LSTM layer reads three tensors") };
        ensure!(x.rank() == 3 && h.rank() == 3 && c.rank() == 3, "all are of three dimensions");
        let (frames, batch) = (x.shape[0].clone(), x.shape[1].clone());
        let hidden = self.layer.hidden().to_dim();
        let y = [frames, 1.to_dim(), batch, hidden];
        Ok(tvec!(
            f32::datum_type().fact(y),
            f32::datum_type().fact(h.shape.clone()),
            f32::datum_type().fact(c.shape.clone()),
        ))
    }

    fn cost(&self, inputs: &[&TypedFact]) -> TractResult<TVec<(Cost, TDim)>> {
        let rows = inputs[0].shape[0].clone() * &inputs[0].shape[1];
        let each = 4 * self.layer.hidden() * (self.layer.inputs() + self.layer.hidden());
        Ok(tvec!((Cost::FMA(f32::datum_type()), rows * each)))
    }
}
