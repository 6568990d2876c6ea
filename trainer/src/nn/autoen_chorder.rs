//! `autoen-chorder`: two autoencoders, one over numbers of the song and one over its sequence of
//! embeddings, whose codes feed linear layers (seed system B); and its four alternatives.
//!
//! The sequence is one of patches of about a second: VGGish embeddings where the data set's frames are
//! such (`model.patch = 1`), else mean and deviation of the mel bands. An LSTM before the encoder brings it
//! to its last state, one behind the decoder steps it out again. The autoencoders are trained first, to give
//! back what they were given, and then go on with the rest.
//!
//! Windows of one batch are equally long, a short song being heard over and over, so sequences need no
//! padding. The weighted loss is [`crate::recipe::LossRecipe::OutlierWeighted`].

use anyhow::Result;
use candle_core::Tensor;

use super::autoencoder::{Autoencoder, Draw, Stack, halving};
use super::beside::Beside;
use super::init::{Fill, Maker};
use super::linear::Linear;
use super::lstm_stack::LstmLayer;
use super::patches::Patches;
use super::recipe::{AutoenChorderRecipe, Variant};
use super::standardise::Standardise;
use super::{Blueprint, Network, Weights, check_frames};
use crate::Rng;
use crate::onnx::{Attribute, Graph};

/// See the module.
pub(super) struct AutoenChorder {
    weights: Weights,
    standardise: Standardise,
    beside: Beside,
    patches: Patches,
    parts: Parts,
    layers: Stack,
    head: Linear,
    frames: usize,
    dropout: f64,
    preparation: usize,
}

/// What each variant makes codes with.
enum Parts {
    /// An autoencoder for the numbers, and one for the sequence.
    Two(Autoencoder, Box<Sequence>),
    /// One autoencoder for the numbers and the mean of the sequence together.
    One(Autoencoder),
    /// An autoencoder for the numbers, and an LSTM that learns the target alone.
    Lstm(Autoencoder, LstmLayer, Linear),
    /// HitMusicNet's autoencoder for the numbers, and the mean of the sequence as it is.
    Mean(Autoencoder),
}

/// The autoencoder of sequences.
struct Sequence {
    before: LstmLayer,
    autoencoder: Autoencoder,
    behind: LstmLayer,
    back: Linear,
}

impl AutoenChorder {
    /// Fresh weights: linear layers after Xavier with biases of 0.1, LSTMs as PyTorch draws them.
    pub(super) fn new(recipe: &AutoenChorderRecipe, blueprint: &Blueprint<'_>) -> Result<Self> {
        let beside = Beside::of("autoen-chorder", blueprint)?;
        let maker = &mut Maker::new(blueprint);
        let (bands, numbers) = (beside.bands, beside.numbers);
        let patches = Patches::of(blueprint.frames, recipe.patch)?;
        let (width, code) = (patches.width(bands), recipe.code);
        let draw = Draw::Xavier;
        let row = |maker: &mut Maker<'_>, inputs: usize, code: usize| {
            Autoencoder::new(maker, "row", &halving(inputs, code, 2), draw)
        };
        let (parts, codes) = match recipe.variant {
            Variant::TwoAutoencoders => {
                let sequence = Sequence {
                    before: lstm(maker, "sequence.before", (width, recipe.hidden))?,
                    autoencoder: Autoencoder::new(
                        maker,
                        "sequence",
                        &halving(recipe.hidden, code, 1),
                        draw,
                    )?,
                    behind: lstm(maker, "sequence.behind", (recipe.hidden, recipe.hidden))?,
                    back: draw.linear(maker, "sequence.back", (recipe.hidden, width))?,
                };
                (Parts::Two(row(maker, numbers, code)?, Box::new(sequence)), 2 * code)
            }
            Variant::SingleAutoencoder => {
                (Parts::One(row(maker, numbers + width, 2 * code)?), 2 * code)
            }
            Variant::LstmAndAutoencoder => {
                let layer = lstm(maker, "lstm", (width, recipe.hidden))?;
                let down = draw.linear(maker, "down", (recipe.hidden, code))?;
                (Parts::Lstm(row(maker, numbers, code)?, layer, down), 2 * code)
            }
            Variant::HitMusicNetAndEmbeddings => {
                let code = (numbers / 5).max(1);
                (Parts::Mean(row(maker, numbers, code)?), code + width)
            }
        };
        let widths = vec![codes; recipe.layers];
        let layers = Stack::new(maker, "layers", &widths, draw, true)?;
        let head = draw.outputs(maker, "head", codes)?;
        let standardise = Standardise::new(maker)?;
        let weights = std::mem::take(&mut maker.weights);
        Ok(Self {
            weights,
            standardise,
            beside,
            patches,
            parts,
            layers,
            head,
            frames: blueprint.frames,
            dropout: recipe.dropout,
            preparation: recipe.preparation,
        })
    }

    /// Patches `[patches, batch, width]` and rows `[batch, numbers]`.
    fn heard(&self, frames: &Tensor) -> Result<(Tensor, Tensor)> {
        check_frames(frames, self.frames)?;
        let (sound, row) = self.beside.apart(frames, &self.standardise)?;
        Ok((self.patches.gather(&sound)?, row))
    }
}

fn lstm(maker: &mut Maker<'_>, name: &str, (inputs, hidden): (usize, usize)) -> Result<LstmLayer> {
    let limit = 1.0 / (hidden as f32).sqrt();
    LstmLayer::new(maker, name, (inputs, hidden), Fill::Uniform(limit))
}

/// The state behind the last step.
fn last(x: &Tensor) -> Result<Tensor> {
    Ok(x.get(x.dim(0)? - 1)?.contiguous()?)
}

impl Sequence {
    fn code(&self, patches: &Tensor) -> Result<Tensor> {
        self.autoencoder.code(&last(&self.before.forward(patches)?)?)
    }

    /// A sequence of as many patches, from its code.
    fn back(&self, code: &Tensor, patches: usize) -> Result<Tensor> {
        let state = self.autoencoder.back(code)?;
        let steps = Tensor::stack(&vec![state; patches], 0)?;
        self.back.forward(&self.behind.forward(&steps)?)
    }
}

impl Network for AutoenChorder {
    fn forward(
        &self,
        frames: &Tensor,
        _judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        let (patches, row) = self.heard(frames)?;
        let codes = match &self.parts {
            Parts::Two(numbers, sequence) => {
                Tensor::cat(&[&numbers.code(&row)?, &sequence.code(&patches)?], 1)?
            }
            Parts::One(both) => both.code(&Tensor::cat(&[&row, &patches.mean(0)?], 1)?)?,
            Parts::Lstm(numbers, layer, down) => {
                let state = down.forward(&last(&layer.forward(&patches)?)?)?;
                Tensor::cat(&[&numbers.code(&row)?, &state], 1)?
            }
            Parts::Mean(numbers) => Tensor::cat(&[&numbers.code(&row)?, &patches.mean(0)?], 1)?,
        };
        let x = self.layers.forward(&codes, self.dropout, &mut training)?;
        Ok(self.head.forward(&x)?.unsqueeze(0)?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn preparation(&self) -> usize {
        self.preparation
    }

    /// The mean squared difference between what autoencoders are given and what they give back.
    fn preparation_loss(&self, frames: &Tensor, _training: &mut Rng) -> Result<Tensor> {
        let (patches, row) = self.heard(frames)?;
        let lost = |autoencoder: &Autoencoder, x: &Tensor| -> Result<Tensor> {
            Ok((autoencoder.back(&autoencoder.code(x)?)? - x)?.sqr()?.mean_all()?)
        };
        match &self.parts {
            Parts::Two(numbers, sequence) => {
                let back = sequence.back(&sequence.code(&patches)?, patches.dim(0)?)?;
                let of_sequence = (back - &patches)?.sqr()?.mean_all()?;
                Ok((lost(numbers, &row)? + of_sequence)?)
            }
            Parts::One(both) => lost(both, &Tensor::cat(&[&row, &patches.mean(0)?], 1)?),
            Parts::Lstm(numbers, ..) | Parts::Mean(numbers) => lost(numbers, &row),
        }
    }

    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        let size = (self.frames, outputs);
        let (sound, row) = self.beside.write_onnx(graph, &self.standardise, size)?;
        let patches = self.patches.write_onnx(graph, &sound, self.beside.bands);
        let mean = |graph: &mut Graph| {
            let over = vec![Attribute::ints("axes", &[0]), Attribute::int("keepdims", 0)];
            graph.apply("ReduceMean", &[&patches], over)
        };
        let join = |graph: &mut Graph, a: &str, b: &str| {
            graph.apply("Concat", &[a, b], vec![Attribute::int("axis", 1)])
        };
        let codes = match &self.parts {
            Parts::Two(numbers, sequence) => {
                let state = write_last(graph, "before", &sequence.before, &patches)?;
                let code = sequence.autoencoder.write_onnx(graph, &state)?;
                let own = numbers.write_onnx(graph, &row)?;
                join(graph, &own, &code)
            }
            Parts::One(both) => {
                let mean = mean(graph);
                let all = join(graph, &row, &mean);
                both.write_onnx(graph, &all)?
            }
            Parts::Lstm(numbers, layer, down) => {
                let state = write_last(graph, "lstm", layer, &patches)?;
                down.write_onnx(graph, "down", &state, down.width(), "down.y")?;
                let own = numbers.write_onnx(graph, &row)?;
                join(graph, &own, "down.y")
            }
            Parts::Mean(numbers) => {
                let own = numbers.write_onnx(graph, &row)?;
                let mean = mean(graph);
                join(graph, &own, &mean)
            }
        };
        let x = self.layers.write_onnx(graph, &codes)?;
        self.head.write_onnx(graph, "head", &x, outputs, "score")
    }
}

/// An LSTM over `x [steps, batch, inputs]` from states of zeros; returns the name of its last state
/// `[batch, hidden]`.
fn write_last(graph: &mut Graph, name: &str, layer: &LstmLayer, x: &str) -> Result<String> {
    let all = layer.write_onnx(graph, name, x)?;
    graph.integers(&format!("{name}.from"), &[-1]);
    graph.integers(&format!("{name}.to"), &[i64::MAX]);
    graph.integers(&format!("{name}.axis"), &[0]);
    let (from, to, axis) = (format!("{name}.from"), format!("{name}.to"), format!("{name}.axis"));
    let last = graph.apply("Slice", &[&all, &from, &to, &axis], vec![]);
    Ok(graph.apply("Squeeze", &[&last, &axis], vec![]))
}
