//! Features and choruses beside the frames.

use anyhow::{Result, bail};
use earworm_train::dataset::build::{BuildOptions, build_with};
use earworm_train::dataset::{Dataset, FeatureSet, FeatureSource};

use crate::{RATE, SONGS, complaint, counts, frames_of, made_songs, program};

/// Stands for the scorer's features: mean and greatest sample, missing for one song.
pub(super) struct Moments;

impl FeatureSource for Moments {
    fn names(&self, set: FeatureSet) -> Result<Vec<String>> {
        Ok(match set {
            FeatureSet::Descriptors => vec!["mean".to_owned(), "greatest".to_owned()],
            FeatureSet::LowLevel => vec!["length".to_owned()],
        })
    }

    fn extract(&self, samples: &[f32], rate: u32, sets: &[FeatureSet]) -> Result<Vec<f32>> {
        assert_eq!(rate, RATE);
        if samples.len() as u32 == 8 * RATE {
            bail!("a song of eight seconds");
        }
        let mean = samples.iter().sum::<f32>() / samples.len() as f32;
        let greatest = samples.iter().copied().fold(f32::MIN, f32::max);
        Ok(sets
            .iter()
            .flat_map(|set| match set {
                FeatureSet::Descriptors => vec![mean, greatest],
                FeatureSet::LowLevel => vec![samples.len() as f32],
            })
            .collect())
    }

    fn chorus(&self, samples: &[f32], rate: u32, seconds: f64) -> Result<Option<f64>> {
        let length = samples.len() as f64 / f64::from(rate);
        Ok((length > 6.0).then_some(length - seconds))
    }

    fn finds_choruses(&self) -> bool {
        true
    }
}

#[test]
fn features_and_choruses_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.features = vec![FeatureSet::LowLevel, FeatureSet::Descriptors];
    options.chorus = Some(2.5);
    build_with(&options, &Moments).unwrap();
    let dataset = Dataset::open(&options.out).unwrap();
    let features = dataset.features().unwrap().unwrap();
    assert_eq!(features.names, ["mean", "greatest", "length"]);
    for (song, row) in dataset.songs.iter().zip(&features.rows) {
        if song.seconds == 8.0 {
            assert_eq!(row, &[None, None, None]);
        } else {
            assert_eq!(row[2], Some(song.seconds * f64::from(RATE)));
            assert!(row[1].unwrap() > 0.02);
        }
        assert_eq!(song.chorus, (song.seconds > 6.0).then_some(song.seconds - 2.5));
    }
    let plain = frames_of(&dataset);
    drop(dataset);
    // The table belongs to the songs it was made of.
    std::fs::remove_file(options.out.join("features.parquet")).unwrap();
    let message = format!("{:#}", Dataset::open(&options.out).unwrap().features().unwrap_err());
    assert!(message.contains("run `dataset build` again"), "{message}");
    assert_eq!(build_with(&options, &Moments).unwrap().built, 0);
    assert_eq!(Dataset::open(&options.out).unwrap().features().unwrap(), Some(features));
    // Another set of features, if that is asked for: everything is read again, the frames stay the same.
    options.features.pop();
    options.rebuild = true;
    assert_eq!(build_with(&options, &Moments).unwrap().built, SONGS as usize);
    let dataset = Dataset::open(&options.out).unwrap();
    assert_eq!(dataset.features().unwrap().unwrap().names, ["length"]);
    assert_eq!(frames_of(&dataset), plain);
}

/// What took hours is not lost to an option that was forgotten.
#[test]
fn other_options_leave_what_was_read_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.features = vec![FeatureSet::LowLevel, FeatureSet::Descriptors];
    options.chorus = Some(2.5);
    build_with(&options, &Moments).unwrap();
    let whole = frames_of(&Dataset::open(&options.out).unwrap());
    let refused = |other: &BuildOptions| {
        let text = build_with(other, &Moments).unwrap_err().to_string();
        assert!(text.contains(&options.out.display().to_string()), "{text}");
        assert!(text.contains("--rebuild") && text.lines().count() == 1, "{text}");
        text
    };
    let plain = BuildOptions { features: vec![], chorus: None, ..options.clone() };
    let text = refused(&plain);
    assert!(text.contains("with --features descriptors,low-level and --chorus 2.5;"), "{text}");
    let default_frames = BuildOptions { front_end: None, ..options.clone() };
    assert!(refused(&default_frames).contains("with another --front-end;"));
    // The program, which is told of neither, says so in a line as well.
    let mut from_outside = program(&options);
    assert!(complaint(&mut from_outside).contains("--features descriptors,low-level"));

    let dataset = Dataset::open(&options.out).unwrap();
    dataset.verify().unwrap();
    assert!(dataset.features().unwrap().is_some());
    assert_eq!(frames_of(&dataset), whole);
    drop(dataset);
    assert_eq!(counts(&build_with(&options, &Moments).unwrap()), (0, SONGS as usize, 1));

    // One that is asked for goes on by itself when it was stopped.
    let plain = BuildOptions { rebuild: true, ..plain };
    assert_eq!(counts(&build_with(&plain, &Moments).unwrap()), (SONGS as usize, 0, 1));
    let text = build_with(&options, &Moments).unwrap_err().to_string();
    assert!(text.contains("with no --features and no --chorus;"), "{text}");
    let again = BuildOptions { rebuild: false, ..plain };
    assert_eq!(counts(&build_with(&again, &Moments).unwrap()), (0, SONGS as usize, 1));
}

/// Whole songs are held in memory only where something is made of them as a whole.
#[test]
fn songs_that_are_too_long_for_features_are_skipped() {
    let dir = tempfile::tempdir().unwrap();
    let frames = BuildOptions { longest_seconds: Some(7.0), ..made_songs(dir.path()) };
    assert_eq!(counts(&build_with(&frames, &Moments).unwrap()), (SONGS as usize, 0, 1));
    let descriptors = vec![FeatureSet::Descriptors];
    for (name, features, chorus) in [("features", descriptors, None), ("chorus", vec![], Some(2.5))]
    {
        let out = dir.path().join(name);
        let options = BuildOptions { features, chorus, out, ..frames.clone() };
        let report = build_with(&options, &Moments).unwrap();
        // A song of each three has 8 s, and one is not there.
        assert_eq!(counts(&report), (10, 0, 5), "{report}");
        let long = report.skipped.iter().find(|(track, _)| track == "s2").unwrap();
        assert!(long.1.contains("2.wav is longer than 7 s"), "{report}");
        assert!(Dataset::open(&options.out).unwrap().songs.iter().all(|song| song.seconds <= 7.0));
    }
}
