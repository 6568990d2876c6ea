//! `transformer`: an encoder over the frames of a window, judged at a class token.
//!
//! Standardised frames → linear embedding → class token before the first frame → positions → encoder
//! layers as in PyTorch's `TransformerEncoderLayer` (ReLU, layer norm with ε = 10⁻⁵) → the token's
//! values → outputs. Seed system A added the token along the mel axis, as another band of every frame;
//! here it is another position in time, unless `token = "band"` asks for the published form, which judges
//! at the first frame.

use anyhow::{Result, ensure};
use candle_core::{Tensor, Var};

use super::autocast::product;
use super::dropout::dropout;
use super::init::{Fill, Maker, default_limit};
use super::layer_norm::LayerNorm;
use super::linear::Linear;
use super::recipe::{Norm, Positions, Token, TransformerRecipe};
use super::softmax::softmax;
use super::standardise::Standardise;
use super::{Blueprint, Network, Weights};
use crate::Rng;
use crate::onnx::{Attribute, Graph};

/// See the module.
pub(super) struct Transformer {
    weights: Weights,
    standardise: Standardise,
    embedding: Linear,
    /// The class token `[width]`, or `[1]` as a band of every frame.
    token: Var,
    /// Whether it is such a band.
    as_band: bool,
    /// Added to token and frames, `[1 + frames, width]`; `[frames, width]` where it is a band.
    positions: Tensor,
    layers: Vec<EncoderLayer>,
    /// Behind the last layer, where norms come first.
    norm: Option<LayerNorm>,
    head: Linear,
    frames: usize,
    dropout: f64,
}

impl Transformer {
    /// Fresh weights as PyTorch's modules draw them: projections of attention Xavier-uniform with zero
    /// biases, other linear layers uniform in ± 1/√inputs; token and learnt positions normal with
    /// deviation 0.02. (PyTorch's `TransformerEncoder` starts all layers from the same draws; here each
    /// has its own.)
    pub(super) fn new(recipe: &TransformerRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        let maker = &mut Maker::new(blueprint);
        let (frames, width) = (blueprint.frames, recipe.width);
        let as_band = recipe.token == Token::Band;
        let (inputs, count, token) = match as_band {
            true => (blueprint.bands + 1, frames, 1),
            false => (blueprint.bands, frames + 1, width),
        };
        let embedding = Linear::default(maker, "embedding", (inputs, width))?;
        let token = maker.trained("token", &[token], Fill::Normal(0.02))?;
        let positions = match recipe.positions {
            Positions::Sinusoidal => {
                Tensor::from_vec(sinusoidal(count, width), (count, width), blueprint.device)?
            }
            Positions::Learnt => {
                maker.trained("positions", &[count, width], Fill::Normal(0.02))?.as_tensor().clone()
            }
        };
        let layers = (0..recipe.layers)
            .map(|n| EncoderLayer::new(maker, &format!("layers.{n}"), recipe))
            .collect::<Result<_>>()?;
        let norm = match recipe.norm {
            Norm::Pre => Some(LayerNorm::new(maker, "norm", width)?),
            Norm::Post => None,
        };
        let head = Linear::outputs(maker, "head", width, Fill::Uniform(default_limit(width)))?;
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        let dropout = recipe.dropout;
        Ok(Self {
            weights,
            standardise,
            embedding,
            token,
            as_band,
            positions,
            layers,
            norm,
            head,
            frames,
            dropout,
        })
    }
}

/// Vaswani et al. 2017: sines at even places, cosines at odd ones, of wavelengths from 2π to 10⁴ · 2π
/// positions, `[count, width]`.
fn sinusoidal(count: usize, width: usize) -> Vec<f32> {
    let value = |at: usize| {
        let (position, place) = (at / width, at % width);
        let exponent = (place / 2 * 2) as f64 / width as f64;
        let angle = position as f64 / 10_000f64.powf(exponent);
        if place % 2 == 0 { angle.sin() as f32 } else { angle.cos() as f32 }
    };
    (0..count * width).map(value).collect()
}

impl Network for Transformer {
    fn forward(
        &self,
        frames: &Tensor,
        _judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        let (count, batch, _) = frames.dims3()?;
        ensure!(
            count == self.frames,
            "a window of {count} frames was given to a transformer for windows of {}",
            self.frames
        );
        let training = &mut training;
        let frames = self.standardise.forward(frames)?.transpose(0, 1)?.contiguous()?;
        let x = if self.as_band {
            let band = self.token.reshape((1, 1, 1))?.broadcast_as((batch, count, 1))?;
            self.embedding.forward(&Tensor::cat(&[&frames, &band.contiguous()?], 2)?)?
        } else {
            let width = self.token.elem_count();
            let token = self.token.reshape((1, 1, width))?.broadcast_as((batch, 1, width))?;
            Tensor::cat(&[&token.contiguous()?, &self.embedding.forward(&frames)?], 1)?
        };
        let mut x = dropout(&x.broadcast_add(&self.positions)?, self.dropout, training)?;
        for layer in &self.layers {
            x = layer.forward(&x, training)?;
        }
        let mut token = x.narrow(1, 0, 1)?.contiguous()?;
        if let Some(norm) = &self.norm {
            token = norm.forward(&token)?;
        }
        Ok(self.head.forward(&token)?.transpose(0, 1)?.contiguous()?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let x = self.standardise.open_window(graph, (self.frames, outputs))?;
        // A token for each sequence, whatever their number: zeros that are the sum of it and nothing.
        graph.values("zero", &[1], &[0.0]);
        graph.weights("token", &self.token)?;
        for (name, value) in [("start", 0), ("end", 1), ("axis.time", 1), ("axis.band", 2)] {
            graph.integers(name, &[value]);
        }
        let tokens = |graph: &mut Graph, x: &str, axis: &str| {
            let first = graph.apply("Slice", &[x, "start", "end", axis], vec![]);
            let zeros = graph.apply("Mul", &[&first, "zero"], vec![]);
            graph.apply("Add", &[&zeros, "token"], vec![])
        };
        let width = self.embedding.width();
        let x = if self.as_band {
            let band = tokens(graph, x, "axis.band");
            let wider = graph.apply("Concat", &[x, &band], vec![Attribute::int("axis", 2)]);
            self.embedding.write_onnx(graph, "embedding", &wider, width, "embedded")?;
            "embedded".to_owned()
        } else {
            self.embedding.write_onnx(graph, "embedding", x, width, "embedded")?;
            let token = tokens(graph, "embedded", "axis.time");
            graph.apply("Concat", &[&token, "embedded"], vec![Attribute::int("axis", 1)])
        };
        graph.weights("positions", &self.positions)?;
        let mut x = graph.apply("Add", &[&x, "positions"], vec![]);
        for (n, layer) in self.layers.iter().enumerate() {
            x = layer.write_onnx(graph, &format!("layers.{n}"), &x)?;
        }
        let token = graph.apply("Slice", &[&x, "start", "end", "axis.time"], vec![]);
        let mut token = graph.apply("Squeeze", &[&token, "axis.time"], vec![]);
        if let Some(norm) = &self.norm {
            token = norm.write_onnx(graph, "norm", &token)?;
        }
        self.head.write_onnx(graph, "head", &token, outputs, "score")
    }
}

/// One layer: attention and two linear layers, each with a way around it and a norm.
struct EncoderLayer {
    heads: usize,
    /// Queries, keys and values, in this order.
    projection: Linear,
    output: Linear,
    feed_in: Linear,
    feed_out: Linear,
    norms: [LayerNorm; 2],
    norm_first: bool,
    dropout: f64,
}

impl EncoderLayer {
    fn new(maker: &mut Maker<'_>, name: &str, recipe: &TransformerRecipe) -> Result<Self> {
        let (width, wide) = (recipe.width, recipe.feed_forward);
        let part = |part: &str| format!("{name}.{part}");
        // Xavier: √(6 / (fan-in + fan-out)) of the three projections as one matrix.
        let xavier = (6.0 / (4 * width) as f32).sqrt();
        let zeros = || Fill::Constant(0.0);
        let limit = default_limit(width);
        Ok(Self {
            heads: recipe.heads,
            projection: Linear::new(
                maker,
                &part("projection"),
                (width, 3 * width),
                Fill::Uniform(xavier),
                zeros(),
            )?,
            output: Linear::new(
                maker,
                &part("output"),
                (width, width),
                Fill::Uniform(limit),
                zeros(),
            )?,
            feed_in: Linear::default(maker, &part("feed_in"), (width, wide))?,
            feed_out: Linear::default(maker, &part("feed_out"), (wide, width))?,
            norms: [
                LayerNorm::new(maker, &part("norm.0"), width)?,
                LayerNorm::new(maker, &part("norm.1"), width)?,
            ],
            norm_first: recipe.norm == Norm::Pre,
            dropout: recipe.dropout,
        })
    }

    /// `x [batch, positions, width]`.
    fn forward(&self, x: &Tensor, training: &mut Option<&mut Rng>) -> Result<Tensor> {
        let [first, second] = &self.norms;
        if self.norm_first {
            let x = (x + self.attend(&first.forward(x)?, training)?)?;
            Ok((&x + self.feed(&second.forward(&x)?, training)?)?)
        } else {
            let x = first.forward(&(x + self.attend(x, training)?)?)?;
            second.forward(&(&x + self.feed(&x, training)?)?)
        }
    }

    fn attend(&self, x: &Tensor, training: &mut Option<&mut Rng>) -> Result<Tensor> {
        let (batch, count, width) = x.dims3()?;
        let each = width / self.heads;
        // [3, batch, heads, positions, values of a head]
        let parts = self
            .projection
            .forward(x)?
            .reshape(&[batch, count, 3, self.heads, each][..])?
            .permute([2, 0, 3, 1, 4])?;
        let part = |n: usize| parts.get(n)?.contiguous();
        let queries = (part(0)? * (1.0 / (each as f64).sqrt()))?;
        let weights = softmax(&product(&queries, &part(1)?.t()?.contiguous()?)?)?;
        let weights = dropout(&weights, self.dropout, training)?;
        let mixed =
            product(&weights, &part(2)?)?.transpose(1, 2)?.reshape((batch, count, width))?;
        dropout(&self.output.forward(&mixed)?, self.dropout, training)
    }

    fn feed(&self, x: &Tensor, training: &mut Option<&mut Rng>) -> Result<Tensor> {
        let wide = dropout(&self.feed_in.forward(x)?.relu()?, self.dropout, training)?;
        dropout(&self.feed_out.forward(&wide)?, self.dropout, training)
    }

    fn write_onnx(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let part = |part: &str| format!("{name}.{part}");
        let norm = |graph: &mut Graph, n: usize, x: &str| {
            self.norms[n].write_onnx(graph, &part(&format!("norm.{n}")), x)
        };
        if self.norm_first {
            let normed = norm(graph, 0, x)?;
            let attended = self.write_attention(graph, name, &normed)?;
            let x = graph.apply("Add", &[x, &attended], vec![]);
            let normed = norm(graph, 1, &x)?;
            let fed = self.write_feed(graph, name, &normed)?;
            Ok(graph.apply("Add", &[&x, &fed], vec![]))
        } else {
            let attended = self.write_attention(graph, name, x)?;
            let sum = graph.apply("Add", &[x, &attended], vec![]);
            let x = norm(graph, 0, &sum)?;
            let fed = self.write_feed(graph, name, &x)?;
            let sum = graph.apply("Add", &[&x, &fed], vec![]);
            norm(graph, 1, &sum)
        }
    }

    fn write_attention(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let part = |part: &str| format!("{name}.{part}");
        let width = self.output.width();
        let each = width / self.heads;
        let rows = |n: usize| -> Result<(Tensor, Tensor)> {
            let narrow = |t: &Var| t.narrow(0, n * width, width);
            let (weight, bias) = (narrow(&self.projection.weight)?, narrow(&self.projection.bias)?);
            // What scales the queries lies in their projection.
            let scale = if n == 0 { 1.0 / (each as f64).sqrt() } else { 1.0 };
            Ok(((weight * scale)?, (bias * scale)?))
        };
        let shape = part("heads");
        graph.integers(&shape, &[0, 0, self.heads as i64, each as i64]);
        let mut parts = Vec::new();
        for (n, name) in ["queries", "keys", "values"].into_iter().enumerate() {
            let (weight, bias) = rows(n)?;
            let (w, b) = (part(&format!("{name}.w")), part(&format!("{name}.b")));
            graph.weights(&w, &weight.t()?)?;
            graph.weights(&b, &bias)?;
            let product = graph.apply("MatMul", &[x, &w], vec![]);
            let sum = graph.apply("Add", &[&product, &b], vec![]);
            let split = graph.apply("Reshape", &[&sum, &shape], vec![]);
            // Keys stand on their heads already: [batch, heads, values, positions].
            let perm: [i64; 4] = if n == 1 { [0, 2, 3, 1] } else { [0, 2, 1, 3] };
            parts.push(graph.apply("Transpose", &[&split], vec![Attribute::ints("perm", &perm)]));
        }
        let scores = graph.apply("MatMul", &[&parts[0], &parts[1]], vec![]);
        let weights = graph.apply("Softmax", &[&scores], vec![Attribute::int("axis", -1)]);
        let mixed = graph.apply("MatMul", &[&weights, &parts[2]], vec![]);
        let turned =
            graph.apply("Transpose", &[&mixed], vec![Attribute::ints("perm", &[0, 2, 1, 3])]);
        let whole = part("whole");
        graph.integers(&whole, &[0, 0, width as i64]);
        let joined = graph.apply("Reshape", &[&turned, &whole], vec![]);
        let to = part("attended");
        self.output.write_onnx(graph, &part("output"), &joined, width, &to)?;
        Ok(to)
    }

    fn write_feed(&self, graph: &mut Graph, name: &str, x: &str) -> Result<String> {
        let part = |part: &str| format!("{name}.{part}");
        let (wide, to) = (part("wide"), part("fed"));
        self.feed_in.write_onnx(graph, &part("feed_in"), x, self.feed_in.width(), &wide)?;
        let rectified = graph.apply("Relu", &[&wide], vec![]);
        let width = self.feed_out.width();
        self.feed_out.write_onnx(graph, &part("feed_out"), &rectified, width, &to)?;
        Ok(to)
    }
}
