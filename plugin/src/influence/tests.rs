use std::path::Path;

use earworm_scorer::front_end::FrontEnd;
use earworm_scorer::live::{Turn, open};
use earworm_scorer::{ScorerOptions, score_offline};
use nice_plug::prelude::ProcessMode;

use super::*;
use crate::harness::{Host, automate};

/// Twenty seconds at a model's rate.
fn sound(rate: u32) -> Vec<f32> {
    let mut noise = 1u32;
    (0..rate * 20)
        .map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 8) as f32 / (1 << 23) as f32 - 1.0;
            (i as f32 * 0.05).sin() * 0.2 + hiss * 0.05 * (i as f32 / 9000.0).sin()
        })
        .collect()
}

/// What a model's front end makes of that, in whole chunks.
fn frames_of(model: &Model) -> Vec<HistoryFrame> {
    let settings = &model.metadata().front_end;
    let mut frames = Vec::new();
    FrontEnd::new(settings).unwrap().push(&sound(settings.sample_rate), |frame| {
        frames.push(HistoryFrame {
            index: frames.len() as u64,
            time_s: 0.0,
            level_db: frame.level_db,
            mel_db: frame.mel_db.to_vec(),
        });
    });
    frames.truncate(frames.len() / CHUNK * CHUNK);
    frames
}

/// The same with silent frames in the middle.
fn with_silence(frames: &[HistoryFrame], silent: usize) -> Vec<HistoryFrame> {
    let mel_db = vec![-200.0; frames[0].mel_db.len()];
    let silence = HistoryFrame { level_db: -200.0, mel_db, ..frames[0].clone() };
    let (first, second) = frames.split_at(frames.len() / 2);
    [first, vec![silence; silent].as_slice(), second].concat()
}

#[test]
fn the_score_is_the_offline_score_and_every_region_is_judged() {
    let model = Model::embedded();
    let settings = &model.metadata().front_end;
    let (sound, frames) = (sound(settings.sample_rate), frames_of(&model));
    let samples = (frames.len() - 1) * settings.hop + settings.n_fft;
    let found = occlude(&model, &frames, frames.len(), false).unwrap().unwrap();
    let want = model.metadata().score(&score_offline(&model, &sound[..samples]).unwrap());
    assert!((found.score - want).abs() < 0.05, "{} and {want}", found.score);
    assert_eq!(found.regions.len(), REGIONS);
    assert!(found.regions.iter().any(|points| points.abs() > 0.1), "{:?}", found.regions);
    assert!(found.edges_hz.is_sorted() && found.edges_hz[0] < 60.0);
    assert_eq!(occlude(&model, &frames[..20], 100, false).unwrap(), None, "too few are kept");
    assert_eq!(occlude(&model, &frames, 0, false).unwrap(), None);
}

/// What is left out and what is turned down in the sound itself are the same, to the sign.
#[test]
fn a_region_adds_what_is_lost_without_it() {
    let model = Model::embedded();
    let (frames, bands) = (frames_of(&model), model.metadata().front_end.n_mels);
    let found = occlude(&model, &frames, frames.len(), false).unwrap().unwrap();
    let points = |region: usize| found.regions[region];
    let strongest = (0..REGIONS).max_by(|&a, &b| points(a).abs().total_cmp(&points(b).abs()));
    let region = strongest.unwrap();
    let mut without = frames.clone();
    for frame in &mut without {
        for db in &mut frame.mel_db[region * bands / REGIONS..(region + 1) * bands / REGIONS] {
            *db -= DOWN_DB;
        }
    }
    let left = occlude(&model, &without, frames.len(), false).unwrap().unwrap().score;
    let lost = found.score - left;
    assert!(lost.abs() > 0.1, "nothing is to be seen of region {region}");
    assert!((points(region) - lost).abs() < 0.02, "{} and {lost}", points(region));
}

/// Silence is kept too, and what it pushed out is missing at the window's beginning.
#[test]
fn a_pause_costs_only_what_it_pushed_out() {
    let model = Model::embedded();
    let frames = frames_of(&model);
    let want = occlude(&model, &frames, frames.len(), false).unwrap().unwrap();
    let kept = with_silence(&frames, 22);
    for all in [false, true] {
        let found = occlude(&model, &kept, kept.len(), all).unwrap().unwrap();
        assert_eq!((found.score, &found.regions), (want.score, &want.regions));
        assert!((found.left_out_s - 1.02).abs() < 0.01, "{} s", found.left_out_s);
    }
    assert_eq!(want.left_out_s, 0.0);
    let few = model.metadata().warm_up_frames - 1;
    assert_eq!(occlude(&model, &frames[..few], kept.len(), true).unwrap(), None);
    assert!(absence(model.metadata()).contains("as soon as 6 s of the last 30 s"));
}

/// Rounded down to whole chunks, they would be fewer than the model was trained on.
#[test]
fn the_fewest_frames_that_can_be_judged_are_all_judged() {
    let model = Model::embedded();
    let least = model.metadata().warm_up_frames;
    assert!(!least.is_multiple_of(CHUNK), "else nothing is rounded");
    let frames = &frames_of(&model)[..least];
    let found = occlude(&model, frames, least, false).unwrap();
    assert!(found.is_some());
    assert_eq!(found, occlude(&model, frames, least, true).unwrap());
    // Nor are steps smaller than they need to be.
    let whole = least.next_multiple_of(CHUNK);
    assert_eq!(frames_at_a_time(whole - 1, least, false), frames_at_a_time(whole - 1, least, true));
    assert_eq!(frames_at_a_time(whole + 1, least, false), CHUNK);
}

#[test]
fn a_window_model_is_given_whole_windows() {
    let path = "../scorer/tests/fixtures/tiny_window.onnx";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let model = Model::load(path).unwrap();
    let whole = model.metadata().window_frames;
    let frames = &frames_of(&model)[..whole];
    let found = occlude(&model, frames, 7, false).unwrap().unwrap();
    assert_eq!((found.regions.len(), found.left_out_s), (REGIONS, 0.0));
    let kept = with_silence(frames, 5);
    assert_eq!(occlude(&model, &kept, whole, false).unwrap(), Some(found));
    assert_eq!(occlude(&model, &kept[6..], whole, false).unwrap(), None);
    assert!(absence(model.metadata()).contains("as soon as 2 s of the last 30 s"));
}

#[test]
fn models_without_regions_say_so() {
    let names = || vec!["rms".to_owned()];
    let mut metadata = Model::embedded().metadata().clone();
    assert_eq!(obstacle(&metadata), None);
    // A stream is judged from its warm-up on, however long its window is.
    metadata.window_frames = history_frames(&metadata.front_end) + 1;
    assert_eq!(obstacle(&metadata), None);
    metadata.contract = Contract::Window;
    assert_eq!(obstacle(&metadata), Some(absence(&metadata).as_str()));
    metadata.window_frames -= 1;
    assert_eq!(obstacle(&metadata), None);
    for input in
        [Input::Descriptors { names: names() }, Input::MelAndDescriptors { names: names() }]
    {
        metadata.input = input;
        assert_eq!(obstacle(&metadata), Some(absence(&metadata).as_str()));
    }
}

#[test]
fn as_much_is_kept_as_is_said() {
    let path = "../scorer/tests/fixtures/tiny_window.onnx";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let options = ScorerOptions::LIVE;
    let (mut tap, mut stream, meter) = open(Model::load(path).unwrap(), 48_000, options).unwrap();
    let second = vec![0.1f32; 48_000];
    for _ in 0..33 {
        tap.push_planar(&[&second]);
        while stream.turn() == Turn::Busy {}
    }
    let mut frames = Vec::new();
    meter.frames_since(0, &mut frames);
    assert_eq!(frames.len(), history_frames(&meter.model().metadata().front_end));
}

#[test]
fn nothing_is_looked_at_behind_a_hidden_editor() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    host.play(12, 1.0);
    let session = host.session().clone();
    let (observer, mut seen) = (Shared::new(&session), None);
    session.set_editor_open(false);
    assert!(!observer.look(&mut seen), "hidden");
    session.set_editor_open(true);
    assert!(observer.look(&mut seen));
    assert!(!observer.look(&mut seen), "nothing new was heard");
    // The influence is that of the number shown, but for the oldest frames of its window.
    let found = |observer: &Shared| observer.latest.lock().unwrap().clone().unwrap();
    let shown = session.reading().window.unwrap();
    let first = found(&observer);
    assert!((first.score - shown).abs() < 2.0, "{} and {shown}", first.score);
    // While that is held, there is nothing new to look at, and who comes later finds the same.
    automate(&session.params.hold, 1.0);
    host.play(12, 0.01);
    assert!(!observer.look(&mut seen), "held");
    let later = Shared::new(&session);
    assert!(later.look(&mut None));
    let held = found(&later);
    assert!((held.score - first.score).abs() < 0.01, "{} and {}", held.score, first.score);
    automate(&session.params.hold, 0.0);
    assert!(observer.look(&mut seen), "no longer held");
}
