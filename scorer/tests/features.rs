//! Holds the features of whole songs to librosa's, pyAudioAnalysis' and pychorus';
//! `golden/make_features.py` made the values.

mod common;

use std::path::PathBuf;

use common::songs;
use earworm_scorer::decode::AudioFile;
use earworm_scorer::features::{self, Extractor, FeatureError, FeatureSet, extract, find_chorus};
use earworm_scorer::{Resampler, downmix_interleaved};
use proptest::prelude::*;
use serde::Deserialize;

const RATE: u32 = 22_050;
const BOTH: [FeatureSet; 2] = [FeatureSet::Descriptors, FeatureSet::LowLevel];

/// Largest relative error of everything that has librosa's definition.
const RELATIVE: f64 = 1e-3;
/// Largest error of the chroma of the constant-Q transform, which is 0 to 1 and computed in another
/// way, and of the tonal centroids made from it, −1 to 1.
const CHROMA: f64 = 0.005;
const TONNETZ: f64 = 0.003;
/// Largest relative error of the contrast of a made signal: between its partials there is nothing
/// but the rounding errors of either transform, and their logarithm counts.
const CONTRAST_OF_NOTHING: f64 = 0.05;

#[derive(Deserialize)]
struct Golden {
    seconds: f64,
    made: Vec<Values>,
    songs: Vec<Values>,
    choruses: Choruses,
}

#[derive(Deserialize)]
struct Values {
    name: String,
    samples: usize,
    descriptors: Vec<f64>,
    low_level: Vec<f64>,
}

#[derive(Deserialize)]
struct Choruses {
    clip_seconds: f64,
    found: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    name: String,
    start: f64,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn golden() -> Golden {
    let text = std::fs::read_to_string(folder().join("features.json")).unwrap();
    let golden: Golden = serde_json::from_str(&text).unwrap();
    assert!(golden.made.len() == 2 && golden.songs.len() == 8 && golden.choruses.found.len() > 10);
    golden
}

/// A song of the data set beside the repository, or nothing where that is not there.
fn song(name: &str) -> Option<Vec<f32>> {
    let audio = folder().join("../../../../shared/data/emotify/audio").join(name);
    let mut file = match AudioFile::open(&audio) {
        Ok(file) => file,
        Err(_) if !audio.exists() => {
            eprintln!("skipped: {} is not there", audio.display());
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    let format = file.format();
    let mut resampler = Resampler::new(format.sample_rate, RATE).unwrap();
    let (mut mono, mut samples) = (Vec::new(), Vec::new());
    while let Some(block) = file.next_block().unwrap() {
        downmix_interleaved(block, format.channels, &mut mono);
        resampler.push(&mono, |out| samples.extend_from_slice(out));
    }
    resampler.finish(|out| samples.extend_from_slice(out));
    Some(samples)
}

fn assert_close(golden: &Values, samples: &[f32], contrast: f64) {
    let got = extract(samples, RATE, &BOTH).unwrap();
    let want = [&golden.descriptors[..], &golden.low_level].concat();
    let names: Vec<_> = BOTH.into_iter().flat_map(features::names).collect();
    assert_eq!((got.len(), names.len()), (want.len(), want.len()));
    for ((name, &got), &want) in names.iter().zip(&got).zip(&want) {
        let allowed = match name {
            name if name.starts_with("chroma_cqt") => CHROMA,
            name if name.starts_with("tonnetz") => TONNETZ,
            name if name.starts_with("contrast") => contrast * want.abs(),
            _ => RELATIVE * want.abs(),
        };
        let off = (f64::from(got) - want).abs();
        assert!(off <= allowed, "{}: {name} is {got:e}, not {want:e}", golden.name);
    }
}

#[test]
fn made_signals_have_their_values() {
    for golden in golden().made {
        let bytes = std::fs::read(folder().join(&golden.name)).unwrap();
        let samples: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(samples.len(), golden.samples);
        assert_close(&golden, &samples, CONTRAST_OF_NOTHING);
    }
}

#[test]
fn real_songs_have_their_values() {
    let golden = golden();
    for values in &golden.songs {
        let Some(mut samples) = song(&values.name) else { return };
        samples.truncate((golden.seconds * f64::from(RATE)) as usize);
        assert_eq!(samples.len(), values.samples, "{}", values.name);
        assert_close(values, &samples, RELATIVE);
    }
}

#[test]
fn an_extractor_gives_each_song_the_same_values_whatever_came_before() {
    let long = songs::make(3).samples;
    let short = &long[10_000..60_000];
    let mut extractor = Extractor::new(RATE, &BOTH).unwrap();
    let first = extractor.extract(short).unwrap();
    assert_eq!(first, extract(short, RATE, &BOTH).unwrap());
    extractor.extract(&long).unwrap();
    assert_eq!(first, extractor.extract(short).unwrap());
    let swapped = extract(short, RATE, &[FeatureSet::LowLevel, FeatureSet::Descriptors]).unwrap();
    assert_eq!((&first[..7], &first[7..]), (&swapped[206..], &swapped[..206]));
}

#[test]
fn names_are_unique_and_as_many_as_values() {
    let names: Vec<_> = BOTH.into_iter().flat_map(features::names).collect();
    let unique: std::collections::HashSet<_> = names.iter().collect();
    assert_eq!((names.len(), unique.len()), (213, 213));
    assert_eq!(extract(&[0.1; 3000], RATE, &BOTH).unwrap().len(), 213);
    assert!(extract(&[0.1; 3000], RATE, &[]).unwrap().is_empty());
}

/// A song with nothing above 5 kHz that begins and ends softly, as those that models learn from.
fn song_without_treble(seconds: usize) -> Vec<f32> {
    let samples = seconds * RATE as usize;
    (0..samples)
        .map(|i| {
            let t = i as f64 / f64::from(RATE);
            let swell = (std::f64::consts::PI * i as f64 / samples as f64).sin();
            let partials = (1..=9).map(|n| {
                let hz = 523.25 * f64::from(n);
                (std::f64::consts::TAU * hz * t + f64::from(n)).sin() / f64::from(n)
            });
            (0.2 * swell * partials.sum::<f64>()) as f32
        })
        .collect()
}

/// Models learn from whole songs and listen to windows: a window must not have treble that the song has not.
#[test]
fn a_window_that_is_cut_out_is_like_the_song() {
    let song = song_without_treble(12);
    // Cut where the sound is far from zero.
    let from = (4 * RATE as usize..).find(|&i| song[i] > 0.3).unwrap();
    let mut window = song[from..][..4 * RATE as usize].to_vec();
    let treble = |samples: &[f32]| {
        let values = extract(samples, RATE, &[FeatureSet::LowLevel]).unwrap();
        let at = features::names(FeatureSet::LowLevel).iter().position(|n| n == "mel_127").unwrap();
        values[at]
    };
    let (whole, hard) = (treble(&song), treble(&window));
    features::soften_ends(&mut window);
    let soft = treble(&window);
    assert!(hard > 1e4 * whole, "a hard cut clicks: {hard:e} against {whole:e}");
    assert!(soft < 10.0 * whole, "{soft:e} against {whole:e}");
    assert_eq!(window[RATE as usize], song[from + RATE as usize], "only the ends are changed");
    for length in 0..5 {
        features::soften_ends(&mut vec![1.0; length]);
    }
}

/// Chroma are of notes, not of samples: a chord has the same at every rate.
#[test]
fn a_deep_chord_has_its_chroma_at_every_rate() {
    let chroma = |rate: u32| -> Vec<f64> {
        // C, E and G of the two lowest octaves.
        let notes = [32.7032, 41.2034, 48.9994, 65.4064, 82.4069, 97.9989];
        let sample = |i: usize| {
            let t = i as f64 / f64::from(rate);
            notes.iter().map(|hz| (std::f64::consts::TAU * hz * t).sin()).sum::<f64>() as f32 / 8.0
        };
        let samples: Vec<f32> = (0..8 * rate as usize).map(sample).collect();
        let all = extract(&samples, rate, &BOTH[1..]).unwrap();
        let names = features::names(BOTH[1]);
        let is_chroma = |name: &str| name.starts_with("chroma_cqt_");
        let chosen = names.iter().zip(all).filter(|(name, _)| is_chroma(name));
        chosen.map(|(_, value)| f64::from(value)).collect()
    };
    let usual = chroma(RATE);
    assert_eq!(usual.len(), 12);
    // At 192 kHz, where frames of 2048 samples last 11 ms, it is further off: 0.04.
    for (rate, allowed) in
        [(32_000, 0.02), (44_100, 0.02), (48_000, 0.02), (96_000, 0.02), (192_000, 0.05)]
    {
        let most = chroma(rate).iter().zip(&usual).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(most < allowed, "{rate} Hz: off by {most}");
    }
}

#[test]
fn silence_and_direct_current_are_finite() {
    for level in [0.0, 1e-20, 1.0] {
        for length in [1, 511, 2048, 40_000] {
            let values = extract(&vec![level; length], RATE, &BOTH).unwrap();
            assert!(values.iter().all(|x| x.is_finite()), "{level} for {length}: {values:?}");
        }
    }
    let silence = extract(&[0.0; 40_000], RATE, &[FeatureSet::Descriptors]).unwrap();
    // The mean of 20 coefficients of −100 dB in every band.
    let mfcc = -100.0 * 128f32.sqrt() / 20.0;
    assert_eq!(silence[..6], [0.0; 6]);
    assert!((silence[6] - mfcc).abs() < 1e-3, "{silence:?}");
}

#[test]
fn bad_input_is_refused() {
    assert_eq!(extract(&[], RATE, &BOTH), Err(FeatureError::Empty));
    for bad in [f32::NAN, f32::INFINITY, f32::MAX, -10_001.0] {
        assert_eq!(extract(&[0.0, bad], RATE, &BOTH), Err(FeatureError::NotAudio(1)));
    }
    for (rate, sets, lowest) in
        [(0, &BOTH[..1], 8_000), (7_999, &BOTH[..1], 8_000), (12_800, &BOTH[..], 12_801)]
    {
        assert_eq!(extract(&[0.0], rate, sets), Err(FeatureError::SampleRate { rate, lowest }));
    }
    assert!(extract(&[0.0], u32::MAX, &BOTH).is_err());
    for rate in [8_000, 192_000] {
        assert!(extract(&[0.5; 5000], rate, &BOTH[..1]).is_ok(), "{rate}");
    }
    for rate in [12_801, 16_000, 44_100, 48_000, 192_000] {
        let values = extract(&[0.5; 5000], rate, &BOTH).unwrap();
        assert!(values.iter().all(|x| x.is_finite()), "{rate}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_signal_has_finite_features(
        samples in prop::collection::vec(-1.0f32..1.0, 1..6000),
        scale in prop::sample::select(vec![1e-30f32, 1e-10, 1e-3, 1.0, 1e4]),
    ) {
        let samples: Vec<f32> = samples.iter().map(|x| x * scale).collect();
        let values = extract(&samples, RATE, &BOTH).unwrap();
        prop_assert!(values.iter().all(|x| x.is_finite()), "{values:?}");
    }

    #[test]
    fn a_chorus_lies_within_the_signal(
        samples in prop::collection::vec(-1.0f32..1.0, 0..3000),
        repeats in 1usize..40,
        rate in prop::sample::select(vec![0u32, 999, 1000, 8_000, 22_050, 192_000]),
        seconds in prop::sample::select(vec![f64::NAN, -1.0, 0.0, 1e-9, 0.3, 2.0, 1e9, f64::INFINITY]),
    ) {
        let samples = samples.repeat(repeats);
        if let Some(chorus) = find_chorus(&samples, rate, seconds) {
            let length = samples.len() as f64 / f64::from(rate);
            prop_assert!(0.0 <= chorus.start && chorus.end <= length, "{chorus:?}");
            prop_assert!(chorus.strength.is_finite());
        }
    }
}

#[test]
fn no_chorus_in_what_is_no_song() {
    assert_eq!(find_chorus(&[f32::NAN; 500_000], RATE, 10.0), None);
    assert_eq!(find_chorus(&[0.1; 300_000], RATE, 10.0), None, "too short for two");
    assert_eq!(find_chorus(&[0.0; 900_000], RATE, 10.0), None, "silence");
}

#[test]
fn choruses_of_made_songs_are_found_to_a_quarter_of_a_second() {
    for seed in 0..9 {
        let song = songs::make(seed);
        let found = find_chorus(&song.samples, RATE, 10.0);
        let found = found.unwrap_or_else(|| panic!("song {seed}: nothing found"));
        let off =
            |c: &std::ops::Range<f64>| (found.start - c.start).abs().max((found.end - c.end).abs());
        let nearest = song.choruses.iter().map(off).fold(f64::MAX, f64::min);
        assert!(nearest <= 0.25, "song {seed}: {found:?}, but {:?}", song.choruses);
    }
}

#[test]
fn choruses_of_real_songs_are_where_pychorus_finds_them() {
    let golden = golden().choruses;
    for found in &golden.found {
        let Some(samples) = song(&found.name) else { return };
        let ours = find_chorus(&samples, RATE, golden.clip_seconds);
        let close = ours.is_some_and(|ours| (ours.start - found.start).abs() <= 2.0);
        assert!(close, "{}: {ours:?}, pychorus {}", found.name, found.start);
    }
}
