//! Fresh weights: drawn one after the other from one seed, in the order the network is built in.

use anyhow::Result;
use candle_core::{Device, Tensor, Var};
use rand::{RngExt, SeedableRng};

use super::Blueprint;
use super::weights::Weights;
use crate::Rng;

/// What fresh values are filled with.
pub(super) enum Fill<'a> {
    /// One value.
    Constant(f32),
    /// Uniform draws from ± the limit.
    Uniform(f32),
    /// Normal draws of this standard deviation around zero.
    Normal(f32),
    /// These values.
    Values(&'a [f32]),
}

/// The limit of PyTorch's default initialisation of weights and biases of linear layers and
/// convolutions: `kaiming_uniform_(a = √5)`, which is uniform in ± 1/√fan-in.
pub(super) fn default_limit(fan_in: usize) -> f32 {
    1.0 / (fan_in.max(1) as f32).sqrt()
}

/// Makes a network's weights.
pub(super) struct Maker<'a> {
    pub(super) blueprint: Blueprint<'a>,
    pub(super) weights: Weights,
    rng: Rng,
}

impl<'a> Maker<'a> {
    pub(super) fn new(blueprint: &Blueprint<'a>) -> Self {
        Self {
            blueprint: *blueprint,
            weights: Weights::default(),
            rng: Rng::seed_from_u64(blueprint.seed),
        }
    }

    pub(super) fn device(&self) -> &'a Device {
        self.blueprint.device
    }

    /// Uniform draws from ± the limit.
    pub(super) fn uniform(&mut self, count: usize, limit: f32) -> Vec<f32> {
        (0..count).map(|_| self.rng.random_range(-limit..limit)).collect()
    }

    /// Normal draws by Box and Muller, two from each pair of uniform ones.
    fn normal(&mut self, count: usize, deviation: f32) -> Vec<f32> {
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            // From above zero, so that the logarithm is finite.
            let u: f32 = 1.0 - self.rng.random::<f32>();
            let angle = std::f32::consts::TAU * self.rng.random::<f32>();
            let radius = deviation * (-2.0 * u.ln()).sqrt();
            values.extend([radius * angle.cos(), radius * angle.sin()]);
        }
        values.truncate(count);
        values
    }

    fn variable(&mut self, dims: &[usize], fill: Fill<'_>) -> Result<Var> {
        let count = dims.iter().product();
        let values = match fill {
            Fill::Constant(value) => vec![value; count],
            Fill::Uniform(limit) => self.uniform(count, limit),
            Fill::Normal(deviation) => self.normal(count, deviation),
            Fill::Values(values) => values.to_vec(),
        };
        Ok(Var::from_tensor(&Tensor::from_vec(values, dims, self.device())?)?)
    }

    /// A value that is trained.
    pub(super) fn trained(&mut self, name: &str, dims: &[usize], fill: Fill<'_>) -> Result<Var> {
        let variable = self.variable(dims, fill)?;
        self.weights.add_trained(name, variable.clone());
        Ok(variable)
    }

    /// A value that is kept with the network but not trained.
    pub(super) fn running(&mut self, name: &str, dims: &[usize], fill: Fill<'_>) -> Result<Var> {
        let variable = self.variable(dims, fill)?;
        self.weights.add_running(name, variable.clone());
        Ok(variable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_draws_have_their_deviation() {
        let blueprint = Blueprint {
            bands: 1,
            beside: 0,
            frames: 1,
            outputs: 1,
            mean: &[0.0],
            deviation: &[1.0],
            output_bias: &[0.0],
            seed: 5,
            device: &Device::Cpu,
        };
        let draws = Maker::new(&blueprint).normal(100_001, 0.5);
        let count = draws.len() as f64;
        let mean = draws.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
        let square = draws.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 0.01 && (square.sqrt() - 0.5).abs() < 0.005, "{mean} {square}");
        let beyond = draws.iter().filter(|x| x.abs() > 0.98).count() as f64 / count;
        assert!((beyond - 0.05).abs() < 0.005, "{beyond} lie beyond 1.96 deviations");
    }
}
