//! One training step of a stacked LSTM, as often as asked: what `cargo xtask bench --only training`
//! compares with PyTorch (`xtask/bench/train_peer.py`, which does the same and speaks the same way).
//!
//! Arguments: FRAMES BATCH [DEVICE]. For every line on standard input it makes that many steps (forward, backward,
//! AdamW with clipping) and prints of each its milliseconds and its loss, `MS/LOSS`, separated by
//! blanks. The network: 64 standardised bands, three LSTM layers of 128, the last step, a head of 512, 512 and 1
//! with leaky rectifiers; f32, on RAYON_NUM_THREADS threads or on DEVICE (`cuda:0`). Weights and frames come
//! from a generator that the peer has too.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::time::Instant;

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor, Var};
use earworm_train::memory::keep_freed;
use earworm_train::nn::{Kind, Optimiser, lstm_layer, standardise};

const BANDS: usize = 64;
const HIDDEN: usize = 128;
const LAYERS: usize = 3;
const HEAD: usize = 512;

fn main() -> Result<()> {
    keep_freed();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<usize> = arguments.iter().filter_map(|arg| arg.parse().ok()).collect();
    let [frames, batch] = sizes[..] else {
        // As `cargo bench` and `cargo test --benches` call it.
        println!("usage: training FRAMES BATCH [DEVICE]");
        return Ok(());
    };
    let device = earworm_train::device::open(arguments.get(2).map_or("cpu", String::as_str))?;
    let mut network = Network::new(frames, batch, &device)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "ready")?;
    out.flush()?;
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let count: usize = line.trim().parse().with_context(|| format!("no number: {line:?}"))?;
        let mut steps = Vec::new();
        for _ in 0..count {
            let start = Instant::now();
            let loss = network.step()?;
            steps.push(format!("{:.3}/{loss:.7}", 1e3 * start.elapsed().as_secs_f64()));
        }
        writeln!(out, "{}", steps.join(" "))?;
        out.flush()?;
    }
    Ok(())
}

/// Numbers from a generator that the peer has too.
struct Draws {
    state: u32,
}

impl Draws {
    /// Numbers from -limit to limit.
    fn uniform(&mut self, limit: f64, shape: &[usize], device: &Device) -> Result<Tensor> {
        let mut draw = || {
            self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let share = f64::from(self.state >> 8) / f64::from(1 << 24);
            (limit * (2.0 * share - 1.0)) as f32
        };
        let values: Vec<f32> = (0..shape.iter().product::<usize>()).map(|_| draw()).collect();
        Ok(Tensor::from_vec(values, shape, device)?)
    }
}

struct Network {
    frames: Tensor,
    truth: Tensor,
    mean: Tensor,
    deviation: Tensor,
    vars: BTreeMap<String, Var>,
    optimiser: Optimiser,
}

impl Network {
    fn new(frames: usize, batch: usize, device: &Device) -> Result<Self> {
        let mut draws = Draws { state: 1 };
        let mut uniform = |shape: &[usize], fan: usize| -> Result<Var> {
            let limit = 1.0 / (fan as f64).sqrt();
            Ok(Var::from_tensor(&draws.uniform(limit, shape, device)?)?)
        };
        let mut vars = BTreeMap::new();
        for layer in 0..LAYERS {
            let inputs = if layer == 0 { BANDS } else { HIDDEN };
            vars.insert(format!("lstm.{layer}.input"), uniform(&[4 * HIDDEN, inputs], HIDDEN)?);
            vars.insert(format!("lstm.{layer}.recurrent"), uniform(&[4 * HIDDEN, HIDDEN], HIDDEN)?);
            vars.insert(format!("lstm.{layer}.bias"), uniform(&[4 * HIDDEN], HIDDEN)?);
        }
        for (layer, (outputs, inputs)) in
            [(HEAD, HIDDEN), (HEAD, HEAD), (1, HEAD)].into_iter().enumerate()
        {
            vars.insert(format!("head.{layer}.weight"), uniform(&[outputs, inputs], inputs)?);
            vars.insert(format!("head.{layer}.bias"), uniform(&[outputs], inputs)?);
        }
        let optimiser = Optimiser::new(Kind::AdamW, &vars, 0.01, Some(1.0))?;
        let truth = (0..batch).map(|n| (n % 2) as f32).collect::<Vec<_>>();
        Ok(Self {
            frames: (draws.uniform(20.0, &[frames, batch, BANDS], device)? - 20.0)?,
            truth: Tensor::from_vec(truth, batch, device)?,
            mean: Tensor::full(-20.0f32, BANDS, device)?,
            deviation: Tensor::full(10.0f32, BANDS, device)?,
            vars,
            optimiser,
        })
    }

    fn step(&mut self) -> Result<f32> {
        let mut x = standardise(&self.frames, &self.mean, &self.deviation)?;
        let var = |name: String| self.vars[&name].as_tensor();
        for layer in 0..LAYERS {
            x = lstm_layer(
                &x,
                var(format!("lstm.{layer}.input")),
                var(format!("lstm.{layer}.recurrent")),
                var(format!("lstm.{layer}.bias")),
            )?;
        }
        let mut x = x.get(x.dim(0)? - 1)?;
        for layer in 0..3 {
            if layer > 0 {
                x = candle_nn::ops::leaky_relu(&x, 0.01)?;
            }
            let weight = var(format!("head.{layer}.weight"));
            x = x.matmul(&weight.t()?)?.broadcast_add(var(format!("head.{layer}.bias")))?;
        }
        // −y ln p − (1 − y) ln(1 − p) = max(x, 0) − x y + ln(1 + exp(−|x|))
        let x = x.squeeze(1)?.to_dtype(DType::F32)?;
        let tail = (x.abs()?.neg()?.exp()? + 1.0)?.log()?;
        let loss = ((x.relu()? - (&x * &self.truth)?)? + tail)?.mean_all()?;
        self.optimiser.step(&loss, 1e-3)?;
        Ok(loss.to_scalar::<f32>()?)
    }
}
