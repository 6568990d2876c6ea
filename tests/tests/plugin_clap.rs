//! The CLAP bundle in a real host: every rate and block size, automation, state, threads, offline.
//!
//! In builds with debug assertions the plugin ends the process if `process()` allocates or frees, so
//! that every test here proves that it does not.

#[path = "common/clap.rs"]
mod clap;
mod common;

use clack_extensions::latency::PluginLatency;
use clack_host::events::spaces::CoreEventSpace;
use serde_json::Value;

use clap::{Instance, demo, noise, run, run_and_hear};

#[test]
fn an_offline_render_ends_with_the_score_of_the_file() {
    let (rate, song) = demo();
    let mut instance = Instance::new();
    instance.offline();
    let latency: PluginLatency = instance.extension();
    let (write, score) = (instance.parameter("Write score"), instance.parameter("Score"));
    let processor = instance.activate(rate, 4096);
    assert_eq!(latency.get(&instance.plugin.plugin_handle()), 0);
    let processor = run(processor, &song, 4096, rate, &[(0, write, 1.0)]);
    instance.plugin.deactivate(processor);
    let shown = 100.0 * instance.value(score);
    let want = common::last_window_of_the_demo();
    assert!((shown - want).abs() <= 0.5, "{shown} in the host, {want} in the file");
    eprintln!("last window: {shown:.2} in a CLAP host offline, {want:.2} by earworm score");
}

/// A host may say so while the plugin is active, and need not activate it anew when it is asked to.
#[test]
fn an_active_plugin_turns_to_rendering_offline() {
    let (rate, song) = demo();
    let mut instance = Instance::new();
    let (write, score) = (instance.parameter("Write score"), instance.parameter("Score"));
    let processor = instance.activate(rate, 4096);
    instance.offline();
    let processor = run(processor, &song, 4096, rate, &[(0, write, 1.0)]);
    instance.plugin.deactivate(processor);
    let shown = 100.0 * instance.value(score);
    let want = common::last_window_of_the_demo();
    assert!((shown - want).abs() <= 0.5, "{shown} in the host, {want} in the file");
}

/// Though nobody has ever opened the editor.
#[test]
fn a_host_is_told_the_score_to_record_it() {
    let mut instance = Instance::new();
    instance.offline();
    let (write, score) = (instance.parameter("Write score"), instance.parameter("Score"));
    let sound = vec![noise(48_000 * 10, 1), noise(48_000 * 10, 2)];
    let processor = instance.activate(48_000, 4096);
    let processor = run(processor, &sound, 4096, 48_000, &[(0, write, 1.0)]);
    instance.plugin.deactivate(processor);
    let shown = instance.value(score);
    assert!(shown > 0.0);
    // Which it has asked for all the while.
    instance.plugin.call_on_main_thread_callback();
    let mut told = Vec::new();
    let block = vec![vec![0.0; 512]; 2];
    let processor = instance.activate(48_000, 4096);
    let processor = run_and_hear(processor, &block, 512, 48_000, &[], |events| {
        told.extend(events.iter().filter_map(|event| match event.as_core_event()? {
            CoreEventSpace::ParamGestureBegin(begin) => Some((begin.param_id()?, None)),
            CoreEventSpace::ParamValue(set) => Some((set.param_id()?, Some(set.value()))),
            _ => None,
        }));
    });
    instance.plugin.deactivate(processor);
    assert_eq!(told[0], (score, None), "{told:?}");
    assert!(told[1].0 == score && (told[1].1.unwrap() - shown).abs() < 6e-4, "{told:?} {shown}");
}

#[test]
fn every_rate_and_block_size_passes_through() {
    let mut instance = Instance::new();
    for rate in [22_050, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000] {
        let sound = [noise(rate as usize / 5, rate), noise(rate as usize / 5, 7)];
        for block in [1, 17, 32, 64, 441, 512, 1024, 2048, 8192] {
            let processor = instance.activate(rate, block);
            let part = if block == 1 { 300 } else { sound[0].len() };
            let sound: Vec<Vec<f32>> = sound.iter().map(|c| c[..part].to_vec()).collect();
            let processor = run(processor, &sound, block as usize, rate, &[]);
            instance.plugin.deactivate(processor);
        }
    }
}

#[test]
fn samples_that_are_no_numbers_pass_through() {
    let mut odd = noise(4000, 3);
    for (index, sample) in odd.iter_mut().enumerate().step_by(7) {
        *sample = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-42, -0.0, f32::MAX][index % 6];
    }
    let mut instance = Instance::new();
    let processor = instance.activate(48_000, 256);
    let processor = run(processor, &[odd.clone(), odd], 256, 48_000, &[]);
    instance.plugin.deactivate(processor);
}

#[test]
fn automation_is_taken_while_audio_runs() {
    let mut instance = Instance::new();
    let names = ["Bypass", "Hold", "Reset", "Reset on", "View", "Window", "Write score"];
    let ids = names.map(|name| instance.parameter(name));
    let automation: Vec<_> = (0..200)
        .flat_map(|block| ids.map(|id| (block, id, f64::from((block / 3) as u32 % 2))))
        .collect();
    let processor = instance.activate(48_000, 512);
    let sound = vec![noise(48_000 * 3, 1), noise(48_000 * 3, 2)];
    let processor = run(processor, &sound, 512, 48_000, &automation);
    instance.plugin.deactivate(processor);
    let last = f64::from(199 / 3 % 2);
    for id in ids {
        assert_eq!(instance.value(id), last);
    }
}

/// A host may let go of the library as soon as the last instance is gone, while threads still read the model.
#[test]
fn the_library_may_go_while_its_threads_run() {
    for _ in 0..10 {
        let mut instance = Instance::new();
        let processor = instance.activate(48_000, 512);
        instance.plugin.deactivate(processor);
    }
}

#[test]
fn a_saved_state_comes_back_byte_for_byte() {
    let mut first = Instance::new();
    let view = first.parameter("View");
    let processor = first.activate(48_000, 512);
    let sound = vec![noise(4800, 1), noise(4800, 2)];
    let processor = run(processor, &sound, 512, 48_000, &[(0, view, 2.0)]);
    first.plugin.deactivate(processor);
    let saved = first.save();
    assert_eq!(saved, first.save());
    let mut second = Instance::new();
    second.load(&saved);
    assert_eq!(second.value(view), 2.0);
    assert_eq!(second.save(), saved);

    // From another version: something unknown, something missing, something damaged.
    let mut other = second.document();
    other["version"] = "99.0.0".into();
    other["params"]["unheard-of"] = serde_json::json!({ "f32": 1.0 });
    other["params"].as_object_mut().unwrap().remove("hold");
    other["fields"]["looks"] = r#"{"size":"large","axis":"moon","span_s":12.0,"new":[]}"#.into();
    other["fields"]["more"] = "[]".into();
    second.load_document(&other);
    assert_eq!(second.value(view), 2.0);
    assert_eq!(second.field("looks")["span_s"], 12.0);
}

/// Saved by version 0.1.0. Whatever comes later must read it.
#[test]
fn a_state_of_the_first_version_loads() {
    let path = common::in_checkout("tests/fixtures/plugin-state-0.1.0.json");
    let old: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(old["version"], "0.1.0");
    let mut instance = Instance::new();
    instance.load_document(&old);
    for (name, value) in [
        ("Bypass", 0.0),
        ("Hold", 1.0),
        ("Reset on", 1.0),
        ("View", 2.0),
        ("Window", 1.0),
        ("Write score", 1.0),
    ] {
        let id = instance.parameter(name);
        assert_eq!(instance.value(id), value, "{name}");
    }
    let looks = instance.field("looks");
    assert_eq!(looks["size"], serde_json::json!([1024.0, 640.0]));
    assert_eq!((&looks["axis"], &looks["span_s"]), (&"song".into(), &90.0.into()));
    let list = instance.field("snapshots")["list"].clone();
    assert_eq!((&list[0]["name"], &list[1]["name"]), (&"A".into(), &"B".into()));
    assert_eq!((&list[1]["window"], &list[1]["at_s"]), (&57.5.into(), &93.25.into()));
    assert_eq!(list[1]["influence"].as_array().unwrap().len(), 8);
    assert_eq!(instance.field("model")["file"]["name"], "mine");
}

#[test]
fn a_project_whose_model_is_gone_still_plays() {
    let mut instance = Instance::new();
    let mut state = instance.document();
    let gone = r#"{"file":{"path":"/nowhere/mine.onnx","sha256":"00","name":"mine"}}"#;
    state["fields"]["model"] = gone.into();
    instance.load_document(&state);
    instance.offline();
    let (write, score) = (instance.parameter("Write score"), instance.parameter("Score"));
    let processor = instance.activate(48_000, 4096);
    let sound = vec![noise(48_000 * 8, 1), noise(48_000 * 8, 2)];
    let processor = run(processor, &sound, 4096, 48_000, &[(0, write, 1.0)]);
    instance.plugin.deactivate(processor);
    assert!(instance.value(score) > 0.0, "the built-in model took its place");
    // The choice is kept: the file may come back.
    assert_eq!(instance.field("model")["file"]["path"], "/nowhere/mine.onnx");
}

#[test]
fn two_instances_run_in_two_threads() {
    let (rate, song) = demo();
    let song = &song;
    let scores: Vec<f64> = std::thread::scope(|scope| {
        let threads: Vec<_> = [512, 3000]
            .map(|block| {
                scope.spawn(move || {
                    let mut instance = Instance::new();
                    instance.offline();
                    let write = instance.parameter("Write score");
                    let score = instance.parameter("Score");
                    let processor = instance.activate(rate, block);
                    let automation = [(0, write, 1.0)];
                    let processor = run(processor, song, block as usize, rate, &automation);
                    instance.plugin.deactivate(processor);
                    100.0 * instance.value(score)
                })
            })
            .into_iter()
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!((scores[0] - scores[1]).abs() < 0.05, "{scores:?}");
    assert!(scores[0] > 0.0);
}
