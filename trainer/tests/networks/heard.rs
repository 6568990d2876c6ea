//! What a network says of a whole song is what the scorer makes of it: silence left out, window by window.

use std::path::Path;

use candle_core::Device;
use earworm_scorer::front_end::FrontEndSettings;
use earworm_scorer::{CompletedWindow, Model, Observer, Scorer, ScorerOptions};
use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::{BuildOptions, build};
use earworm_train::examples::{Examples, Songs};
use earworm_train::predict::{LANES, predict, window_starts};
use earworm_train::recipe::DataRecipe;

use crate::common::{RATE, write_wav};
use crate::tiny::TINY;

/// As the tiny networks' front end has it.
const HOP: usize = 512;

/// A tone of 20 frames, a pause, and noise of 12: too short for a second window behind the first, so that only
/// staggered ones hear the noise.
fn tone_and_noise() -> Vec<f32> {
    let tone = (0..20 * HOP).map(|i| {
        let t = i as f32 / RATE as f32;
        0.3 * (std::f32::consts::TAU * 440.0 * t).sin()
    });
    let mut state = 7u32;
    let noise = (0..12 * HOP).map(move |_| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        0.4 * (state as f32 / u32::MAX as f32 - 0.5)
    });
    tone.chain(std::iter::repeat_n(0.0, 8_000)).chain(noise).collect()
}

/// A data set of that song alone.
fn set_of(samples: &[f32], front_end: &FrontEndSettings, folder: &Path) -> Dataset {
    std::fs::create_dir_all(folder).unwrap();
    write_wav(&folder.join("song.wav"), samples);
    std::fs::write(folder.join("tracks.csv"), "track_id,file\nsong,song.wav\n").unwrap();
    std::fs::write(folder.join("front_end.toml"), toml::to_string(front_end).unwrap()).unwrap();
    let options = BuildOptions {
        manifest: folder.join("tracks.csv"),
        audio: folder.to_owned(),
        out: folder.join("set"),
        front_end: Some(folder.join("front_end.toml")),
        ..BuildOptions::default()
    };
    build(&options).unwrap();
    Dataset::open(&options.out).unwrap()
}

/// The raw output of every completed window.
#[derive(Default)]
struct Windows(Vec<f32>);

impl Observer for Windows {
    fn window(&mut self, window: &CompletedWindow<'_>) {
        self.0.push(window.raw[0]);
    }
}

#[test]
fn a_song_with_a_pause_is_what_the_scorer_makes_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let samples = tone_and_noise();
    let mut apart = 0.0f32;
    for tiny in TINY.iter().filter(|tiny| tiny.is_streaming()) {
        let model = Model::from_bytes(&tiny.onnx(), tiny.name).unwrap();
        let metadata = model.metadata();
        let set = set_of(&samples, &metadata.front_end, &dir.path().join(tiny.name));
        let data = format!("name = 'made'\nwindow_frames = {}\nwarm_up_frames = 4", tiny.frames);
        let data: DataRecipe = toml::from_str(&data).unwrap();
        let songs = Songs::new(&set, &data, 0);
        let audible = songs.len(0);
        assert!(audible + 10 < set.frames(0).len(), "{}: the pause was heard", tiny.name);
        let examples = Examples::Songs(songs);
        let network = tiny.filled();
        let said = |lanes: usize| {
            let window = tiny.frames;
            let song = predict(network.as_ref(), &examples, &[0], window, lanes, &Device::Cpu);
            song.unwrap()[0][0]
        };

        let mut scorer = Scorer::new(model.clone(), RATE, ScorerOptions::FILE).unwrap();
        let mut windows = Windows::default();
        scorer.push_mono(&samples, &mut windows).unwrap();
        scorer.finish(&mut windows).unwrap();
        let heard = windows.0.iter().sum::<f32>() / windows.0.len() as f32;
        let starts = window_starts(audible, tiny.frames, LANES);
        assert_eq!(windows.0.len(), starts.len(), "{}: {starts:?}", tiny.name);
        let all = said(LANES);
        assert!((all - heard).abs() < 1e-3, "{}: {all}, not {heard}", tiny.name);
        let integrated = scorer.reading().integrated.unwrap();
        assert!((metadata.score(&[all]) - integrated).abs() < 0.1, "{}: {integrated}", tiny.name);
        apart = apart.max((said(1) - heard).abs());
    }
    assert!(apart > 1e-2, "the song does not tell one lane from several: {apart}");
}
