//! Losses of raw outputs against targets.

use anyhow::Result;
use candle_core::{D, Tensor};
use candle_nn::ops::log_softmax;

use crate::recipe::LossRecipe;
use crate::run::Task;

/// The weighted mean loss of raw outputs `[positions, batch, outputs]` against targets and weights
/// `[1, batch, outputs]` (as [`crate::targets::Targets`] holds them).
///
/// # Errors
/// When shapes do not fit or the device fails.
pub fn loss(
    recipe: &LossRecipe,
    task: Task,
    raw: &Tensor,
    targets: &Tensor,
    weights: &Tensor,
) -> Result<Tensor> {
    let positions = raw.dim(0)? as f64;
    let losses = match (recipe, task) {
        (LossRecipe::CrossEntropy, Task::Classes) => softmax_focal(raw, targets, 0.0, &[])?,
        (LossRecipe::Focal { gamma, class_weights }, Task::Classes) => {
            softmax_focal(raw, targets, *gamma, class_weights)?
        }
        (LossRecipe::CrossEntropy, _) => sigmoid_cross_entropy(raw, targets)?,
        (LossRecipe::Focal { gamma, class_weights }, _) => {
            sigmoid_focal(raw, targets, *gamma, class_weights)?
        }
        (LossRecipe::Mse, _) => squares(raw, targets, task)?,
        (LossRecipe::OutlierWeighted { mean, deviation, alpha, beta }, _) => {
            let far = ((targets - *mean)? / (alpha * deviation))?;
            squares(raw, targets, task)?.broadcast_mul(&(far.sqr()? / *beta)?.exp()?)?
        }
    };
    // Softmax losses are one a song, spread over its classes: every class has the song's weight.
    let total = match task {
        Task::Classes => weights.max(D::Minus1)?.sum_all()?,
        _ => weights.sum_all()?,
    };
    Ok((losses.broadcast_mul(weights)?.sum_all()?.broadcast_div(&total)? / positions)?)
}

/// `−y ln p − (1 − y) ln(1 − p) = max(x, 0) − x y + ln(1 + exp(−|x|))`, p the sigmoid of x.
fn sigmoid_cross_entropy(raw: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let tail = (raw.abs()?.neg()?.exp()? + 1.0)?.log()?;
    Ok(((raw.relu()? - raw.broadcast_mul(targets)?)? + tail)?)
}

/// Cross-entropy of a yes-or-no target whose two parts are weighted by how wrong the answer is:
/// `w₁ y (1 − p)^γ (−ln p) + w₀ (1 − y) p^γ (−ln(1 − p))`.
fn sigmoid_focal(
    raw: &Tensor,
    targets: &Tensor,
    gamma: f64,
    class_weights: &[f64],
) -> Result<Tensor> {
    let weight = |class: usize| class_weights.get(class).copied().unwrap_or(1.0);
    let tail = (raw.abs()?.neg()?.exp()? + 1.0)?.log()?;
    // ln p = min(x, 0) − tail; ln(1 − p) = min(−x, 0) − tail.
    let ln_yes = (raw.minimum(0.0)? - &tail)?;
    let ln_no = (raw.neg()?.minimum(0.0)? - &tail)?;
    let yes = ((&ln_no * gamma)?.exp()? * &ln_yes)?.broadcast_mul(targets)?;
    let no = ((&ln_yes * gamma)?.exp()? * &ln_no)?.broadcast_mul(&(1.0 - targets)?)?;
    Ok(((yes * weight(1))? + (no * weight(0))?)?.neg()?)
}

/// `Σ w_c y_c (1 − p_c)^γ (−ln p_c)`, p the softmax.
fn softmax_focal(
    raw: &Tensor,
    targets: &Tensor,
    gamma: f64,
    class_weights: &[f64],
) -> Result<Tensor> {
    let ln_p = log_softmax(raw, D::Minus1)?;
    let mut losses = ln_p.neg()?.broadcast_mul(targets)?;
    if gamma > 0.0 {
        // 1 − p is kept above zero, where the power has a slope.
        let rest = (1.0 - ln_p.exp()?)?.clamp(1e-6, 1.0)?;
        losses = (losses * (rest.log()? * gamma)?.exp()?)?;
    }
    if !class_weights.is_empty() {
        let weights: Vec<f32> = class_weights.iter().map(|&w| w as f32).collect();
        losses = losses.broadcast_mul(&Tensor::new(weights, raw.device())?)?;
    }
    Ok(losses)
}

/// Squared error; shares and yes-or-no are compared after the sigmoid.
fn squares(raw: &Tensor, targets: &Tensor, task: Task) -> Result<Tensor> {
    let value = match task {
        Task::Regression => raw.clone(),
        _ => candle_nn::ops::sigmoid(raw)?,
    };
    Ok(value.broadcast_sub(targets)?.sqr()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn value(recipe: &LossRecipe, task: Task, raw: &[f32], targets: &[f32], outputs: usize) -> f32 {
        let batch = raw.len() / outputs;
        let tensor = |v: &[f32]| Tensor::from_slice(v, (1, batch, outputs), &Device::Cpu).unwrap();
        let ones = tensor(&vec![1.0; raw.len()]);
        let loss = loss(recipe, task, &tensor(raw), &tensor(targets), &ones).unwrap();
        loss.to_scalar().unwrap()
    }

    fn near(a: f32, b: f32) {
        assert!((a - b).abs() < 1e-5, "{a} is not {b}");
    }

    // Values from torch.nn.functional: binary_cross_entropy_with_logits, cross_entropy, mse_loss; and
    // torchvision.ops.sigmoid_focal_loss(alpha=-1, gamma=2, reduction="mean").
    #[test]
    fn losses_are_pytorchs() {
        let (x, y) = ([0.5, -1.5, 2.0, 0.0], [1.0, 0.0, 0.0, 0.3]);
        near(value(&LossRecipe::CrossEntropy, Task::Binary, &x, &y, 1), 0.873_891);
        let focal = LossRecipe::Focal { gamma: 2.0, class_weights: vec![] };
        let hard = [1.0, 0.0, 0.0, 1.0];
        near(value(&focal, Task::Binary, &x, &hard, 1), 0.474_410);
        let logits = [1.0, 2.0, 0.5, -1.0, 0.0, 3.0];
        let classes = [0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
        near(value(&LossRecipe::CrossEntropy, Task::Classes, &logits, &classes, 3), 0.265_126);
        near(value(&LossRecipe::Mse, Task::Regression, &x, &y, 1), 1.647_5);
    }

    #[test]
    fn a_focal_loss_without_focus_is_cross_entropy() {
        let focal = |w| LossRecipe::Focal { gamma: 0.0, class_weights: w };
        let (x, y) = ([0.5, -1.5, 2.0, 0.1], [1.0, 0.0, 0.0, 0.3]);
        for task in [Task::Binary, Task::Share] {
            near(
                value(&focal(vec![]), task, &x, &y, 1),
                value(&LossRecipe::CrossEntropy, task, &x, &y, 1),
            );
        }
        let classes = [0.0, 1.0, 1.0, 0.0];
        near(
            value(&focal(vec![2.0, 2.0]), Task::Classes, &x, &classes, 2),
            2.0 * value(&LossRecipe::CrossEntropy, Task::Classes, &x, &classes, 2),
        );
    }

    #[test]
    fn outliers_weigh_more() {
        let recipe =
            LossRecipe::OutlierWeighted { mean: 0.36, deviation: 0.17, alpha: 2.0, beta: 2.0 };
        let far = ((0.9f32 - 0.36) / 0.34).powi(2) / 2.0;
        near(value(&recipe, Task::Regression, &[0.5], &[0.9], 1), 0.16 * far.exp());
        near(value(&recipe, Task::Regression, &[0.5], &[0.36], 1), 0.14f32.powi(2));
    }

    #[test]
    fn every_loss_has_a_finite_slope_at_extreme_logits() {
        let focal = LossRecipe::Focal { gamma: 1.5, class_weights: vec![] };
        for (recipe, task, outputs) in [
            (&focal, Task::Binary, 1),
            (&focal, Task::Classes, 2),
            (&LossRecipe::CrossEntropy, Task::Classes, 2),
            (&LossRecipe::CrossEntropy, Task::Share, 1),
        ] {
            let raw = Var::from_slice(&[80.0f32, -80.0], (1, 2 / outputs, outputs), &Device::Cpu);
            let raw = raw.unwrap();
            let targets =
                Tensor::from_slice(&[0.0f32, 1.0], (1, 2 / outputs, outputs), &Device::Cpu);
            let targets = targets.unwrap();
            let ones = targets.ones_like().unwrap();
            let loss = loss(recipe, task, raw.as_tensor(), &targets, &ones).unwrap();
            let gradients = loss.backward().unwrap();
            let slope = gradients.get(&raw).unwrap().flatten_all().unwrap().to_vec1::<f32>();
            assert!(slope.unwrap().iter().all(|s| s.is_finite()), "{recipe:?} {task:?}");
        }
    }
}
