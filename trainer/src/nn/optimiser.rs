//! AdamW with a clipped gradient and a schedule.

use anyhow::Result;
use candle_core::{Tensor, Var};
use candle_nn::optim::{AdamW, Optimizer, ParamsAdamW};

/// AdamW over the variables of a network.
pub struct Optimiser {
    variables: Vec<Var>,
    adam: AdamW,
    clip: f64,
}

impl Optimiser {
    /// An optimiser whose gradients are scaled down to a norm of at most `clip`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn new(variables: Vec<Var>, weight_decay: f64, clip: f64) -> Result<Self> {
        let params = ParamsAdamW { weight_decay, ..ParamsAdamW::default() };
        Ok(Self { adam: AdamW::new(variables.clone(), params)?, variables, clip })
    }

    /// One step down the gradient of `loss`; returns the gradient's norm before clipping.
    ///
    /// # Errors
    /// When the device fails.
    pub fn step(&mut self, loss: &Tensor, learning_rate: f64) -> Result<f64> {
        let mut gradients = loss.backward()?;
        let mut squares = 0.0;
        for variable in &self.variables {
            if let Some(gradient) = gradients.get(variable) {
                squares += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
            }
        }
        let norm = squares.sqrt();
        if norm > self.clip {
            let scale = self.clip / norm;
            for variable in &self.variables {
                if let Some(gradient) = gradients.remove(variable) {
                    gradients.insert(variable, (gradient * scale)?);
                }
            }
        }
        self.adam.set_learning_rate(learning_rate);
        self.adam.step(&gradients)?;
        Ok(norm)
    }
}

/// The learning rate at a point of training, `progress` from 0 to 1: a linear rise over the first
/// twentieth, then half a cosine down to a hundredth of `peak`.
pub fn learning_rate_at(progress: f64, peak: f64) -> f64 {
    const RISE: f64 = 0.05;
    const END: f64 = 0.01;
    if progress < RISE {
        return peak * (progress / RISE).max(END);
    }
    let rest = ((progress - RISE) / (1.0 - RISE)).min(1.0);
    peak * (END + (1.0 - END) * 0.5 * (1.0 + (std::f64::consts::PI * rest).cos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_rises_and_falls() {
        assert!(learning_rate_at(0.0, 1.0) < 0.02);
        assert!((learning_rate_at(0.05, 1.0) - 1.0).abs() < 1e-12);
        assert!(learning_rate_at(0.5, 1.0) < 0.6);
        assert!((learning_rate_at(1.0, 1.0) - 0.01).abs() < 1e-12);
    }
}
