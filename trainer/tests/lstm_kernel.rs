//! The CUDA kernels of the LSTM layer, run on the CPU: what they compute is what Candle's own operations
//! compute, however weights are kept and sequences shared out. Whether a GPU runs them as fast as it
//! should is another matter, for which one is needed.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use candle_core::{Device, Tensor, Var};
use earworm_train::nn::lstm_steps;
use rand::{RngExt, SeedableRng};

/// What the kernels are compiled for.
#[derive(Debug, Clone, Copy)]
struct Build {
    hidden: usize,
    sequences: usize,
    registers: usize,
    shared: usize,
}

fn compiled(build: Build, folder: &Path) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = folder.join("lstm");
    let kernel = here.join("src/nn/lstm_layer/cuda/recurrence.cu");
    let mut cc = Command::new("cc");
    cc.args(["-std=gnu11", "-O1", "-Wall", "-Werror", "-Wno-unknown-pragmas"]);
    let Build { hidden, sequences, registers, shared } = build;
    for (name, value) in
        [("HIDDEN", hidden), ("SEQUENCES", sequences), ("REGISTERS", registers), ("SHARED", shared)]
    {
        cc.arg(format!("-D{name}={value}"));
    }
    cc.arg(format!("-DKERNEL=\"{}\"", kernel.display()));
    cc.arg(here.join("tests/lstm_on_cpu.c")).arg("-o").arg(&program).arg("-lm");
    assert!(cc.status().expect("a C compiler, which Rust needs as well").success(), "{build:?}");
    program
}

/// Hidden states, and the gradient by `projected`, as the kernels compute them.
fn run(
    program: &Path,
    (steps, batch, hidden): (usize, usize, usize),
    order: &str,
    inputs: &[&Tensor],
) -> [Vec<f32>; 2] {
    let mut child = Command::new(program)
        .args([&steps.to_string(), &batch.to_string(), order])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut bytes = Vec::new();
    for tensor in inputs {
        for value in values(tensor) {
            bytes.extend(value.to_ne_bytes());
        }
    }
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&bytes).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{order}");
    let mut values: Vec<f32> =
        output.stdout.chunks_exact(4).map(|b| f32::from_ne_bytes(b.try_into().unwrap())).collect();
    assert_eq!(values.len(), steps * batch * 5 * hidden);
    let sums = values.split_off(steps * batch * hidden);
    [values, sums]
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.contiguous().unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn drawn(dims: &[usize], limit: f32, rng: &mut rand_chacha::ChaCha8Rng) -> Tensor {
    let values: Vec<f32> =
        (0..dims.iter().product()).map(|_| rng.random_range(-limit..limit)).collect();
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
}

fn furthest(ours: &[f32], theirs: &[f32]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let off = ours.iter().zip(theirs).map(|(a, b)| if a == b { 0.0 } else { (a - b).abs() });
    // A NaN must not get lost in `max`.
    off.fold(0.0, |most, off| if off <= most { most } else { off })
}

fn agree(build: Build, (steps, batch): (usize, usize)) {
    let hidden = build.hidden;
    let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(7);
    let projected = drawn(&[steps, batch, 4 * hidden], 2.0, rng);
    let recurrent = drawn(&[4 * hidden, hidden], 2.0 / (hidden as f32).sqrt(), rng);
    let gradient = drawn(&[steps, batch, hidden], 1.0, rng);

    let sums = Var::from_tensor(&projected).unwrap();
    let expected = lstm_steps(&sums, &recurrent).unwrap();
    let loss = (&expected * &gradient).unwrap().sum_all().unwrap();
    let by_sums = loss.backward().unwrap().remove(&sums).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let program = compiled(build, folder.path());
    let transposed = recurrent.t().unwrap();
    let inputs = [&projected, &transposed, &recurrent, &gradient];
    let sizes = (steps, batch, hidden);
    let rising = run(&program, sizes, "rising", &inputs);
    let falling = run(&program, sizes, "falling", &inputs);
    assert!(rising == falling, "{build:?}: threads do not wait for each other");
    let (forward, back) =
        (furthest(&rising[0], &values(&expected)), furthest(&rising[1], &values(&by_sums)));
    assert!(forward < 2e-6, "{build:?}, {steps} steps of {batch}: off by {forward}");
    assert!(back < 2e-5, "{build:?}, {steps} steps of {batch}: gradient off by {back}");
}

#[test]
fn the_kernels_compute_the_layer() {
    // All weights in registers; in shared memory; read again; of each some.
    for (registers, shared) in [(32, 0), (0, 32), (0, 0), (12, 8)] {
        agree(Build { hidden: 32, sequences: 1, registers, shared }, (9, 3));
    }
}

#[test]
fn sequences_share_blocks() {
    // The last block has sequences that are not there; one step has no step before it.
    for (sequences, steps, batch) in [(2, 5, 5), (3, 1, 4), (4, 6, 2), (4, 3, 8)] {
        agree(Build { hidden: 20, sequences, registers: 8, shared: 8 }, (steps, batch));
    }
}

#[test]
fn the_published_layer_over_many_steps() {
    agree(Build { hidden: 128, sequences: 1, registers: 76, shared: 52 }, (120, 2));
}
