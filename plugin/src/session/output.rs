//! The score as an output: written into a parameter for the host to record.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nice_plug::context::gui::GuiContext;
use nice_plug::params::{InternalParamMut as _, Param as _};

use super::{Session, lock};

/// What writing takes, and whether the host is being written to.
#[derive(Default)]
pub(super) struct Writer {
    context: Option<GuiContext>,
    executor: Option<Arc<dyn Fn() + Send + Sync>>,
    gesture: bool,
}

impl Session {
    /// How the worker gets something done where the host may be spoken to.
    pub(crate) fn set_executor(&self, executor: Arc<dyn Fn() + Send + Sync>) {
        lock(&self.writer).executor = Some(executor);
    }

    /// What the host may be spoken to with; known from the first time that the editor opens.
    pub fn set_context(&self, context: GuiContext) {
        lock(&self.writer).context = Some(context);
    }

    fn window_score(&self) -> Option<f32> {
        let score = f32::from_bits(self.window_score.load(Ordering::Relaxed));
        (!score.is_nan()).then_some(score)
    }

    pub(super) fn ask_to_publish(&self) {
        let (publish, has_context) = {
            let writer = lock(&self.writer);
            if !self.params.write.value() && !writer.gesture {
                return;
            }
            (writer.executor.clone(), writer.context.is_some())
        };
        match publish {
            Some(publish) if has_context => publish(),
            // Until the editor has been open once, nice-plug gives nothing to tell the host with. The
            // value changes all the same, for hosts that ask for it.
            _ if !self.params.hold.value() => {
                if let Some(score) = self.window_score() {
                    let normalized = self.params.score.preview_normalized(score);
                    // SAFETY: this stores atomics only. What nice-plug reserves it for, telling the
                    // host, is not possible here.
                    unsafe { self.params.score._internal_set_normalized_value(normalized) };
                }
            }
            _ => {}
        }
    }

    /// Writes the window score into the output parameter, if that is switched on. For the thread that
    /// the executor uses, or the editor's.
    pub(crate) fn publish_score(&self) {
        let mut writer = lock(&self.writer);
        let Some(context) = writer.context.clone() else { return };
        let (params, setter) = (&self.params, context.param_setter());
        if params.write.value() != writer.gesture {
            writer.gesture = params.write.value();
            if writer.gesture {
                setter.begin_set_parameter(&params.score);
            } else {
                setter.end_set_parameter(&params.score);
            }
        }
        if writer.gesture
            && !params.hold.value()
            && let Some(score) = self.window_score()
        {
            setter.set_parameter(&params.score, score);
        }
    }
}
