use super::*;

/// Scrambled values in −1 … 1.
fn values(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

struct Case {
    w: Vec<f32>,
    r: Vec<f32>,
    b: Vec<f32>,
    inputs: usize,
    hidden: usize,
}

impl Case {
    fn new(inputs: usize, hidden: usize) -> Self {
        // As large as networks have them at first. With much larger ones the recurrence is chaotic, and
        // rounding grows from step to step whatever computes it.
        let scale = (hidden as f32).sqrt().recip();
        let scaled = |count, seed| values(count, seed).into_iter().map(|w| w * scale).collect();
        let w: Vec<f32> = scaled(4 * hidden * inputs, 1);
        let r: Vec<f32> = scaled(4 * hidden * hidden, 2);
        Self { w, r, b: values(8 * hidden, 3), inputs, hidden }
    }

    fn layer(&self) -> Layer {
        Layer::new(&self.w, &self.r, &self.b, self.inputs, self.hidden)
    }

    /// ONNX's definition of one sequence, in double precision.
    fn reference(&self, x: &[f32]) -> (Vec<f64>, Vec<f64>) {
        let n = self.hidden;
        let (mut h, mut c) = (vec![0.0f64; n], vec![0.0f64; n]);
        let mut outputs = Vec::new();
        let dot = |row: &[f32], x: &[f64]| -> f64 {
            row.iter().zip(x).map(|(&w, x)| f64::from(w) * x).sum()
        };
        for frame in x.chunks_exact(self.inputs) {
            let frame: Vec<f64> = frame.iter().map(|&x| f64::from(x)).collect();
            let sum = |at: usize| {
                dot(&self.w[at * self.inputs..][..self.inputs], &frame)
                    + dot(&self.r[at * n..][..n], &h)
                    + f64::from(self.b[at])
                    + f64::from(self.b[4 * n + at])
            };
            let sums: Vec<f64> = (0..4 * n).map(sum).collect();
            let step = |x: f64| 1.0 / (1.0 + (-x).exp());
            for i in 0..n {
                c[i] = step(sums[2 * n + i]) * c[i] + step(sums[i]) * sums[3 * n + i].tanh();
                h[i] = step(sums[n + i]) * c[i].tanh();
            }
            outputs.extend_from_slice(&h);
        }
        (outputs, c)
    }
}

/// All of a batch's sequences are the same length; returns outputs `[frames, batch, hidden]`.
fn run(layer: &Layer, x: &[f32], batch: usize, piece: usize) -> (Vec<f32>, Vec<f32>) {
    let (inputs, hidden) = (layer.inputs(), layer.hidden());
    let mut outputs = vec![0.0; x.len() / inputs * hidden];
    let (mut h, mut c) = (vec![0.0; batch * hidden], vec![0.0; batch * hidden]);
    let pieces = x.chunks(piece * batch * inputs);
    for (x, outputs) in pieces.zip(outputs.chunks_mut(piece * batch * hidden)) {
        layer.run(Work { inputs: x, outputs, hidden: &mut h, cells: &mut c });
    }
    (outputs, c)
}

#[test]
fn it_is_onnx_s_definition() {
    for (inputs, hidden) in [(1, 1), (5, 7), (16, 16), (64, 128), (33, 20)] {
        let case = Case::new(inputs, hidden);
        let x = values(40 * inputs, 4);
        let (want, want_cells) = case.reference(&x);
        let (outputs, cells) = run(&case.layer(), &x, 1, 40);
        for (got, want) in outputs.iter().zip(&want).chain(cells.iter().zip(&want_cells)) {
            assert!((f64::from(*got) - want).abs() < 2e-6, "{got} for {want}");
        }
    }
}

#[test]
fn lanes_and_chunks_change_no_bit() {
    let case = Case::new(10, 24);
    let layer = case.layer();
    let frames = 150;
    let lanes: Vec<Vec<f32>> = (0..7).map(|lane| values(frames * 10, 10 + lane)).collect();
    let alone: Vec<_> = lanes.iter().map(|x| run(&layer, x, 1, frames).0).collect();
    for batch in 1..=7 {
        let x: Vec<f32> = (0..frames)
            .flat_map(|t| lanes[..batch].iter().flat_map(move |x| &x[t * 10..(t + 1) * 10]))
            .copied()
            .collect();
        for piece in [1, 2, 16, frames] {
            let (outputs, _) = run(&layer, &x, batch, piece);
            for (at, row) in outputs.chunks_exact(24).enumerate() {
                let (t, lane) = (at / batch, at % batch);
                assert_eq!(row, &alone[lane][t * 24..(t + 1) * 24], "{batch} lanes by {piece}");
            }
        }
    }
}

#[test]
fn the_tangent_is_right_everywhere() {
    struct Tanh(f32);
    impl WithSimd for Tanh {
        type Output = f32;
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            let mut one = [0.0];
            let (dividend, divisor) = tanh(simd, simd.splat_f32s(self.0));
            simd.partial_store_f32s(&mut one, simd.div_f32s(dividend, divisor));
            one[0]
        }
    }
    let arch = Arch::new();
    for step in -20_000..=20_000 {
        let x = step as f32 * 1e-3;
        let got = arch.dispatch(Tanh(x));
        assert!((f64::from(got) - f64::from(x).tanh()).abs() < 3e-7, "{x}: {got}");
    }
    for x in [f32::INFINITY, f32::MAX, f32::MIN_POSITIVE] {
        assert!((arch.dispatch(Tanh(x)) - x.tanh()).abs() < 3e-7);
        assert!((arch.dispatch(Tanh(-x)) + x.tanh()).abs() < 3e-7);
    }
    // What is no number stays so, for the scorer to see.
    assert!(arch.dispatch(Tanh(f32::NAN)).is_nan());
}

/// One step of one sequence of a single cell, from the sums at its gates (input, output, forget, cell).
fn step(gates: [f32; 4], cell_before: f32) -> [f32; 2] {
    struct Step([f32; 4], f32);
    impl WithSimd for Step {
        type Output = [f32; 2];
        #[inline(always)]
        fn with_simd<S: Simd>(self, simd: S) -> [f32; 2] {
            let (mut cells, mut outputs) = ([self.1], [0.0]);
            cell(simd, &self.0, &mut cells, &mut outputs);
            [cells[0], outputs[0]]
        }
    }
    Arch::new().dispatch(Step(gates, cell_before))
}

#[test]
fn a_step_is_right_wherever_gates_and_cells_are() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let tried = [-f32::MAX, -30.0, -9.0, -3.0, -0.5, 0.0, 0.001, 1.0, 8.0, 50.0, f32::INFINITY];
    for places in 0..tried.len().pow(4) {
        let gates = [0, 1, 2, 3].map(|n| tried[places / tried.len().pow(n) % tried.len()]);
        for before in [-100.0, -1.0, 0.0, 0.3, 5.0] {
            let [i, o, f, c] = gates.map(f64::from);
            let cell = sigmoid(f) * f64::from(before) + sigmoid(i) * c.tanh();
            let want = [cell, sigmoid(o) * cell.tanh()];
            let got = step(gates, before);
            for (got, want) in got.into_iter().zip(want) {
                // The scorer's sigmoid of what lies beyond ±16 is 2e-7 off, times the cell.
                let tolerance = 1e-6 + 4e-7 * f64::from(before.abs());
                assert!(
                    (f64::from(got) - want).abs() < tolerance,
                    "{gates:?} {before}: {got} {want}"
                );
            }
        }
    }
    // What is no number stays so, for the scorer to see.
    for place in 0..4 {
        let mut gates = [0.5; 4];
        gates[place] = f32::NAN;
        assert!(step(gates, 0.1)[1].is_nan(), "{place}");
    }
}
