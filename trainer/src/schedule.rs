//! How the step size changes over a training.

use crate::recipe::{ScheduleKind, ScheduleRecipe};

/// Share of the peak that a warm-up starts from and a cosine ends at.
const END: f64 = 0.01;

/// The step size at step `step` of `steps`, of which `per_epoch` make one pass over the songs.
pub fn learning_rate_at(
    schedule: &ScheduleRecipe,
    peak: f64,
    step: usize,
    steps: usize,
    per_epoch: usize,
) -> f64 {
    let progress = step as f64 / steps.max(1) as f64;
    if progress < schedule.warm_up {
        return peak * (progress / schedule.warm_up).max(END);
    }
    match schedule.kind {
        ScheduleKind::Constant => peak,
        ScheduleKind::Cosine => {
            let rest = ((progress - schedule.warm_up) / (1.0 - schedule.warm_up)).min(1.0);
            peak * (END + (1.0 - END) * 0.5 * (1.0 + (std::f64::consts::PI * rest).cos()))
        }
        ScheduleKind::Step => {
            let drops = step / per_epoch.max(1) / schedule.every;
            peak * schedule.factor.powi(i32::try_from(drops).unwrap_or(i32::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_rises_and_falls() {
        let schedule =
            ScheduleRecipe { kind: ScheduleKind::Cosine, warm_up: 0.05, ..Default::default() };
        let at = |step| learning_rate_at(&schedule, 1.0, step, 1000, 100);
        assert!(at(0) < 0.02);
        assert!((at(50) - 1.0).abs() < 1e-12);
        assert!(at(500) < 0.6);
        assert!((at(1000) - 0.01).abs() < 1e-12);
    }

    // torch.optim.lr_scheduler.StepLR(step_size=10, gamma=0.2) at epochs 0, 9, 10, 25.
    #[test]
    fn steps_fall_as_pytorchs() {
        let schedule = ScheduleRecipe {
            kind: ScheduleKind::Step,
            every: 10,
            factor: 0.2,
            ..Default::default()
        };
        for (epoch, expected) in [(0, 1e-4), (9, 1e-4), (10, 2e-5), (25, 4e-6)] {
            let rate = learning_rate_at(&schedule, 1e-4, epoch * 7 + 3, 350, 7);
            assert!((rate - expected).abs() < 1e-15, "{epoch}: {rate}");
        }
    }
}
