//! Hosts that break the rules: audio before activation, channels that were not agreed on, parameters that there are
//! none, an editor without the host's part of it. nice-plug 0.4.2 as published ends the process, or reads and writes
//! what is not the plugin's; see `vendor`.

mod common;

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{dangling_mut, null, null_mut};

use earworm_plugin::Earworm;
use nice_plug::wrapper::clap::Wrapper as ClapWrapper;
use nice_plug::wrapper::clap::clap_sys::audio_buffer::clap_audio_buffer;
use nice_plug::wrapper::clap::clap_sys::events::{
    CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_TRANSPORT, clap_event_header, clap_event_transport,
    clap_input_events,
};
use nice_plug::wrapper::clap::clap_sys::ext::params::{
    CLAP_EXT_PARAMS, clap_param_info, clap_plugin_params,
};
use nice_plug::wrapper::clap::clap_sys::host::clap_host;
use nice_plug::wrapper::clap::clap_sys::plugin::clap_plugin;
use nice_plug::wrapper::clap::clap_sys::process::{CLAP_PROCESS_ERROR, clap_process};
use nice_plug::wrapper::clap::clap_sys::version::CLAP_VERSION;
use nice_plug::wrapper::vst3::Wrapper as Vst3Wrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    AudioBusBuffers, IEditControllerTrait as _, ParameterInfo, ProcessModes_,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{kInvalidArgument, kResultOk};

use common::vst3;

/// Frames in a block.
const FRAMES: usize = 64;
/// What is played, and what stands in an output that nobody has written to.
const SOUND: f32 = 0.5;
const UNTOUCHED: f32 = 7.0;

/// Channels of a host.
struct Bus {
    channels: Vec<Vec<f32>>,
    /// Where they are. The last of these is the place of no channel.
    pointers: Vec<*mut f32>,
}

impl Bus {
    fn new(channels: usize, value: f32) -> Self {
        let mut channels = vec![vec![value; FRAMES]; channels];
        let mut pointers: Vec<*mut f32> = channels.iter_mut().map(|c| c.as_mut_ptr()).collect();
        pointers.push(dangling_mut());
        Self { channels, pointers }
    }

    fn pair() -> (Self, Self) {
        (Self::new(2, SOUND), Self::new(2, UNTOUCHED))
    }

    fn holds(&self, channel: usize, value: f32) -> bool {
        self.channels[channel].iter().all(|&sample| sample == value)
    }
}

/// Gives a stereo plugin other channels than those two. `process` says whether it went well.
fn any_channels_are_taken(process: impl Fn(&mut Bus, &mut Bus) -> bool) {
    for (inputs, outputs) in
        [(2, 2), (4, 4), (2, 1), (4, 1), (4, 2), (1, 2), (2, 4), (3, 4), (0, 2), (2, 0), (0, 0)]
    {
        let (mut input, mut output) = (Bus::new(inputs, SOUND), Bus::new(outputs, UNTOUCHED));
        assert!(process(&mut input, &mut output), "{inputs} to {outputs}");
        for channel in 0..outputs {
            let want = if channel >= 2 {
                UNTOUCHED
            } else if channel < inputs {
                SOUND
            } else {
                0.0
            };
            assert!(output.holds(channel, want), "{channel} of {inputs} to {outputs}");
        }
    }
    let (mut input, mut output) = Bus::pair();
    input.pointers[1] = null_mut();
    assert!(process(&mut input, &mut output));
    assert!(output.holds(0, SOUND) && output.holds(1, 0.0));
    let (mut input, mut output) = Bus::pair();
    output.pointers[0] = null_mut();
    assert!(process(&mut input, &mut output));
    assert!(output.holds(0, UNTOUCHED) && output.holds(1, SOUND));
}

fn vst3_bus(bus: &mut Bus) -> AudioBusBuffers {
    let channels = bus.channels.len();
    vst3::bus(&mut bus.pointers, channels)
}

#[test]
fn a_vst3_host_may_break_the_rules() {
    let plugin = Vst3Wrapper::<Earworm>::new();
    let live = ProcessModes_::kRealtime as i32;
    // SAFETY: the channels live until after the calls, and are as long as is said, or null.
    let block =
        |input, output, frames| unsafe { vst3::process(&plugin, live, input, output, frames) };
    let process =
        |input: &mut Bus, output: &mut Bus| block(vst3_bus(input), vst3_bus(output), FRAMES as i32);
    let (mut input, mut output) = Bus::pair();
    assert!(!process(&mut input, &mut output), "nothing has been set up");
    // SAFETY: a structure of numbers and texts, which lives until after the calls.
    unsafe {
        let count = plugin.getParameterCount();
        let mut info: ParameterInfo = std::mem::zeroed();
        for (index, said) in
            [(count - 1, kResultOk), (count, kInvalidArgument), (-1, kInvalidArgument)]
        {
            assert_eq!(plugin.getParameterInfo(index, &mut info), said, "parameter {index}");
        }
    }
    vst3::set_up(&plugin, live, 48_000, FRAMES);
    // Nor is it active yet. What comes of that does not matter.
    process(&mut input, &mut output);
    vst3::start(&plugin);
    any_channels_are_taken(process);
    // Lengths and numbers that are none.
    let (mut input, mut output) = Bus::pair();
    let (mut input, mut output) = (vst3_bus(&mut input), vst3_bus(&mut output));
    assert!(block(input, output, -1));
    (input.numChannels, output.numChannels) = (-1, -1);
    assert!(block(input, output, FRAMES as i32));
    vst3::stop(&plugin);
}

unsafe extern "C" fn no_extension(_: *const clap_host, _: *const c_char) -> *const c_void {
    null()
}

unsafe extern "C" fn nothing(_: *const clap_host) {}

unsafe extern "C" fn one(_: *const clap_input_events) -> u32 {
    1
}

/// The event that the list is about.
unsafe extern "C" fn only(list: *const clap_input_events, _: u32) -> *const clap_event_header {
    // SAFETY: the list that is given to `process` below.
    unsafe { (*list).ctx.cast() }
}

fn clap_bus(bus: &mut Bus) -> clap_audio_buffer {
    clap_audio_buffer {
        data32: bus.pointers.as_mut_ptr(),
        data64: null_mut(),
        channel_count: bus.channels.len() as u32,
        latency: 0,
        constant_mask: 0,
    }
}

/// One call of a CLAP plugin. Whether it went well.
///
/// # Safety
/// The plugin exists, and the events, unless null, are a list.
unsafe fn clap_run(
    plugin: *const clap_plugin,
    input: &mut Bus,
    output: &mut Bus,
    events: *const clap_input_events,
) -> bool {
    let (input, mut output) = (clap_bus(input), clap_bus(output));
    let process = clap_process {
        steady_time: -1,
        frames_count: FRAMES as u32,
        transport: null(),
        audio_inputs: &input,
        audio_outputs: &mut output,
        audio_inputs_count: 1,
        audio_outputs_count: 1,
        in_events: events,
        out_events: null(),
    };
    // SAFETY: all that is pointed to lives until after the call.
    unsafe { (*plugin).process.unwrap()(plugin, &process) != CLAP_PROCESS_ERROR }
}

/// A host without any extension.
fn bare_host() -> clap_host {
    let text = c"a host".as_ptr();
    clap_host {
        clap_version: CLAP_VERSION,
        host_data: null_mut(),
        name: text,
        vendor: text,
        url: text,
        version: text,
        get_extension: Some(no_extension),
        request_restart: Some(nothing),
        request_process: Some(nothing),
        request_callback: Some(nothing),
    }
}

/// What a plugin offers under a name.
///
/// # Safety
/// The plugin exists, and this is what the name stands for.
unsafe fn extension<'a, T>(plugin: *const clap_plugin, name: &CStr) -> &'a T {
    // SAFETY: as it is for this.
    unsafe { (*plugin).get_extension.unwrap()(plugin, name.as_ptr()).cast::<T>().as_ref().unwrap() }
}

#[test]
fn a_clap_host_may_ask_for_a_parameter_that_there_is_none() {
    let host = bare_host();
    // SAFETY: the host outlives it.
    let wrapper = unsafe { ClapWrapper::<Earworm>::new(&host) };
    let plugin: *const clap_plugin = wrapper.clap_plugin.as_ptr();
    // SAFETY: the wrapper lives, and the structure of numbers and texts until after the calls.
    unsafe {
        assert!((*plugin).init.unwrap()(plugin));
        let params: &clap_plugin_params = extension(plugin, CLAP_EXT_PARAMS);
        let count = params.count.unwrap()(plugin);
        let mut info: clap_param_info = std::mem::zeroed();
        for (index, there) in [(count - 1, true), (count, false), (u32::MAX, false)] {
            assert_eq!(params.get_info.unwrap()(plugin, index, &mut info), there, "{index}");
        }
    }
}

/// Elsewhere windows are for the main thread alone, which no test has.
#[cfg(target_os = "linux")]
#[test]
fn a_clap_host_may_open_an_editor_that_it_has_no_extension_for() {
    use nice_plug::wrapper::clap::clap_sys::ext::gui::{
        CLAP_EXT_GUI, CLAP_WINDOW_API_X11, clap_plugin_gui,
    };

    let host = bare_host();
    // SAFETY: the host outlives it.
    let wrapper = unsafe { ClapWrapper::<Earworm>::new(&host) };
    let plugin: *const clap_plugin = wrapper.clap_plugin.as_ptr();
    // SAFETY: the wrapper lives, and this is its own plugin.
    unsafe {
        assert!((*plugin).init.unwrap()(plugin));
        let gui: &clap_plugin_gui = extension(plugin, CLAP_EXT_GUI);
        // Where there is no screen, there is no editor. Either way the host goes on.
        if gui.create.unwrap()(plugin, CLAP_WINDOW_API_X11.as_ptr(), false) {
            gui.destroy.unwrap()(plugin);
        }
    }
}

#[test]
fn a_clap_host_may_break_the_rules() {
    let host = bare_host();
    // SAFETY: the host outlives it.
    let wrapper = unsafe { ClapWrapper::<Earworm>::new(&host) };
    let plugin: *const clap_plugin = wrapper.clap_plugin.as_ptr();
    // SAFETY: it lives as long as its wrapper, and there are no events.
    let process =
        |input: &mut Bus, output: &mut Bus| unsafe { clap_run(plugin, input, output, null()) };
    // SAFETY: the wrapper lives, and this is its own plugin.
    assert!(unsafe { (*plugin).init.unwrap()(plugin) });
    let (mut input, mut output) = Bus::pair();
    assert!(!process(&mut input, &mut output), "it has never been active");
    // SAFETY: as above.
    unsafe {
        assert!((*plugin).activate.unwrap()(plugin, 48_000.0, 1, FRAMES as u32));
        assert!((*plugin).start_processing.unwrap()(plugin));
    }
    any_channels_are_taken(process);
    // Where the transport changes, the block is cut; not behind its end.
    for time in [0, 1, FRAMES as u32 - 1, FRAMES as u32, 10_000, u32::MAX] {
        // SAFETY: a structure of numbers.
        let mut transport: clap_event_transport = unsafe { std::mem::zeroed() };
        transport.header = clap_event_header {
            size: size_of::<clap_event_transport>() as u32,
            time,
            space_id: CLAP_CORE_EVENT_SPACE_ID,
            type_: CLAP_EVENT_TRANSPORT,
            flags: 0,
        };
        let ctx = (&raw mut transport).cast();
        let events = clap_input_events { ctx, size: Some(one), get: Some(only) };
        let (mut input, mut output) = Bus::pair();
        // SAFETY: the plugin lives as long as its wrapper; the event outlives the call.
        let went_well = unsafe { clap_run(plugin, &mut input, &mut output, &events) };
        assert!(went_well, "an event at {time}");
        assert!(output.holds(0, SOUND) && output.holds(1, SOUND), "an event at {time}");
    }
    // SAFETY: as above.
    unsafe {
        (*plugin).stop_processing.unwrap()(plugin);
        (*plugin).deactivate.unwrap()(plugin);
    }
}
