//! Data sets that are built in parts and merged.

use std::path::PathBuf;

use earworm_train::dataset::build::{BuildOptions, build, build_with};
use earworm_train::dataset::merge::merge;
use earworm_train::dataset::{Dataset, FeatureSet, Part};

use crate::features::Moments;
use crate::{SONGS, counts, frames_of, made_songs};

#[test]
fn parts_make_the_same_data_set() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let features = BuildOptions { features: vec![FeatureSet::Descriptors], ..options.clone() };
    build_with(&features, &Moments).unwrap();
    let whole = Dataset::open(&options.out).unwrap();

    let build_part = |index, of| {
        let out = dir.path().join("parts");
        let options = BuildOptions { out, part: Some(Part { index, of }), ..features.clone() };
        build_with(&options, &Moments).unwrap();
        options.folder()
    };
    // More parts than some have songs for.
    let parts: Vec<PathBuf> = (0..9).rev().map(|index| build_part(index, 9)).collect();
    assert!(parts[0].ends_with("part-8-of-9"));
    let out = dir.path().join("merged");
    let report = merge(&parts, &out).unwrap();
    assert_eq!((report.songs, report.skipped), (SONGS as usize, 1));
    let merged = Dataset::open(&out).unwrap();
    merged.verify().unwrap();
    assert_eq!(merged.sha256, whole.sha256);
    assert_eq!(frames_of(&merged), frames_of(&whole));
    assert_eq!(merged.features().unwrap(), whole.features().unwrap());
    assert_eq!(merged.skipped, whole.skipped);

    // Merged once more it is the same byte for byte, and the build goes on from there.
    let again = dir.path().join("again");
    merge(&parts, &again).unwrap();
    for file in ["index.parquet", "tracks.parquet", "features.parquet", "dataset.json"] {
        assert!(std::fs::read(out.join(file)).unwrap() == std::fs::read(again.join(file)).unwrap());
    }
    drop(merged);
    let report = build_with(&BuildOptions { out: again, ..features.clone() }, &Moments).unwrap();
    assert_eq!(counts(&report), (0, SONGS as usize, 1));

    let refused = |parts: &[PathBuf]| {
        let out = dir.path().join("refused");
        let message = format!("{:#}", merge(parts, &out).unwrap_err());
        assert!(!out.exists());
        message
    };
    assert!(refused(&parts[1..]).contains("part 8 of 9 is missing"));
    let twice = [parts.clone(), vec![parts[3].clone()]].concat();
    assert!(refused(&twice).contains("there twice"));
    assert!(refused(std::slice::from_ref(&options.out)).contains("without --shard"));
    let mut others = parts.clone();
    others[2] = build_part(6, 7);
    assert!(refused(&others).contains("different numbers of parts"));
    let plain = BuildOptions {
        out: dir.path().join("plain"),
        part: Some(Part { index: 6, of: 9 }),
        ..options.clone()
    };
    build(&plain).unwrap();
    others[2] = plain.folder();
    assert!(refused(&others).contains("different front-end settings or features"));
    let message = format!("{:#}", merge(&parts, &out).unwrap_err());
    assert!(message.contains("exists"), "{message}");
    // A part whose index was lost is not finished.
    let most =
        parts.iter().max_by_key(|part| Dataset::open(part).map_or(0, |part| part.songs.len()));
    std::fs::remove_file(most.unwrap().join("index.parquet")).unwrap();
    assert!(refused(&parts).contains("is not finished"));
}
