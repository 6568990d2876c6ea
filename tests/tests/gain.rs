//! A mix at −12 dB is the same song: gain within ±12 dB moves the score by less than 3 points.

mod common;

use std::path::{Path, PathBuf};

use earworm_scorer::decode::AudioFile;
use earworm_scorer::{Model, Scorer, ScorerOptions};

/// Largest change of a score that is allowed, in points.
const ALLOWED: f32 = 3.0;
/// Real songs tried, spread over the data set.
const SONGS: usize = 24;

/// Integrated and window score of a song, made louder or softer.
fn scores(path: &Path, gain_db: f32) -> (f32, f32) {
    let gain = 10f32.powf(gain_db / 20.0);
    let mut file = AudioFile::open(path).unwrap();
    let format = file.format();
    let mut scorer =
        Scorer::new(Model::embedded(), format.sample_rate, ScorerOptions::FILE).unwrap();
    while let Some(block) = file.next_block().unwrap() {
        let block: Vec<f32> = block.iter().map(|sample| sample * gain).collect();
        scorer.push_interleaved(&block, format.channels, &mut ()).unwrap();
    }
    scorer.finish(&mut ()).unwrap();
    let reading = scorer.reading();
    (reading.integrated.expect("a song has a score"), reading.window.expect("and a last window"))
}

fn check(songs: &[PathBuf]) {
    let mut worst = 0.0f32;
    for song in songs {
        let (integrated, window) = scores(song, 0.0);
        for gain_db in [-12.0, -6.0, 6.0, 12.0] {
            let (i, w) = scores(song, gain_db);
            let change = (i - integrated).abs().max((w - window).abs());
            worst = worst.max(change);
            assert!(change < ALLOWED, "{} at {gain_db} dB: {change} points", song.display());
        }
    }
    println!("{} songs, ±12 dB: the score moves by at most {worst:.3} points", songs.len());
}

#[test]
fn gain_does_not_change_the_demo_songs_score() {
    check(&[common::in_checkout("demo/demo.ogg")]);
}

#[test]
fn gain_does_not_change_real_songs_scores() {
    let folder = common::in_checkout("../shared/data/emotify/audio");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        common::skip("gain on real songs", "the songs of Emotify are not beside the checkout");
        return;
    };
    let mut songs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    songs.sort();
    let step = songs.len().div_ceil(SONGS);
    check(&songs.into_iter().step_by(step).collect::<Vec<_>>());
}
