//! A CLAP host: loads the bundle and runs audio through it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::io::Cursor;

use clack_extensions::params::{ParamInfoBuffer, PluginParams};
use clack_extensions::render::{PluginRender, RenderMode};
use clack_extensions::state::PluginState;
use clack_host::events::event_types::{ParamValueEvent, TransportEvent, TransportFlags};
use clack_host::events::{EventFlags, EventHeader, Pckn};
use clack_host::factory::plugin::PluginFactory;
use clack_host::prelude::*;
use clack_host::utils::{BeatTime, ClapId, SecondsTime};
use clap_sys::audio_buffer::clap_audio_buffer;
use earworm_scorer::decode::AudioFile;
use serde_json::Value;

/// One instance of the plugin, loaded from a bundle of its own.
pub struct Instance {
    pub plugin: PluginInstance<()>,
    _entry: PluginEntry,
    _folder: tempfile::TempDir,
}

/// What processes.
pub type Processor = StoppedPluginAudioProcessor<()>;

impl Instance {
    /// Loads it.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        crate::common::bundle(folder.path());
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

    /// An extension that the plugin must have.
    pub fn extension<E>(&mut self) -> E
    where
        E: clack_host::extensions::Extension<
                ExtensionSide = clack_host::extensions::PluginExtensionSide,
            >,
    {
        self.plugin.plugin_handle().get_extension().expect("the plugin has this extension")
    }

    /// Activates it.
    pub fn activate(&mut self, rate: u32, largest: u32) -> Processor {
        let configuration = PluginAudioConfiguration {
            sample_rate: f64::from(rate),
            min_frames_count: 1,
            max_frames_count: largest,
        };
        self.plugin.activate(|_, _| (), configuration).unwrap()
    }

    /// Says that what follows is rendered offline. This host does not mind being asked to activate the plugin anew.
    pub fn offline(&mut self) {
        let render: PluginRender = self.extension();
        render.set(&self.plugin.plugin_handle(), RenderMode::Offline).unwrap();
    }

    /// A parameter's number by its name.
    pub fn parameter(&mut self, name: &str) -> ClapId {
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

    /// A parameter's value.
    pub fn value(&mut self, id: ClapId) -> f64 {
        let params: PluginParams = self.extension();
        params.get_value(&self.plugin.plugin_handle(), id).unwrap()
    }

    /// What the host is given to keep.
    pub fn save(&mut self) -> Vec<u8> {
        let state: PluginState = self.extension();
        let mut saved = Vec::new();
        state.save(&self.plugin.plugin_handle(), &mut saved).unwrap();
        saved
    }

    /// Gives back what it was kept.
    pub fn load(&mut self, saved: &[u8]) {
        let state: PluginState = self.extension();
        state.load(&self.plugin.plugin_handle(), &mut Cursor::new(saved)).unwrap();
    }

    /// The JSON document in what is saved. In CLAP, nice-plug writes its length before it.
    pub fn document(&mut self) -> Value {
        let saved = self.save();
        let (length, document) = saved.split_first_chunk().unwrap();
        assert_eq!(u64::from_le_bytes(*length), document.len() as u64);
        serde_json::from_slice(document).unwrap()
    }

    /// The same with a document.
    pub fn load_document(&mut self, document: &Value) {
        let document = serde_json::to_vec(document).unwrap();
        self.load(&[&(document.len() as u64).to_le_bytes()[..], &document].concat());
    }

    /// A field that is saved beside the parameters.
    pub fn field(&mut self, name: &str) -> Value {
        let document = self.document();
        serde_json::from_str(document["fields"][name].as_str().unwrap()).unwrap()
    }
}

/// Runs audio through and checks that it comes out as it went in. Values are set at the start of the
/// block whose number stands with them.
pub fn run(
    processor: Processor,
    channels: &[Vec<f32>],
    block: usize,
    rate: u32,
    automation: &[(usize, ClapId, f64)],
) -> Processor {
    run_and_hear(processor, channels, block, rate, automation, |_| {})
}

/// The same, and hears what the plugin tells in each block.
pub fn run_and_hear(
    processor: Processor,
    channels: &[Vec<f32>],
    block: usize,
    rate: u32,
    automation: &[(usize, ClapId, f64)],
    mut hear: impl FnMut(&EventBuffer),
) -> Processor {
    let mut processor = processor.start_processing().unwrap();
    let frames = channels[0].len();
    let (mut at, mut number) = (0, 0);
    while at < frames {
        let to = (at + block).min(frames);
        let mut input: Vec<Vec<f32>> = channels.iter().map(|c| c[at..to].to_vec()).collect();
        let mut output = vec![vec![7.0f32; to - at]; channels.len()];
        let events = values_set(automation, number);
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
        hear(&process(&mut processor, &audio_in, &mut audio_out, &events, (at, rate)));
        for (output, channel) in output.iter().zip(channels) {
            let same = output.iter().zip(&channel[at..to]).all(|(o, i)| o.to_bits() == i.to_bits());
            assert!(same, "the audio was changed in the block from {at} to {to}");
        }
        (at, number) = (to, number + 1);
    }
    processor.stop_processing()
}

/// The values that are set at the start of the block of this number.
fn values_set(automation: &[(usize, ClapId, f64)], number: usize) -> EventBuffer {
    let mut events = EventBuffer::new();
    for &(_, id, value) in automation.iter().filter(|(when, ..)| *when == number) {
        events.push(&ParamValueEvent::new(0, id, Pckn::match_all(), value));
    }
    events
}

/// One call of the plugin, at a frame of a song that plays at this rate. Gives what the plugin tells.
fn process(
    processor: &mut StartedPluginAudioProcessor<()>,
    audio_in: &InputAudioBuffers<'_>,
    audio_out: &mut OutputAudioBuffers<'_>,
    events: &EventBuffer,
    (at, rate): (usize, u32),
) -> EventBuffer {
    let transport = transport(at as f64 / f64::from(rate));
    let mut events_out = EventBuffer::new();
    processor
        .process(
            audio_in,
            audio_out,
            &events.as_input(),
            &mut events_out.as_output(),
            Some(at as u64),
            Some(&transport),
        )
        .unwrap();
    events_out
}

/// A transport that plays from here.
pub fn transport(seconds: f64) -> TransportEvent {
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

/// The demo song, planar.
pub fn demo() -> (u32, Vec<Vec<f32>>) {
    let mut file = AudioFile::open(crate::common::in_checkout("demo/demo.ogg")).unwrap();
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

/// Noise, another for each seed.
pub fn noise(frames: usize, seed: u32) -> Vec<f32> {
    let mut state = seed;
    (0..frames)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

/// Runs audio through in one buffer for input and output, as many hosts do, in blocks of these sizes
/// in turn. `constant` says of each channel, by its bit, that the host knows it to be constant. `watch` makes the
/// calls.
pub fn run_in_place(
    processor: Processor,
    channels: &[Vec<f32>],
    blocks: &[usize],
    rate: u32,
    constant: u64,
    automation: &[(usize, ClapId, f64)],
    watch: impl Fn(&mut dyn FnMut()),
) -> Processor {
    let mut processor = processor.start_processing().unwrap();
    let frames = channels[0].len();
    let (mut at, mut number) = (0, 0);
    while at < frames {
        let to = (at + blocks[number % blocks.len()]).min(frames);
        let mut buffers: Vec<Vec<f32>> = channels.iter().map(|c| c[at..to].to_vec()).collect();
        let mut pointers: Vec<*mut f32> = buffers.iter_mut().map(|b| b.as_mut_ptr()).collect();
        let port = |constant_mask| clap_audio_buffer {
            data32: std::ptr::null_mut(),
            data64: std::ptr::null_mut(),
            channel_count: channels.len() as u32,
            latency: 0,
            constant_mask,
        };
        let (mut input, mut output) = ([port(constant)], [port(0)]);
        (input[0].data32, output[0].data32) = (pointers.as_mut_ptr(), pointers.as_mut_ptr());
        let events = values_set(automation, number);
        // SAFETY: the pointers are of buffers that live until after the call and are as long as is said.
        let (audio_in, mut audio_out) = unsafe {
            (
                InputAudioBuffers::from_raw_buffers(&input, (to - at) as u32),
                OutputAudioBuffers::from_raw_buffers(&mut output, (to - at) as u32),
            )
        };
        let transport = transport(at as f64 / f64::from(rate));
        let mut events_out = EventBuffer::new();
        let (events_in, mut events_out) = (events.as_input(), events_out.as_output());
        let mut processed = None;
        watch(&mut || {
            processed = Some(processor.process(
                &audio_in,
                &mut audio_out,
                &events_in,
                &mut events_out,
                Some(at as u64),
                Some(&transport),
            ));
        });
        processed.expect("it was called").unwrap();
        for (index, (buffer, channel)) in buffers.iter().zip(channels).enumerate() {
            let same = buffer.iter().zip(&channel[at..to]).all(|(o, i)| o.to_bits() == i.to_bits());
            assert!(same, "channel {index} was changed in the block from {at} to {to}");
            let is_constant = buffer.windows(2).all(|pair| pair[0].to_bits() == pair[1].to_bits());
            let said = output[0].constant_mask >> index & 1 == 1;
            assert!(
                is_constant || !said,
                "channel {index} is said to be constant from {at} to {to}"
            );
        }
        (at, number) = (to, number + 1);
    }
    processor.stop_processing()
}
