//! Adam and AdamW with a clipped gradient, a state that can be saved, and a schedule.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, Result, ensure};
use candle_core::{DType, Device, Tensor, Var};

use super::adam::{Moments, Step};

/// What a training is told that does not get anywhere: its numbers have left what can be counted with. The
/// same recipe does so again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Diverged(pub String);

/// Which optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// PyTorch's `Adam`: weight decay is added to the gradient.
    Adam,
    /// PyTorch's `AdamW`: weight decay shrinks the weights and does not pass through the moments.
    AdamW,
}

/// Keeps the steps of each tensor, in the order of their names, in a saved state.
const STEP: &str = "step";

/// Adam or AdamW over the trained values of a network, with PyTorch's defaults β = (0.9, 0.999) and
/// ε = 10⁻⁸.
///
/// On the CPU a step is one pass over the values of each tensor, with the same result bit for bit on
/// any number of threads.
#[derive(Debug)]
pub struct Optimiser {
    kind: Kind,
    trained: BTreeMap<String, (Var, Moments)>,
    weight_decay: f64,
    clip: Option<f64>,
}

impl Optimiser {
    /// An optimiser of `trained`, which it changes in place. Gradients are scaled down to a norm of
    /// `clip`, taken over all tensors together, where they are longer.
    ///
    /// # Errors
    /// When weight decay is negative, `clip` is not positive or the device fails.
    pub fn new(
        kind: Kind,
        trained: &BTreeMap<String, Var>,
        weight_decay: f64,
        clip: Option<f64>,
    ) -> Result<Self> {
        ensure!(weight_decay >= 0.0, "weight decay must not be negative, and is {weight_decay}");
        if let Some(clip) = clip {
            ensure!(clip > 0.0, "gradients must be clipped to a norm above zero, not {clip}");
        }
        let trained = trained
            .iter()
            .map(|(name, var)| Ok((name.clone(), (var.clone(), Moments::of(var)?))))
            .collect::<Result<_>>()?;
        Ok(Self { kind, trained, weight_decay, clip })
    }

    /// One step down the gradient of `loss`; returns the gradient's norm before clipping. Values that
    /// `loss` does not depend on stay as they are, and the step is none of theirs.
    ///
    /// # Errors
    /// [`Diverged`] when the norm is not a finite number, in which case nothing is changed; or the device's.
    pub fn step(&mut self, loss: &Tensor, learning_rate: f64) -> Result<f64> {
        let gradients = loss.backward()?;
        let mut squares = 0.0;
        for (var, _) in self.trained.values() {
            if let Some(gradient) = gradients.get(var) {
                squares += sum_of_squares(gradient)?;
            }
        }
        let norm = squares.sqrt();
        ensure!(
            norm.is_finite(),
            Diverged(format!(
                "the gradient is no longer a number (its norm is {norm}); lower the learning rate, or look \
                 for values in the data that are no numbers"
            ))
        );
        for (var, moments) in self.trained.values_mut() {
            let Some(gradient) = gradients.get(var) else { continue };
            moments.steps = moments.steps.saturating_add(1);
            let mut step = Step::new(moments.steps, learning_rate);
            match self.kind {
                Kind::Adam => step.coupled_decay = self.weight_decay,
                Kind::AdamW => step.shrink = 1.0 - learning_rate * self.weight_decay,
            }
            if let Some(clip) = self.clip {
                // As PyTorch's clip_grad_norm_.
                step.scale = (clip / (norm + 1e-6)).min(1.0);
            }
            step.take(var, gradient, moments)?;
        }
        Ok(norm)
    }

    /// What [`restore`](Self::restore) needs to go on as if never stopped: both moments of every tensor
    /// as `first.NAME` and `second.NAME`, and the steps that each has taken as `step`. They are copies.
    ///
    /// # Errors
    /// When the device fails.
    pub fn state(&self) -> Result<HashMap<String, Tensor>> {
        let mut state = HashMap::new();
        for (name, (_, moments)) in &self.trained {
            state.insert(format!("first.{name}"), moments.first.copy()?.detach());
            state.insert(format!("second.{name}"), moments.second.copy()?.detach());
        }
        let steps: Vec<u32> = self.trained.values().map(|(_, moments)| moments.steps).collect();
        state.insert(STEP.to_owned(), Tensor::new(steps, &Device::Cpu)?);
        Ok(state)
    }

    /// Takes up a [`state`](Self::state) of an optimiser of the same tensors, bit for bit.
    ///
    /// # Errors
    /// When something is missing, too much, or of another shape or type; nothing is changed then.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<()> {
        let find = |name: &str| {
            state.get(name).with_context(|| format!("the optimiser's state has no {name:?}"))
        };
        let steps = find(STEP)?;
        ensure!(
            steps.dims() == [self.trained.len()] && steps.dtype() == DType::U32,
            "the optimiser's state has no number of steps for each tensor in {STEP:?}"
        );
        let mut moves = Vec::new();
        for (name, (_, moments)) in &self.trained {
            for (name, to) in [
                (format!("first.{name}"), &moments.first),
                (format!("second.{name}"), &moments.second),
            ] {
                let from = find(&name)?;
                ensure!(
                    from.shape() == to.shape() && from.dtype() == to.dtype(),
                    "{name:?} in the optimiser's state is {:?} of {:?}, not {:?} of {:?}",
                    from.dims(),
                    from.dtype(),
                    to.dims(),
                    to.dtype()
                );
                moves.push((to, from));
            }
        }
        if let Some(name) = state.keys().find(|name| {
            let of = name.strip_prefix("first.").or_else(|| name.strip_prefix("second."));
            *name != STEP && !of.is_some_and(|name| self.trained.contains_key(name))
        }) {
            anyhow::bail!("{name:?} in the optimiser's state belongs to another network");
        }
        let steps = steps.to_vec1::<u32>()?;
        for (to, from) in moves {
            to.set(&from.to_device(to.device())?)?;
        }
        for ((_, moments), steps) in self.trained.values_mut().zip(steps) {
            moments.steps = steps;
        }
        Ok(())
    }
}

/// The squares of all values, summed in double precision on the CPU.
fn sum_of_squares(gradient: &Tensor) -> Result<f64> {
    /// Sums side by side, so that one need not wait for the other.
    const LANES: usize = 16;
    if !(gradient.device().is_cpu() && gradient.dtype() == DType::F32) {
        let squares = gradient.to_dtype(DType::F32)?.sqr()?;
        return Ok(f64::from(squares.sum_all()?.to_scalar::<f32>()?));
    }
    let sum = super::lstm_layer::with_values([&gradient.contiguous()?], |[values]| {
        let (whole, rest) = values.as_chunks::<LANES>();
        let mut sums = [0.0f64; LANES];
        for values in whole {
            for (sum, &value) in sums.iter_mut().zip(values) {
                *sum += f64::from(value) * f64::from(value);
            }
        }
        let rest = rest.iter().map(|&value| f64::from(value) * f64::from(value));
        sums.into_iter().chain(rest).sum::<f64>()
    })?;
    Ok(sum)
}

#[cfg(test)]
mod tests;
