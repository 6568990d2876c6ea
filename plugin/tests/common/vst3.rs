//! What a VST3 host tells a plugin.

use std::ptr::null_mut;

use nice_plug::prelude::Vst3Plugin;
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, IAudioProcessorTrait, IComponentTrait,
    IEditControllerTrait, IParameterChanges, ParameterInfo, ProcessData, ProcessSetup,
    SymbolicSampleSizes_,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::kResultOk;

/// A parameter's number by its name.
pub fn parameter<P: Vst3Plugin>(plugin: &Wrapper<P>, name: &str) -> u32 {
    // SAFETY: a plain structure of numbers and texts; it lives until after the calls.
    unsafe {
        let mut info: ParameterInfo = std::mem::zeroed();
        (0..plugin.getParameterCount())
            .find_map(|index| {
                assert_eq!(plugin.getParameterInfo(index, &mut info), kResultOk);
                let title: Vec<u16> = info.title.iter().copied().take_while(|&c| c != 0).collect();
                (String::from_utf16_lossy(&title) == name).then_some(info.id)
            })
            .unwrap_or_else(|| panic!("no parameter {name}"))
    }
}

pub fn set_up<P: Vst3Plugin>(plugin: &Wrapper<P>, mode: i32, rate: u32, most_frames: usize) {
    let mut setup = ProcessSetup {
        processMode: mode,
        symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
        maxSamplesPerBlock: most_frames as i32,
        sampleRate: f64::from(rate),
    };
    // SAFETY: the setup lives until after the call.
    assert_eq!(unsafe { plugin.setupProcessing(&mut setup) }, kResultOk);
}

pub fn start<P: Vst3Plugin>(plugin: &Wrapper<P>) {
    // SAFETY: plain calls.
    unsafe {
        assert_eq!(plugin.setActive(1), kResultOk);
        assert_eq!(plugin.setProcessing(1), kResultOk);
    }
}

pub fn stop<P: Vst3Plugin>(plugin: &Wrapper<P>) {
    // SAFETY: plain calls.
    unsafe {
        assert_eq!(plugin.setProcessing(0), kResultOk);
        assert_eq!(plugin.setActive(0), kResultOk);
    }
}

/// Channels as the host gives them; the pointers must live until after the call.
pub fn bus(pointers: &mut [*mut f32], channels: usize) -> AudioBusBuffers {
    AudioBusBuffers {
        numChannels: channels as i32,
        silenceFlags: 0,
        __field0: AudioBusBuffers__type0 { channelBuffers32: pointers.as_mut_ptr() },
    }
}

/// One block. Whether it went well.
///
/// # Safety
/// The channels of both busses live until after the call, and are as long as is said, or null.
pub unsafe fn process<P: Vst3Plugin>(
    plugin: &Wrapper<P>,
    mode: i32,
    input: AudioBusBuffers,
    output: AudioBusBuffers,
    frames: i32,
) -> bool {
    // SAFETY: as it is for this.
    unsafe { process_with(plugin, mode, input, output, frames, null_mut()) }
}

/// The same, with changes of parameters.
///
/// # Safety
/// As for [`process`]; the changes are null or live until after the call as well.
pub unsafe fn process_with<P: Vst3Plugin>(
    plugin: &Wrapper<P>,
    mode: i32,
    mut input: AudioBusBuffers,
    mut output: AudioBusBuffers,
    frames: i32,
    changes: *mut IParameterChanges,
) -> bool {
    let mut data = ProcessData {
        processMode: mode,
        symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
        numSamples: frames,
        numInputs: 1,
        numOutputs: 1,
        inputs: &mut input,
        outputs: &mut output,
        inputParameterChanges: changes,
        outputParameterChanges: null_mut(),
        inputEvents: null_mut(),
        outputEvents: null_mut(),
        processContext: null_mut(),
    };
    // SAFETY: all that is pointed to lives until after the call.
    unsafe { plugin.process(&mut data) == kResultOk }
}
