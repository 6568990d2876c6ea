//! Integrated gradients of networks.

use anyhow::Result;
use candle_core::{D, Tensor, Var};

use super::{PartOfRun, Score, average};
use crate::metrics;
use crate::nn::Network;
use crate::rows_model::Judge;
use crate::run::Task;

/// Points on the way from the average song to each song.
const STEPS: usize = 128;

/// What a feature adds to the scores.
pub(super) struct Attribution {
    /// Mean size.
    pub(super) size: f64,
    /// Spearman correlation with the feature's value.
    pub(super) direction: Option<f64>,
}

/// One a feature; `None` for models that have no gradient.
pub(super) fn attributions(
    parts: &[PartOfRun],
    score: &Score<'_>,
) -> Result<Option<Vec<Attribution>>> {
    let features = parts[0].model.columns.names.len();
    let mut all: Vec<(Vec<f64>, Vec<f64>)> = vec![(vec![], vec![]); features];
    for part in parts {
        let Judge::Network(network) = &part.model.judge else { return Ok(None) };
        let from = average(part);
        for (row, added) in part.rows.iter().zip(of_rows(network.as_ref(), part, score, &from)?) {
            for (feature, (values, sizes)) in all.iter_mut().enumerate() {
                values.push(row[feature]);
                sizes.push(added[feature]);
            }
        }
    }
    let attribution = |(values, added): (Vec<f64>, Vec<f64>)| Attribution {
        size: added.iter().map(|a| a.abs()).sum::<f64>() / added.len().max(1) as f64,
        direction: metrics::spearman(&added, &values),
    };
    Ok(Some(all.into_iter().map(attribution).collect()))
}

/// What each feature of each row adds to its score, compared with the row `from`: the gradient's mean
/// over the way there, times the way. The sum over the features is the difference of the scores.
pub(super) fn of_rows(
    network: &dyn Network,
    part: &PartOfRun,
    score: &Score<'_>,
    from: &[f64],
) -> Result<Vec<Vec<f64>>> {
    let to = part.model.tensor(&part.rows)?;
    let from = part.model.tensor(&vec![from.to_vec(); part.rows.len()])?;
    let way = (&to - &from)?;
    let mut sum = way.zeros_like()?;
    for step in 0..STEPS {
        let at = (step as f64 + 0.5) / STEPS as f64;
        let here = Var::from_tensor(&(&from + (&way * at)?)?)?;
        let raw = network.forward(here.as_tensor(), &[0], None)?.get(0)?;
        let gradients = ranked_by(&raw, score)?.sum_all()?.backward()?;
        if let Some(gradient) = gradients.get(&here) {
            sum = (sum + gradient.detach())?;
        }
    }
    let added = ((sum / STEPS as f64)? * way)?.get(0)?.to_vec2::<f32>()?;
    Ok(added.into_iter().map(|row| row.into_iter().map(f64::from).collect()).collect())
}

/// What songs are ranked by, of raw outputs `[songs, outputs]`; see [`Score::of`].
fn ranked_by(raw: &Tensor, score: &Score<'_>) -> Result<Tensor> {
    let own = raw.narrow(1, score.index, 1)?;
    if score.info.task != Task::Classes {
        return Ok(own);
    }
    let classes = score.info.class_outputs();
    let others: Vec<u32> = (0..classes as u32).filter(|&c| c as usize != score.index).collect();
    let others = raw.index_select(&Tensor::new(others, raw.device())?, 1)?;
    Ok((own - others.log_sum_exp(D::Minus1)?.unsqueeze(1)?)?)
}
