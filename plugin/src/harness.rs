//! The smallest host: one instance, driven block by block, with a transport and parameters that can be
//! set. The standalone plays files through it; tests and benches measure it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nice_plug::context::gui::{AsyncExecutor, GuiContext, GuiContextInner};
use nice_plug::context::process::SendEventError;
use nice_plug::params::{InternalParamMut, internals::ParamPtr};
use nice_plug::prelude::*;

use crate::editor::EarwormEditor;
use crate::plugin::{Earworm, Task};
use crate::session::Session;

/// What a host says about a block.
#[derive(Debug, Clone, Copy, Default)]
pub struct Playhead {
    /// Whether the transport runs.
    pub playing: bool,
    /// Where in the song the block starts, in samples.
    pub position: Option<i64>,
}

/// An instance and what stands around it.
pub struct Host {
    /// First and last sample of what the transport plays again and again, if it does.
    pub loop_samples: Option<(i64, i64)>,
    plugin: Earworm,
    buffer: Buffer<'static>,
    rate: f32,
}

struct Context {
    transport: Transport,
}

impl ActivateContext<Earworm> for Context {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Standalone
    }
    fn execute(&self, _task: Task) {}
    fn set_latency_samples(&self, samples: u32) {
        assert_eq!(samples, 0, "a meter has no latency");
    }
    fn set_current_voice_capacity(&self, _capacity: u32) {}
}

impl ProcessContext<Earworm> for Context {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Standalone
    }
    fn execute_background(&self, _task: Task) {}
    fn execute_gui(&self, _task: Task) {}
    fn transport(&self) -> &Transport {
        &self.transport
    }
    fn next_event(&mut self) -> Option<PluginNoteEvent<Earworm>> {
        None
    }
    fn try_send_event(
        &mut self,
        event: PluginNoteEvent<Earworm>,
    ) -> Result<(), (PluginNoteEvent<Earworm>, SendEventError)> {
        Err((event, SendEventError::NoOutputBuffer))
    }
    fn set_latency_samples(&self, _samples: u32) {}
    fn request_restart(&self) {}
    fn set_current_voice_capacity(&self, _capacity: u32) {}
}

impl Host {
    /// An instance, activated.
    pub fn new(rate: u32, largest_block: u32, mode: ProcessMode) -> Self {
        let (plugin, buffer) = (Earworm::default(), Buffer::default());
        let mut host = Self { loop_samples: None, plugin, buffer, rate: rate as f32 };
        // `process` of this host allocates as little as that of its plugin.
        // SAFETY: no slice is put in.
        unsafe { host.buffer.set_slices(0, |slices| slices.reserve(2)) };
        host.activate(rate, largest_block, mode);
        host
    }

    /// Activates again, as hosts do when something changes.
    pub fn activate(&mut self, rate: u32, largest_block: u32, mode: ProcessMode) {
        self.rate = rate as f32;
        let config = BufferConfig {
            sample_rate: rate as f32,
            min_buffer_size: None,
            max_buffer_size: largest_block,
            process_mode: mode,
        };
        let mut context = Context { transport: Transport::new(rate as f32) };
        let layout = Earworm::AUDIO_IO_LAYOUTS[0];
        assert!(self.plugin.activate(&layout, &config, &mut context));
        self.plugin.reset();
    }

    /// Renders in this mode from the next block on without activating again, as CLAP hosts may.
    pub fn turn_to(&mut self, mode: ProcessMode) {
        self.plugin.turn_to(mode);
    }

    /// Resets the plugin, as hosts do when what comes next is something else.
    pub fn reset(&mut self) {
        self.plugin.reset();
    }

    /// Deactivates: an offline rendering is complete when this returns.
    pub fn deactivate(&mut self) {
        self.plugin.deactivate();
    }

    /// What the instance knows.
    pub fn session(&self) -> &Arc<Session> {
        self.plugin.session()
    }

    /// Waits until the worker has taken in all that was played.
    pub fn wait_until_taken(&self) {
        let mut last = f64::NAN;
        loop {
            std::thread::sleep(Duration::from_millis(40));
            let now = self.session().reading().time_s;
            if now == last {
                return;
            }
            last = now;
        }
    }

    /// Its editor, and what the editor speaks to.
    pub fn editor(&mut self) -> (EarwormEditor, GuiContext, Arc<SetParameters>) {
        let run = Arc::new(|_: Task| {});
        let session = Arc::downgrade(self.session());
        let publish = Arc::new(move |_: Task| {
            if let Some(session) = session.upgrade() {
                session.publish_score();
            }
        });
        let editor = self.plugin.editor(AsyncExecutor::new(run, publish)).expect("it has one");
        let set = Arc::new(SetParameters::default());
        (editor, GuiContext::new(set.clone()), set)
    }

    /// Runs one block through the instance, in place. Channels are of equal length.
    pub fn process(&mut self, channels: &mut [&mut [f32]], playhead: Playhead) {
        let frames = channels.first().map_or(0, |channel| channel.len());
        let mut transport = Transport::new(self.rate);
        transport.playing = playhead.playing;
        transport.pos_samples = playhead.position;
        transport.loop_range_samples = self.loop_samples;
        let mut context = Context { transport };
        // SAFETY: the slices are taken out again below, before `channels` can go.
        unsafe {
            self.buffer.set_slices(frames, |slices| {
                slices.clear();
                for channel in channels {
                    slices.push(std::slice::from_raw_parts_mut(channel.as_mut_ptr(), frames));
                }
            });
        }
        let mut none = AuxiliaryBuffers { inputs: &mut [], outputs: &mut [] };
        let status = self.plugin.process(&mut self.buffer, &mut none, &mut context);
        assert_eq!(status, ProcessStatus::Normal);
        // SAFETY: no slices are left.
        unsafe { self.buffer.set_slices(0, Vec::clear) };
    }
}

#[cfg(test)]
impl Host {
    /// Plays noise and a tone to it for so many seconds, and waits until they are scored.
    pub(crate) fn play(&mut self, seconds: usize, gain: f32) {
        let mut noise = 1u32;
        for second in 0..seconds {
            let mut left: Vec<f32> = (0..48_000)
                .map(|i| {
                    noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let hiss = (noise >> 8) as f32 / (1 << 24) as f32;
                    gain * (hiss * 0.1 + ((second * 48_000 + i) as f32 * 0.03).sin() * 0.2)
                })
                .collect();
            let mut right = left.clone();
            self.process(&mut [&mut left, &mut right], Playhead::default());
        }
        self.deactivate();
    }
}

/// Takes what an editor sets, as a host without automation would.
#[derive(Default)]
pub struct SetParameters {
    /// Gestures that have begun less those that have ended.
    pub gestures: AtomicU32,
    /// Every value set, with its parameter's name.
    pub values: Mutex<Vec<(String, f32)>>,
}

impl GuiContextInner for SetParameters {
    fn plugin_api(&self) -> PluginApi {
        PluginApi::Standalone
    }
    unsafe fn raw_begin_set_parameter(&self, _param: ParamPtr) {
        self.gestures.fetch_add(1, Ordering::Relaxed);
    }
    unsafe fn raw_set_parameter_normalized(&self, param: ParamPtr, normalized: f32) {
        // SAFETY: parameters live as long as the instance, which outlives its editor; what is called
        // only stores atomics.
        let name = unsafe {
            param._internal_set_normalized_value(normalized);
            param.name().to_owned()
        };
        if let Ok(mut values) = self.values.lock() {
            values.push((name, normalized));
        }
    }
    unsafe fn raw_end_set_parameter(&self, _param: ParamPtr) {
        self.gestures.fetch_sub(1, Ordering::Relaxed);
    }
    fn get_state(&self) -> PluginState {
        PluginState {
            version: String::new(),
            params: Default::default(),
            fields: Default::default(),
        }
    }
    fn set_state(&self, _state: PluginState) {}
    fn request_restart(&self) {}
}

/// Sets a parameter as a host's automation would.
pub fn automate(param: &impl InternalParamMut, normalized: f32) {
    // SAFETY: only atomics are stored; the harness is the host here.
    unsafe { param._internal_set_normalized_value(normalized) };
}
