//! The score as an output: written into a parameter for the host to record.
//!
//! Hosts are told on their main thread. CLAP hosts lend it to whoever asks, whether or not the editor has ever been
//! open. So do VST3 hosts on macOS and Windows; on Linux they do so while the editor is open only.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nice_plug::context::PluginApi;
use nice_plug::context::gui::GuiContext;
use nice_plug::params::{InternalParamMut as _, Param as _};

use super::{Session, lock};

/// What writing takes, and whether the host is being written to.
#[derive(Default)]
pub(super) struct Writer {
    context: Option<GuiContext>,
    executor: Option<Arc<dyn Fn() + Send + Sync>>,
    gesture: bool,
    /// Whether a thread is telling the host something, and whether there is more to tell meanwhile.
    telling: bool,
    more: bool,
}

/// What there is to tell the host, in this order.
struct Message {
    context: GuiContext,
    begin: bool,
    score: Option<f32>,
    end: bool,
}

impl Session {
    /// How the worker gets something done where the host may be spoken to.
    pub(crate) fn set_executor(&self, executor: Arc<dyn Fn() + Send + Sync>) {
        lock(&self.writer).executor = Some(executor);
    }

    /// What the host may be spoken to with; known as soon as there is a host.
    pub fn set_context(&self, context: GuiContext) {
        lock(&self.writer).context = Some(context);
    }

    /// The score that the host is to be told. Each is taken once, and none that came while others were held.
    fn take_score(&self) -> Option<f32> {
        let none = f32::NAN.to_bits();
        let score = f32::from_bits(self.window_score.swap(none, Ordering::Relaxed));
        (!score.is_nan()).then_some(score)
    }

    /// The same, without taking it.
    fn next_score(&self) -> Option<f32> {
        let score = f32::from_bits(self.window_score.load(Ordering::Relaxed));
        (!score.is_nan()).then_some(score)
    }

    /// What the host may be told something with, if it may be told now.
    fn host_to_tell(&self, writer: &Writer) -> Option<GuiContext> {
        let context = writer.context.clone()?;
        let on_own_thread = cfg!(target_os = "linux") && !self.is_editor_open();
        (!on_own_thread || context.plugin_api() != PluginApi::Vst3).then_some(context)
    }

    pub(super) fn ask_to_publish(&self) {
        let (publish, can_tell) = {
            let writer = lock(&self.writer);
            if !self.params.write.value() && !writer.gesture {
                return;
            }
            (writer.executor.clone(), self.host_to_tell(&writer).is_some())
        };
        // For hosts that ask: they may be told late, as while their main thread bounces, or not at all.
        if let Some(score) = self.next_score().filter(|_| self.params.write.value()) {
            let normalized = self.params.score.preview_normalized(score);
            // SAFETY: this stores atomics only. What nice-plug reserves it for, telling the host, comes after it.
            unsafe { self.params.score._internal_set_normalized_value(normalized) };
        }
        match publish {
            Some(publish) if can_tell => publish(),
            _ => {
                self.take_score();
            }
        }
    }

    /// Ends a gesture that could not be ended later, now that there is no editor. For the editor's thread.
    pub(super) fn end_gesture(&self) {
        let publish = {
            let writer = lock(&self.writer);
            if !writer.gesture || self.host_to_tell(&writer).is_some() {
                return;
            }
            writer.executor.clone()
        };
        // Not directly: nice-plug knows whether there still is somebody to hear it.
        if let Some(publish) = publish {
            publish();
        }
    }

    /// Ends the gesture once writing is switched off, also while there are no readings that would do so.
    pub(super) fn end_unwanted_gesture(&self) {
        let publish = {
            let writer = lock(&self.writer);
            let unwanted = writer.gesture && !self.params.write.value();
            // If the host may not be told now, it was when the editor closed.
            if !unwanted || self.host_to_tell(&writer).is_none() {
                return;
            }
            writer.executor.clone()
        };
        if let Some(publish) = publish {
            publish();
        }
    }

    /// Writes the window score into the output parameter, if that is switched on. For the thread that
    /// the executor uses, or the editor's.
    pub(crate) fn publish_score(&self) {
        let mut writer = lock(&self.writer);
        writer.more = true;
        // One thread at a time, or the end of a gesture might overtake its beginning.
        if std::mem::replace(&mut writer.telling, true) {
            return;
        }
        while std::mem::take(&mut writer.more) {
            let message = self.next_message(&mut writer);
            // A host may take its time, and the worker, which serves all instances, wants the lock meanwhile.
            drop(writer);
            if let Some(message) = message {
                self.tell(&message);
            }
            writer = lock(&self.writer);
        }
        writer.telling = false;
    }

    fn next_message(&self, writer: &mut Writer) -> Option<Message> {
        let context = writer.context.clone()?;
        let was = writer.gesture;
        writer.gesture = self.params.write.value() && self.host_to_tell(writer).is_some();
        let score = if writer.gesture { self.take_score() } else { None };
        Some(Message { context, begin: writer.gesture && !was, score, end: was && !writer.gesture })
    }

    fn tell(&self, message: &Message) {
        let (param, setter) = (&self.params.score, message.context.param_setter());
        if message.begin {
            setter.begin_set_parameter(param);
        }
        if let Some(score) = message.score {
            setter.set_parameter(param, score);
        }
        if message.end {
            setter.end_set_parameter(param);
        }
    }
}

#[cfg(test)]
mod tests;
