//! Dropout.

use anyhow::Result;
use candle_core::Tensor;
use rand::RngExt;

use super::elementwise::sequence_mask;
use crate::Rng;

/// Random numbers and strength of dropout during a training step.
pub struct Dropout<'a> {
    /// Share of values dropped.
    pub share: f64,
    /// Where the draws come from.
    pub rng: &'a mut Rng,
}

impl Dropout<'_> {
    /// Zeroes a share of the values and scales up the rest. Axes on which `mask` has one entry share
    /// their draws: with one step, the same values of a sequence are dropped at all steps.
    ///
    /// # Errors
    /// When the mask does not fit or the device fails.
    pub fn apply(&mut self, x: &Tensor, mask: &[usize]) -> Result<Tensor> {
        if self.share <= 0.0 {
            return Ok(x.clone());
        }
        let keep = (1.0 / (1.0 - self.share)) as f32;
        let draws = (0..mask.iter().product::<usize>())
            .map(|_| if self.rng.random_bool(self.share) { 0.0 } else { keep })
            .collect::<Vec<f32>>();
        Ok(match *mask {
            [1, batch, width] if x.rank() == 3 => {
                sequence_mask(x, &Tensor::from_vec(draws, (batch, width), x.device())?)?
            }
            _ => x.broadcast_mul(&Tensor::from_vec(draws, mask, x.device())?)?,
        })
    }
}

/// Dropout of each value by itself, while training.
pub(super) fn dropout(x: &Tensor, share: f64, training: &mut Option<&mut Rng>) -> Result<Tensor> {
    match training {
        Some(rng) => Dropout { share, rng }.apply(x, x.dims()),
        None => Ok(x.clone()),
    }
}
