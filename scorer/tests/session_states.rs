//! The states of a session: each lane of a batch has its own, and zero means zero.

mod common;

use common::{Noise, tiny_streaming};

const LANES: usize = 4;
const FRAMES: usize = 2;

/// Mel frames for all lanes, as loud as real ones.
fn input(noise: &mut Noise, bands: usize) -> Vec<f32> {
    (0..LANES * FRAMES * bands).map(|_| 30.0 * noise.sample()).collect()
}

/// How far apart two sessions' outputs are, lane by lane.
fn differences(a: &[f32], b: &[f32]) -> [f32; LANES] {
    let classes = a.len() / LANES;
    std::array::from_fn(|lane| {
        let row = lane * classes..(lane + 1) * classes;
        a[row.clone()].iter().zip(&b[row]).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
    })
}

/// tract's scans carry their state from call to call and ignore the state that is passed in,
/// unless told otherwise (`start_scans_from_their_inputs` in `src/model/plan.rs`). An LSTM that
/// forgets quickly hides that, so the states are looked at right after the reset, and the lanes
/// that were not reset must show that this model does remember.
#[test]
fn a_reset_lane_starts_from_zero() {
    let model = tiny_streaming();
    let bands = model.metadata().front_end.n_mels;
    let mut noise = Noise::new(3);
    let mut used = model.session(LANES, FRAMES).unwrap();
    for _ in 0..5 {
        used.run(&input(&mut noise, bands)).unwrap();
    }
    used.reset_lane(1);
    let mut fresh = model.session(LANES, FRAMES).unwrap();
    for step in 0..32 {
        let mel = input(&mut noise, bands);
        let apart = differences(used.run(&mel).unwrap(), fresh.run(&mel).unwrap());
        assert!(apart[1] <= 1e-6, "step {step}: the reset lane is off by {}", apart[1]);
        if step == 0 {
            for lane in [0, 2, 3] {
                assert!(apart[lane] > 1e-3, "lane {lane} was not reset, but remembers nothing");
            }
        }
    }
}

#[test]
fn a_reset_session_equals_a_new_one() {
    let model = tiny_streaming();
    let bands = model.metadata().front_end.n_mels;
    let mut noise = Noise::new(4);
    let mut used = model.session(LANES, FRAMES).unwrap();
    for _ in 0..5 {
        used.run(&input(&mut noise, bands)).unwrap();
    }
    used.reset();
    let mut fresh = model.session(LANES, FRAMES).unwrap();
    for _ in 0..5 {
        let mel = input(&mut noise, bands);
        assert_eq!(used.run(&mel).unwrap(), fresh.run(&mel).unwrap());
    }
}

/// Sessions of one shape share a plan; they must not share states through it.
#[test]
fn sessions_of_one_plan_do_not_hear_each_other() {
    let model = tiny_streaming();
    let bands = model.metadata().front_end.n_mels;
    let mut noise = Noise::new(5);
    let steps: Vec<_> = (0..6).map(|_| input(&mut noise, bands)).collect();
    let mut alone = model.session(LANES, FRAMES).unwrap();
    let expected: Vec<_> = steps.iter().map(|mel| alone.run(mel).unwrap().to_vec()).collect();

    let mut watched = model.session(LANES, FRAMES).unwrap();
    let mut other = model.session(LANES, FRAMES).unwrap();
    for (mel, expected) in steps.iter().zip(&expected) {
        other.run(&input(&mut noise, bands)).unwrap();
        assert_eq!(watched.run(mel).unwrap(), expected);
    }
}
