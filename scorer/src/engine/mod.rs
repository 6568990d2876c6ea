//! Running a model on sound without end, frame after frame, in the way that its kind asks for.
//!
//! - [`lanes`]: streaming models, with states;
//! - [`windows`]: models of a window of frames;
//! - [`descriptors`]: models of numbers that describe the sound of a window.

mod descriptors;
mod interval;
mod lanes;
mod step;
mod windows;

use std::sync::Arc;

use crate::describe::Sound;
use crate::front_end::Frame;
use crate::model::{Contract, Input, Model, ModelError};
use crate::span::Span;
use descriptors::Descriptors;
use lanes::Lanes;
use windows::Windows;

pub use lanes::lane_starts;
pub(crate) use step::Step;

/// One model on one stream of frames.
pub(crate) enum Engine {
    Lanes(Box<Lanes>),
    Windows(Box<Windows>),
    Descriptors(Box<Descriptors>),
}

impl Engine {
    /// The engine for this kind of model. `lanes` of a streaming model live `window_frames` frames each, and
    /// step at most `chunk` frames at a time; the others know their window.
    pub(crate) fn new(
        model: &Arc<Model>,
        window_frames: usize,
        lanes: usize,
        chunk: usize,
    ) -> Result<Self, ModelError> {
        let metadata = model.metadata();
        Ok(match (&metadata.input, metadata.contract) {
            (Input::Descriptors { .. }, _) => Self::Descriptors(Box::new(Descriptors::new(model)?)),
            (_, Contract::Streaming) => {
                Self::Lanes(Box::new(Lanes::new(model, window_frames, lanes, chunk)?))
            }
            (_, Contract::Window) => Self::Windows(Box::new(Windows::new(model)?)),
        })
    }

    pub(crate) fn reset(&mut self) {
        match self {
            Self::Lanes(lanes) => lanes.reset(),
            Self::Windows(windows) => windows.reset(),
            Self::Descriptors(descriptors) => descriptors.reset(),
        }
    }

    /// The sound of the window, where the model wants it described.
    pub(crate) fn sound(&mut self) -> Option<&mut Sound> {
        match self {
            Self::Lanes(_) => None,
            Self::Windows(windows) => windows.sound(),
            Self::Descriptors(descriptors) => Some(descriptors.sound()),
        }
    }

    /// Frames heard of the window; lanes tell that with every step instead.
    pub(crate) fn frames(&self) -> Option<usize> {
        match self {
            Self::Lanes(_) => None,
            Self::Windows(windows) => Some(windows.frames()),
            Self::Descriptors(descriptors) => Some(descriptors.frames()),
        }
    }

    /// Makes what [`finish`](Self::finish) would otherwise make itself.
    pub(crate) fn prepare_finish(&mut self) -> Result<(), ModelError> {
        match self {
            Self::Lanes(lanes) => lanes.prepare_finish(),
            Self::Windows(_) | Self::Descriptors(_) => Ok(()),
        }
    }

    /// Takes in the frames that wait for more, at the end of the audio; gives a step if there were some.
    pub(crate) fn finish(&mut self) -> Result<Option<Step<'_>>, ModelError> {
        match self {
            Self::Lanes(lanes) => lanes.finish(),
            // They are evaluated when it is time, whatever the number of frames since.
            Self::Windows(_) | Self::Descriptors(_) => Ok(None),
        }
    }

    /// Takes the next audible frame; gives a step when one is due.
    pub(crate) fn push(
        &mut self,
        frame: Frame<'_>,
        span: Span,
    ) -> Result<Option<Step<'_>>, ModelError> {
        match self {
            Self::Lanes(lanes) => lanes.push(frame, span),
            Self::Windows(windows) => windows.push(frame, span),
            Self::Descriptors(descriptors) => descriptors.push(span),
        }
    }
}
