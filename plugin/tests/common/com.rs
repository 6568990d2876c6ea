//! Objects that a VST3 host gives a plugin.

use std::ptr::null_mut;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    IComponentHandler, IComponentHandlerTrait, IParamValueQueue, IParamValueQueueTrait,
    IParameterChanges, IParameterChangesTrait, ParamID, ParamValue,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{int32, kResultFalse, kResultOk, tresult};
use nice_plug::wrapper::vst3::vst3::{Class, ComWrapper};

#[cfg(target_os = "linux")]
#[allow(unused_imports, reason = "each test file uses its own part")]
pub use run_loop::Frame;

pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is automated in a block, each to one value from its first sample on.
pub struct Changes(Vec<ComWrapper<Change>>);

pub struct Change {
    id: ParamID,
    value: ParamValue,
}

impl Changes {
    pub fn new(values: impl IntoIterator<Item = (ParamID, ParamValue)>) -> ComWrapper<Self> {
        let change = |(id, value)| ComWrapper::new(Change { id, value });
        ComWrapper::new(Self(values.into_iter().map(change).collect()))
    }
}

impl Class for Changes {
    type Interfaces = (IParameterChanges,);
}

impl Class for Change {
    type Interfaces = (IParamValueQueue,);
}

impl IParameterChangesTrait for Changes {
    unsafe fn getParameterCount(&self) -> int32 {
        self.0.len() as int32
    }

    unsafe fn getParameterData(&self, index: int32) -> *mut IParamValueQueue {
        let change = usize::try_from(index).ok().and_then(|index| self.0.get(index));
        change
            .and_then(|change| change.as_com_ref::<IParamValueQueue>())
            .map_or(null_mut(), |queue| queue.as_ptr())
    }

    unsafe fn addParameterData(
        &self,
        _id: *const ParamID,
        _index: *mut int32,
    ) -> *mut IParamValueQueue {
        null_mut()
    }
}

impl IParamValueQueueTrait for Change {
    unsafe fn getParameterId(&self) -> ParamID {
        self.id
    }

    unsafe fn getPointCount(&self) -> int32 {
        1
    }

    unsafe fn getPoint(
        &self,
        _index: int32,
        offset: *mut int32,
        value: *mut ParamValue,
    ) -> tresult {
        // SAFETY: the plugin gives room for both.
        unsafe {
            offset.write(0);
            value.write(self.value);
        }
        kResultOk
    }

    unsafe fn addPoint(&self, _offset: int32, _value: ParamValue, _index: *mut int32) -> tresult {
        kResultFalse
    }
}

/// What a host is told of a parameter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Told {
    Begin(ParamID),
    Set(ParamID, ParamValue),
    End(ParamID),
}

/// Keeps what the host is told, and on which thread.
#[derive(Default)]
pub struct Handler {
    told: Mutex<Vec<(ThreadId, Told)>>,
}

impl Handler {
    fn hear(&self, told: Told) -> tresult {
        lock(&self.told).push((thread::current().id(), told));
        kResultOk
    }

    /// What it was told since the last time, if all of that was on this thread.
    pub fn heard_here(&self) -> Vec<Told> {
        let told = std::mem::take(&mut *lock(&self.told));
        let here = thread::current().id();
        assert!(told.iter().all(|&(thread, _)| thread == here), "on another thread: {told:?}");
        told.into_iter().map(|(_, told)| told).collect()
    }
}

impl Class for Handler {
    type Interfaces = (IComponentHandler,);
}

impl IComponentHandlerTrait for Handler {
    unsafe fn beginEdit(&self, id: ParamID) -> tresult {
        self.hear(Told::Begin(id))
    }

    unsafe fn performEdit(&self, id: ParamID, value: ParamValue) -> tresult {
        self.hear(Told::Set(id, value))
    }

    unsafe fn endEdit(&self, id: ParamID) -> tresult {
        self.hear(Told::End(id))
    }

    unsafe fn restartComponent(&self, _flags: int32) -> tresult {
        kResultOk
    }
}

#[cfg(target_os = "linux")]
mod run_loop {
    use std::sync::Mutex;

    use nice_plug::wrapper::vst3::vst3::Steinberg::Linux::{
        FileDescriptor, IEventHandler, IEventHandlerTrait, IRunLoop, IRunLoopTrait, ITimerHandler,
        TimerInterval,
    };
    use nice_plug::wrapper::vst3::vst3::Steinberg::{
        IPlugFrame, IPlugFrameTrait, IPlugView, ViewRect, kInvalidArgument, kResultFalse,
        kResultOk, tresult,
    };
    use nice_plug::wrapper::vst3::vst3::{Class, ComPtr, ComRef};

    use super::lock;

    /// What is around an editor, with the host's run loop, which turns when it is told to.
    #[derive(Default)]
    pub struct Frame {
        handlers: Mutex<Vec<(ComPtr<IEventHandler>, FileDescriptor)>>,
    }

    impl Frame {
        /// How many handlers are registered.
        pub fn handlers(&self) -> usize {
            lock(&self.handlers).len()
        }

        /// Calls those that have asked for it. How many did.
        pub fn turn(&self) -> usize {
            let mut handlers = lock(&self.handlers).clone();
            handlers.retain(|&(_, fd)| is_readable(fd));
            for (handler, fd) in &handlers {
                // SAFETY: a plain call, of what the plugin has registered.
                unsafe { handler.onFDIsSet(*fd) };
            }
            handlers.len()
        }
    }

    fn is_readable(fd: FileDescriptor) -> bool {
        let mut asked = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: one structure, which lives until after the call.
        unsafe { libc::poll(&mut asked, 1, 0) == 1 }
    }

    impl Class for Frame {
        type Interfaces = (IPlugFrame, IRunLoop);
    }

    impl IPlugFrameTrait for Frame {
        unsafe fn resizeView(&self, _view: *mut IPlugView, _size: *mut ViewRect) -> tresult {
            kResultFalse
        }
    }

    impl IRunLoopTrait for Frame {
        unsafe fn registerEventHandler(
            &self,
            handler: *mut IEventHandler,
            fd: FileDescriptor,
        ) -> tresult {
            // SAFETY: null, or the plugin's.
            let Some(handler) = (unsafe { ComRef::from_raw(handler) }) else {
                return kInvalidArgument;
            };
            lock(&self.handlers).push((handler.to_com_ptr(), fd));
            kResultOk
        }

        unsafe fn unregisterEventHandler(&self, handler: *mut IEventHandler) -> tresult {
            lock(&self.handlers).retain(|(known, _)| known.as_ptr() != handler);
            kResultOk
        }

        unsafe fn registerTimer(
            &self,
            _handler: *mut ITimerHandler,
            _milliseconds: TimerInterval,
        ) -> tresult {
            kResultFalse
        }

        unsafe fn unregisterTimer(&self, _handler: *mut ITimerHandler) -> tresult {
            kResultFalse
        }
    }
}
