//! The CLAP bundle in a real host: every rate and block size, automation, state, threads, offline.
//!
//! In builds with debug assertions the plugin ends the process if `process()` allocates or frees, so
//! that every test here proves that it does not.

mod common;

use std::io::Cursor;

use clack_extensions::latency::PluginLatency;
use clack_extensions::params::{ParamInfoBuffer, PluginParams};
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState;
use clack_host::events::event_types::{ParamValueEvent, TransportEvent, TransportFlags};
use clack_host::events::{EventFlags, EventHeader, Pckn};
use clack_host::factory::plugin::PluginFactory;
use clack_host::prelude::*;
use clack_host::utils::{BeatTime, ClapId, SecondsTime};
use earworm_scorer::decode::AudioFile;
use serde_json::Value;

struct Instance {
    plugin: PluginInstance<()>,
    _entry: PluginEntry,
    _folder: tempfile::TempDir,
}

type Processor = StoppedPluginAudioProcessor<()>;

impl Instance {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        common::bundle(folder.path());
        let clap = folder.path().join("Earworm.clap");
        // SAFETY: it is our own library.
        let entry = unsafe { PluginEntry::load(&clap) }.unwrap();
        let factory: PluginFactory = entry.get_factory().unwrap();
        assert_eq!(factory.plugin_count(), 1);
        let descriptor = factory.plugin_descriptor(0).unwrap();
        assert_eq!(descriptor.name().unwrap().to_str(), Ok("Earworm"));
        let host = HostInfo::new("Earworm's tests", "Earworm", "", "1").unwrap();
        let id = descriptor.id().unwrap();
        let plugin = PluginInstance::new(|_| (), |_| (), &entry, id, &host).unwrap();
        Self { plugin, _entry: entry, _folder: folder }
    }

    fn extension<E>(&mut self) -> E
    where
        E: clack_host::extensions::Extension<
                ExtensionSide = clack_host::extensions::PluginExtensionSide,
            >,
    {
        self.plugin.plugin_handle().get_extension().expect("the plugin has this extension")
    }

    fn activate(&mut self, rate: u32, largest: u32) -> Processor {
        let configuration = PluginAudioConfiguration {
            sample_rate: f64::from(rate),
            min_frames_count: 1,
            max_frames_count: largest,
        };
        self.plugin.activate(|_, _| (), configuration).unwrap()
    }

    fn offline(&mut self) {
        let render: PluginRender = self.extension();
        render.set(&self.plugin.plugin_handle(), RenderMode::Offline).unwrap();
    }

    /// A parameter's number by its name.
    fn parameter(&mut self, name: &str) -> ClapId {
        let params: PluginParams = self.extension();
        let handle = self.plugin.plugin_handle();
        let mut buffer = ParamInfoBuffer::new();
        (0..params.count(&handle))
            .find_map(|index| {
                let info = params.get_info(&handle, index, &mut buffer)?;
                (info.name == name.as_bytes()).then_some(info.id)
            })
            .unwrap_or_else(|| panic!("no parameter {name}"))
    }

    fn value(&mut self, id: ClapId) -> f64 {
        let params: PluginParams = self.extension();
        params.get_value(&self.plugin.plugin_handle(), id).unwrap()
    }

    /// What the host is given to keep.
    fn save(&mut self) -> Vec<u8> {
        let state: PluginState = self.extension();
        let mut saved = Vec::new();
        state.save(&self.plugin.plugin_handle(), &mut saved).unwrap();
        saved
    }

    fn load(&mut self, saved: &[u8]) {
        let state: PluginState = self.extension();
        state.load(&self.plugin.plugin_handle(), &mut Cursor::new(saved)).unwrap();
    }

    /// The JSON document in what is saved. In CLAP, nice-plug writes its length before it.
    fn document(&mut self) -> Value {
        let saved = self.save();
        let (length, document) = saved.split_first_chunk().unwrap();
        assert_eq!(u64::from_le_bytes(*length), document.len() as u64);
        serde_json::from_slice(document).unwrap()
    }

    fn load_document(&mut self, document: &Value) {
        let document = serde_json::to_vec(document).unwrap();
        self.load(&[&(document.len() as u64).to_le_bytes()[..], &document].concat());
    }

    /// A field that is saved beside the parameters.
    fn field(&mut self, name: &str) -> Value {
        let document = self.document();
        serde_json::from_str(document["fields"][name].as_str().unwrap()).unwrap()
    }
}

/// Runs audio through and checks that it comes out as it went in. Values are set at the start of the
/// block whose number stands with them.
fn run(
    processor: Processor,
    channels: &[Vec<f32>],
    block: usize,
    rate: u32,
    automation: &[(usize, ClapId, f64)],
) -> Processor {
    let mut processor = processor.start_processing().unwrap();
    let frames = channels[0].len();
    let (mut at, mut number) = (0, 0);
    while at < frames {
        let to = (at + block).min(frames);
        let mut input: Vec<Vec<f32>> = channels.iter().map(|c| c[at..to].to_vec()).collect();
        let mut output = vec![vec![7.0f32; to - at]; channels.len()];
        let mut events = EventBuffer::new();
        for &(_, id, value) in automation.iter().filter(|(when, ..)| *when == number) {
            events.push(&ParamValueEvent::new(0, id, Pckn::match_all(), value));
        }
        let (mut inputs, mut outputs) = (
            AudioPorts::with_capacity(channels.len(), 1),
            AudioPorts::with_capacity(channels.len(), 1),
        );
        let audio_in = inputs.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(
                input.iter_mut().map(InputChannel::variable),
            ),
        }]);
        let mut audio_out = outputs.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(
                output.iter_mut().map(Vec::as_mut_slice),
            ),
        }]);
        let transport = transport(at as f64 / f64::from(rate));
        let mut events_out = EventBuffer::new();
        processor
            .process(
                &audio_in,
                &mut audio_out,
                &events.as_input(),
                &mut events_out.as_output(),
                Some(at as u64),
                Some(&transport),
            )
            .unwrap();
        for (output, channel) in output.iter().zip(channels) {
            let same = output.iter().zip(&channel[at..to]).all(|(o, i)| o.to_bits() == i.to_bits());
            assert!(same, "the audio was changed in the block from {at} to {to}");
        }
        (at, number) = (to, number + 1);
    }
    processor.stop_processing()
}

fn transport(seconds: f64) -> TransportEvent {
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: TransportFlags::IS_PLAYING | TransportFlags::HAS_SECONDS_TIMELINE,
        song_pos_beats: BeatTime::from_int(0),
        song_pos_seconds: SecondsTime::from_float(seconds),
        tempo: 120.0,
        tempo_inc: 0.0,
        loop_start_beats: BeatTime::from_int(0),
        loop_end_beats: BeatTime::from_int(0),
        loop_start_seconds: SecondsTime::from_int(0),
        loop_end_seconds: SecondsTime::from_int(0),
        bar_start: BeatTime::from_int(0),
        bar_number: 0,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}

fn demo() -> (u32, Vec<Vec<f32>>) {
    let mut file = AudioFile::open(common::in_checkout("demo/demo.ogg")).unwrap();
    let rate = file.format().sample_rate;
    let mut channels = vec![Vec::new(), Vec::new()];
    while let Some(block) = file.next_block().unwrap() {
        for frame in block.chunks(2) {
            channels[0].push(frame[0]);
            channels[1].push(frame[1]);
        }
    }
    (rate, channels)
}

fn noise(frames: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..frames)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

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
