//! The LSTM of seed system A: stacked layers, and a small head that can judge at any frame.
//!
//! The seed's head sees the last hidden state. Ours sees the mean of the hidden states so far: what a
//! song is like shows over its length, the mean is as cheap to carry along, and every frame then has
//! a short way to the loss.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};
use rand::{RngExt, SeedableRng};

use super::lstm_scan::lstm_scan;
use super::running_mean::running_mean;
use crate::{Rng, files};

/// Slope of the head's leaky rectifier below zero, as in the seed.
pub const LEAK: f64 = 0.01;

/// The sizes of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Mel bands of a frame.
    pub bands: usize,
    /// Hidden values of each LSTM layer.
    pub hidden: usize,
    /// LSTM layers.
    pub layers: usize,
    /// Widths of the linear layers before the outputs.
    pub head: Vec<usize>,
    /// Outputs.
    pub classes: usize,
}

/// One LSTM layer: gates in the order input, output, forget, cell.
pub struct Layer {
    /// Input weights `[4 hidden, inputs]`.
    pub input: Var,
    /// Recurrent weights `[4 hidden, hidden]`.
    pub recurrent: Var,
    /// Bias `[4 hidden]`.
    pub bias: Var,
}

/// One linear layer.
pub struct Linear {
    /// Weights `[outputs, inputs]`.
    pub weight: Var,
    /// Bias `[outputs]`.
    pub bias: Var,
}

/// Random numbers and strength of dropout during a training step.
pub struct Dropout<'a> {
    /// Share of values dropped.
    pub share: f64,
    /// Where the draws come from.
    pub rng: &'a mut Rng,
}

impl Dropout<'_> {
    /// Zeroes a share of the values and scales up the rest. The same values of a sequence are dropped
    /// at all steps (`mask` has one step), which regularises recurrent networks better.
    fn apply(&mut self, x: &Tensor, mask: &[usize]) -> Result<Tensor> {
        if self.share <= 0.0 {
            return Ok(x.clone());
        }
        let keep = (1.0 / (1.0 - self.share)) as f32;
        let draws = (0..mask.iter().product::<usize>())
            .map(|_| if self.rng.random_bool(self.share) { 0.0 } else { keep })
            .collect::<Vec<f32>>();
        let mask = Tensor::from_vec(draws, mask, x.device())?;
        Ok(x.broadcast_mul(&mask)?)
    }
}

/// Standardised frames → LSTM layers → linear layers → logits.
pub struct Network {
    /// Its sizes.
    pub shape: Shape,
    /// Mean of each band over the training songs, `[bands]`.
    pub mean: Tensor,
    /// Standard deviation of each band over the training songs, `[bands]`.
    pub deviation: Tensor,
    /// The LSTM layers.
    pub lstm: Vec<Layer>,
    /// The linear layers, outputs last.
    pub head: Vec<Linear>,
}

impl Network {
    /// A network with fresh weights: uniform in ± 1/√hidden as PyTorch draws them, forget gates
    /// opened by a bias of one, and the output bias at the logits of the mean targets.
    ///
    /// # Errors
    /// When the device fails or the sizes do not fit.
    pub fn new(
        shape: &Shape,
        mean: &[f32],
        deviation: &[f32],
        output_bias: &[f32],
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        ensure!(mean.len() == shape.bands && deviation.len() == shape.bands, "one mean a band");
        ensure!(output_bias.len() == shape.classes, "one output bias a class");
        let mut rng = Rng::seed_from_u64(seed);
        let mut uniform = |dims: &[usize], fan: usize| -> Result<Var> {
            let limit = 1.0 / (fan as f32).sqrt();
            let count = dims.iter().product();
            let draws: Vec<f32> = (0..count).map(|_| rng.random_range(-limit..limit)).collect();
            Ok(Var::from_tensor(&Tensor::from_vec(draws, dims, device)?)?)
        };
        let hidden = shape.hidden;
        let mut lstm = Vec::new();
        for layer in 0..shape.layers {
            let inputs = if layer == 0 { shape.bands } else { hidden };
            let mut bias = vec![0.0f32; 4 * hidden];
            bias[2 * hidden..3 * hidden].fill(1.0);
            lstm.push(Layer {
                input: uniform(&[4 * hidden, inputs], hidden)?,
                recurrent: uniform(&[4 * hidden, hidden], hidden)?,
                bias: Var::from_vec(bias, 4 * hidden, device)?,
            });
        }
        let mut head = Vec::new();
        let mut inputs = hidden;
        for &width in &shape.head {
            let bias = Var::zeros(width, DType::F32, device)?;
            head.push(Linear { weight: uniform(&[width, inputs], inputs)?, bias });
            inputs = width;
        }
        let bias = Var::from_slice(output_bias, shape.classes, device)?;
        head.push(Linear { weight: uniform(&[shape.classes, inputs], inputs)?, bias });
        Ok(Self {
            shape: shape.clone(),
            mean: Tensor::from_slice(mean, shape.bands, device)?,
            deviation: Tensor::from_slice(deviation, shape.bands, device)?,
            lstm,
            head,
        })
    }

    /// The trained values by name, in a fixed order.
    pub fn variables(&self) -> BTreeMap<String, &Var> {
        let mut variables = BTreeMap::new();
        for (n, layer) in self.lstm.iter().enumerate() {
            variables.insert(format!("lstm.{n}.input"), &layer.input);
            variables.insert(format!("lstm.{n}.recurrent"), &layer.recurrent);
            variables.insert(format!("lstm.{n}.bias"), &layer.bias);
        }
        for (n, linear) in self.head.iter().enumerate() {
            variables.insert(format!("head.{n}.weight"), &linear.weight);
            variables.insert(format!("head.{n}.bias"), &linear.bias);
        }
        variables
    }

    /// The mean of the last layer's hidden states so far, at every frame, `[steps, batch, hidden]`,
    /// from frames as lanes normalise them, `[steps, batch, bands]`.
    ///
    /// # Errors
    /// When shapes do not fit or the device fails.
    pub fn hidden(&self, frames: &Tensor, mut dropout: Option<Dropout<'_>>) -> Result<Tensor> {
        let (steps, batch, _) = frames.dims3()?;
        let mut x = frames.broadcast_sub(&self.mean)?.broadcast_div(&self.deviation)?;
        for layer in &self.lstm {
            let inputs = x.dim(2)?;
            let flat = x.reshape((steps * batch, inputs))?;
            let projected = flat.matmul(&layer.input.t()?)?.broadcast_add(&layer.bias)?;
            x = lstm_scan(&projected.reshape((steps, batch, ()))?, &layer.recurrent)?;
            if let Some(dropout) = &mut dropout {
                x = dropout.apply(&x, &[1, batch, self.shape.hidden])?;
            }
        }
        Ok(running_mean(&x)?)
    }

    /// Logits, `[n, classes]`, for hidden states `[n, hidden]`.
    ///
    /// # Errors
    /// When shapes do not fit or the device fails.
    pub fn logits(&self, hidden: &Tensor, mut dropout: Option<Dropout<'_>>) -> Result<Tensor> {
        let mut x = hidden.clone();
        for (n, linear) in self.head.iter().enumerate() {
            if n > 0 {
                x = candle_nn::ops::leaky_relu(&x, LEAK)?;
                if let Some(dropout) = &mut dropout {
                    let dims = x.dims().to_vec();
                    x = dropout.apply(&x, &dims)?;
                }
            }
            x = x.matmul(&linear.weight.t()?)?.broadcast_add(&linear.bias)?;
        }
        Ok(x)
    }

    /// Moves every weight towards that of another network of the same shape, keeping the share `keep`
    /// of what it was.
    ///
    /// # Errors
    /// When the device fails.
    pub fn follow(&self, other: &Self, keep: f64) -> Result<()> {
        for (own, new) in self.variables().into_values().zip(other.variables().into_values()) {
            own.set(&((own.as_tensor() * keep)? + (new.as_tensor() * (1.0 - keep))?)?.detach())?;
        }
        Ok(())
    }

    /// Writes the weights as safetensors.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut tensors: HashMap<String, Tensor> =
            self.variables().into_iter().map(|(name, v)| (name, v.as_tensor().clone())).collect();
        tensors.insert("mean".into(), self.mean.clone());
        tensors.insert("deviation".into(), self.deviation.clone());
        files::write_whole(path, |to| Ok(candle_core::safetensors::save(&tensors, to)?))
    }

    /// Reads weights that [`save`](Self::save) wrote for a network of this shape.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit the shape.
    pub fn load(shape: &Shape, path: &Path, device: &Device) -> Result<Self> {
        let read = || -> Result<Self> {
            let tensors = candle_core::safetensors::load(path, device)?;
            let tensor = |name: &str, dims: &[usize]| -> Result<&Tensor> {
                let tensor = tensors.get(name).with_context(|| format!("it has no {name}"))?;
                ensure!(
                    tensor.dims() == dims,
                    "{name} has shape {:?}, not {dims:?}",
                    tensor.dims()
                );
                Ok(tensor)
            };
            let zeros = vec![0.0; shape.bands.max(shape.classes)];
            let (bands, classes) = (&zeros[..shape.bands], &zeros[..shape.classes]);
            let mut network = Self::new(shape, bands, bands, classes, 0, device)?;
            for (name, variable) in network.variables() {
                variable.set(tensor(&name, variable.dims())?)?;
            }
            network.mean = tensor("mean", &[shape.bands])?.clone();
            network.deviation = tensor("deviation", &[shape.bands])?.clone();
            Ok(network)
        };
        read().with_context(|| format!("cannot use the weights {}", path.display()))
    }
}
