//! What the figures of a reading say, held to what is computed without lanes, chunks and sums: the offline score
//! of the frames they stand for, and what others' libraries make of a song.

mod common;

use std::ops::Range;
use std::path::Path;

use common::{Log, Noise, close, tiny_streaming};
use earworm_scorer::decode::{AudioFile, AudioFormat};
use earworm_scorer::{Model, Scorer, ScorerOptions, Status, score_offline};

// The tiny model's front end, its window, and the frames from one of four lanes to the next.
const RATE: u32 = 16_000;
const HOP: usize = 256;
const N_FFT: usize = 512;
const WINDOW: usize = 64;
const WARM_UP: usize = 16;
const LANE: usize = 16;

/// The built-in model's score of the demo song. It was not measured here: librosa 0.11.0 and onnxruntime 1.31.1
/// gave it, by `python xtask/bench/score_peer.py models/emotify-lstm/model.onnx demo/demo.ogg`. Another model or
/// song has another.
const DEMO_SCORE: f32 = 46.6408;

/// The samples of these frames.
fn samples_of(frames: Range<usize>) -> Range<usize> {
    frames.start * HOP..(frames.end - 1) * HOP + N_FFT
}

fn tone(i: usize, step: f32) -> f32 {
    (i as f32 * step).sin()
}

fn listen(options: ScorerOptions, samples: &[f32]) -> Log {
    let mut log = Log::default();
    let mut scorer = Scorer::new(tiny_streaming(), RATE, options).unwrap();
    scorer.push_mono(samples, &mut log).unwrap();
    log
}

#[test]
fn integrated_is_the_score_of_the_mean_output() {
    let model = tiny_streaming();
    let metadata = model.metadata();
    let mut noise = Noise::new(12);
    // Three windows that follow each other, and sound nothing alike.
    let samples: Vec<f32> = (0..samples_of(0..3 * WINDOW).end)
        .map(|i| match i / (WINDOW * HOP) {
            0 => 0.3 * tone(i, 0.1),
            1 => 0.3 * noise.sample(),
            _ => 0.3 * tone(i, 1.1),
        })
        .collect();
    let offline = |k: usize| {
        let frames = k * WINDOW..(k + 1) * WINDOW;
        score_offline(&model, &samples[samples_of(frames)]).unwrap()
    };
    let raws = [0, 1, 2].map(offline);
    let options = ScorerOptions { lanes: 1, ..ScorerOptions::FILE };
    let log = listen(options, &samples);
    assert_eq!(log.windows.len(), 3);
    for count in 1..=3 {
        let mean_of =
            |class: usize| raws[..count].iter().map(|raw| raw[class]).sum::<f32>() / count as f32;
        let mean: Vec<f32> = (0..metadata.classes.len()).map(mean_of).collect();
        let reading = &log.readings[count * WINDOW / options.chunk_frames - 1];
        let (integrated, window) = (reading.integrated.unwrap(), reading.window.unwrap());
        let (of_mean, of_last) = (metadata.score(&mean), metadata.score(&raws[count - 1]));
        assert!((integrated - of_mean).abs() < 1e-2, "{integrated} against {of_mean}");
        assert!((window - of_last).abs() < 1e-2, "{window} against {of_last}");
        assert!(close(&reading.integrated_details, &metadata.values(&mean), 1e-4));
        assert!(count == 1 || (integrated - window).abs() > 1.0, "{integrated} and {window}");
    }
}

#[test]
fn momentary_is_of_the_youngest_lane_that_is_warm() {
    const FRAMES: usize = 112;
    let model = tiny_streaming();
    let metadata = model.metadata();
    assert_eq!((metadata.window_frames, metadata.warm_up_frames), (WINDOW, WARM_UP));
    let mut noise = Noise::new(13);
    // What a lane heard of the loud tone stays in its level: the noise is another to one that heard none.
    let samples: Vec<f32> = (0..samples_of(0..FRAMES).end)
        .map(|i| if i < 56 * HOP { 0.8 * tone(i, 0.1) } else { 0.05 * noise.sample() })
        .collect();
    let options = ScorerOptions::LIVE;
    let log = listen(options, &samples);
    assert_eq!(log.readings.len(), FRAMES / options.chunk_frames);
    let score = |frames: Range<usize>| {
        metadata.score(&score_offline(&model, &samples[samples_of(frames)]).unwrap())
    };
    let mut apart = 0.0f32;
    for heard in (WARM_UP..=FRAMES).step_by(8) {
        let reading = &log.readings[heard / options.chunk_frames - 1];
        let youngest = (heard - WARM_UP) / LANE * LANE;
        let oldest = heard.saturating_sub(WINDOW).next_multiple_of(LANE);
        let (momentary, window) = (reading.momentary.unwrap(), reading.window.unwrap());
        let (of_youngest, of_oldest) = (score(youngest..heard), score(oldest..heard));
        assert!((momentary - of_youngest).abs() < 1e-2, "{heard}: {momentary}, {of_youngest}");
        assert!((window - of_oldest).abs() < 1e-2, "{heard}: {window}, {of_oldest}");
        apart = apart.max((momentary - window).abs());
    }
    assert!(apart > 2.0, "one is like the other: {apart}");
}

#[test]
fn rests_do_not_add_up_to_silence() {
    let second = RATE as usize;
    let mut samples: Vec<f32> = (0..60 * second)
        .map(|i| if i % second < second * 7 / 10 { 0.3 * tone(i, 0.1) } else { 0.0 })
        .collect();
    let log = listen(ScorerOptions::FILE, &samples);
    assert!(log.windows.len() > 100, "{} windows", log.windows.len());
    // The rests were heard as such: a window of sound alone is a second and four hundredths long.
    assert!(log.windows.iter().all(|(span, _)| span.end_s - span.start_s > 1.2));
    assert!(log.readings.iter().all(|reading| reading.status != Status::Silence));
    samples.extend(vec![0.0; second]);
    let log = listen(ScorerOptions::FILE, &samples);
    assert_eq!(log.readings.last().unwrap().status, Status::Silence);
}

#[test]
fn the_demo_song_scores_what_librosa_and_onnxruntime_make_of_it() {
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo.ogg");
    let mut file = AudioFile::open(demo).unwrap();
    let AudioFormat { sample_rate, channels } = file.format();
    let mut scorer = Scorer::new(Model::embedded(), sample_rate, ScorerOptions::FILE).unwrap();
    while let Some(block) = file.next_block().unwrap() {
        scorer.push_interleaved(block, channels, &mut ()).unwrap();
    }
    scorer.finish(&mut ()).unwrap();
    let score = scorer.reading().integrated.unwrap();
    // Levels that are 3 dB too low move it by a tenth of a point.
    assert!((score - DEMO_SCORE).abs() < 0.01, "{score}");
}
