//! Features and choruses beside the frames.

use anyhow::{Result, bail};
use earworm_train::dataset::build::build_with;
use earworm_train::dataset::{Dataset, FeatureSet, FeatureSource};

use crate::{RATE, SONGS, frames_of, made_songs};

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
    // Another set of features: everything is read again, the frames stay the same.
    options.features.pop();
    assert_eq!(build_with(&options, &Moments).unwrap().built, SONGS as usize);
    let dataset = Dataset::open(&options.out).unwrap();
    assert_eq!(dataset.features().unwrap().unwrap().names, ["length"]);
    assert_eq!(frames_of(&dataset), plain);
}
