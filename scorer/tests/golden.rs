//! Holds every stage of the front end to what librosa and torchaudio computed in double precision;
//! `golden/make_golden.py` made the files.

use std::path::PathBuf;

use earworm_scorer::front_end::{
    FrontEnd, FrontEndSettings, LevelKind, LevelSettings, MelBank, Stft,
};
use serde::Deserialize;

/// Weights of the filter bank, relative to its largest: they are computed in double precision on
/// both sides and only rounded to float32.
const WEIGHT: f32 = 1e-6;

/// Power, relative to the frame's strongest bin or band: the rounding error of a float32 transform
/// is a fixed share of the frame's energy, whichever bin it lands in.
const POWER: f32 = 1e-6;

/// Decibels, by how far a band may lie below the frame's strongest. Because that error is a share
/// of the frame's energy, weak bands beside strong ones get relatively more of it: scipy's float32
/// transform is off by 2.4e-4 dB within 60 dB and 1.7e-3 dB within 80 dB of the same files.
const DECIBELS: [(f32, f32); 2] = [(60.0, 1e-3), (80.0, 5e-3)];

/// Power of the bands that are weaker still, relative to the frame's strongest. Their decibels mean
/// nothing, but they must stay as weak as this beside it.
const WEAK_POWER: f32 = 1e-10;

#[derive(Deserialize)]
struct Golden {
    amin: f32,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    input: String,
    sample_rate: u32,
    n_fft: usize,
    hop: usize,
    n_mels: usize,
    mel_scale: earworm_scorer::front_end::MelScale,
    mel_norm: earworm_scorer::front_end::MelNorm,
    f_min: f32,
    f_max: f32,
}

impl Case {
    fn settings(&self, amin: f32) -> FrontEndSettings {
        FrontEndSettings {
            sample_rate: self.sample_rate,
            n_fft: self.n_fft,
            hop: self.hop,
            n_mels: self.n_mels,
            mel_scale: self.mel_scale,
            mel_norm: self.mel_norm,
            f_min: self.f_min,
            f_max: self.f_max,
            amin,
            level: LevelSettings { kind: LevelKind::None, gate_db: -70.0, floor_db: 100.0 },
        }
    }

    fn samples(&self) -> Vec<f32> {
        floats(&self.input)
    }

    /// A stage of the golden files as rows of `width` values.
    fn rows(&self, stage: &str, width: usize) -> Vec<Vec<f32>> {
        let values = floats(&format!("{}.{stage}.f32", self.name));
        assert_eq!(values.len() % width, 0, "{} {stage}: no whole rows", self.name);
        values.chunks(width).map(<[f32]>::to_vec).collect()
    }

    fn bins(&self) -> usize {
        self.n_fft / 2 + 1
    }

    fn power_spectra(&self) -> Vec<Vec<f32>> {
        let mut frames = Vec::new();
        Stft::new(self.n_fft, self.hop).push(&self.samples(), |power| frames.push(power.to_vec()));
        frames
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(folder().join("golden.json")).unwrap();
    let golden: Golden = serde_json::from_str(&text).unwrap();
    assert_eq!(golden.cases.len(), 5);
    golden
}

fn floats(name: &str) -> Vec<f32> {
    let bytes = std::fs::read(folder().join(name)).unwrap();
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

fn strongest(values: &[f32]) -> f32 {
    values.iter().copied().fold(f32::MIN, f32::max)
}

/// Compares rows, allowing each value an error of `tolerance` times the largest value of its row.
fn assert_rows_close(what: &str, got: &[Vec<f32>], want: &[Vec<f32>], tolerance: f32) {
    assert_eq!(got.len(), want.len(), "{what}: number of rows");
    for (row, (got, want)) in got.iter().zip(want).enumerate() {
        assert_eq!(got.len(), want.len(), "{what}: width");
        let allowed = tolerance * strongest(want);
        for (column, (got, want)) in got.iter().zip(want).enumerate() {
            let off = (got - want).abs();
            assert!(off <= allowed, "{what} at {row}, {column}: {got:e} against {want:e}");
        }
    }
}

#[test]
fn filter_banks_are_theirs() {
    let golden = golden();
    for case in &golden.cases {
        let got = MelBank::new(&case.settings(golden.amin)).to_dense();
        let want = case.rows("filter_bank", case.bins());
        assert_rows_close(&case.name, &[got.concat()], &[want.concat()], WEIGHT);
    }
}

#[test]
fn power_spectra_are_theirs() {
    for case in golden().cases {
        let want = case.rows("stft_power", case.bins());
        assert_rows_close(&case.name, &case.power_spectra(), &want, POWER);
    }
}

#[test]
fn mel_powers_are_theirs() {
    let golden = golden();
    for case in &golden.cases {
        let bank = MelBank::new(&case.settings(golden.amin));
        let got: Vec<_> = (case.power_spectra().iter())
            .map(|power| {
                let mut mel = vec![0.0; case.n_mels];
                bank.apply(power, &mut mel);
                mel
            })
            .collect();
        assert_rows_close(&case.name, &got, &case.rows("mel_power", case.n_mels), POWER);
    }
}

#[test]
fn decibels_are_theirs() {
    let golden = golden();
    for case in &golden.cases {
        let frames = FrontEnd::new(&case.settings(golden.amin)).unwrap().frames_of(&case.samples());
        let want = case.rows("mel_db", case.n_mels);
        assert_eq!(frames.len(), want.len(), "{}: number of frames", case.name);
        for (k, (frame, want)) in frames.iter().zip(&want).enumerate() {
            assert_decibels_close(&format!("{} frame {k}", case.name), frame.mel_db, want);
        }
    }
}

fn assert_decibels_close(what: &str, got: &[f32], want: &[f32]) {
    let top = strongest(want);
    for (band, (&got, &want)) in got.iter().zip(want).enumerate() {
        let close = match DECIBELS.iter().find(|(below, _)| want >= top - below) {
            Some((_, allowed)) => (got - want).abs() <= *allowed,
            None => {
                let share = |db: f32| 10f32.powf((db - top) / 10.0);
                (share(got) - share(want)).abs() <= WEAK_POWER
            }
        };
        assert!(close, "{what} band {band}: {got} dB against {want} dB, strongest {top} dB");
    }
}

#[test]
fn digital_silence_is_the_floor_exactly() {
    let golden = golden();
    for case in &golden.cases {
        let frames = FrontEnd::new(&case.settings(golden.amin)).unwrap().frames_of(&case.samples());
        let want = case.rows("mel_db", case.n_mels);
        let silent = (frames.iter().zip(&want))
            .filter(|(_, want)| want.iter().all(|&db| db == -100.0))
            .inspect(|(frame, _)| assert!(frame.mel_db.iter().all(|&db| db == -100.0)))
            .count();
        assert!(silent > 0, "{}: no silent frame", case.name);
    }
}
