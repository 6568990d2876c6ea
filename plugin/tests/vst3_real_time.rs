//! The audio thread of VST3 hosts, whatever they automate: from the host's call on, on a thread that has never made it
//! before, nothing allocates, waits, wakes anybody or calls the system. nice-plug 0.4.2 as published wakes another
//! thread with each change of a parameter; see `vendor`.

mod common;

use earworm_plugin::Earworm;
use earworm_watch::real_time;
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    IEditControllerTrait, IParameterChanges, ProcessModes_,
};

use common::com::Changes;
use common::vst3;

const FRAMES: usize = 64;

#[test]
fn automation_wakes_nobody() {
    let plugin = Wrapper::<Earworm>::new();
    let live = ProcessModes_::kRealtime as i32;
    vst3::set_up(&plugin, live, 48_000, FRAMES);
    vst3::start(&plugin);
    let ids = ["Bypass", "Hold", "Reset", "Reset on", "View", "Write score"]
        .map(|name| vst3::parameter(&plugin, name));
    let changes = [1.0, 0.0].map(|value| Changes::new(ids.map(|id| (id, value))));
    let play = || {
        let mut sound = [vec![0.1f32; FRAMES], vec![0.1f32; FRAMES]];
        for block in 0..601 {
            let mut pointers = sound.each_mut().map(|channel| channel.as_mut_ptr());
            let bus = vst3::bus(&mut pointers, 2);
            let list = changes[block % 2].as_com_ref::<IParameterChanges>().unwrap().as_ptr();
            let frames = FRAMES as i32;
            let went_well = real_time(|| {
                // SAFETY: channels and changes outlive the call; the channels are as long as is said.
                unsafe { vst3::process_with(&plugin, live, bus, bus, frames, list) }
            });
            assert!(went_well);
        }
    };
    std::thread::scope(|scope| scope.spawn(play).join().unwrap());
    for id in ids {
        // SAFETY: a plain call.
        assert_eq!(unsafe { plugin.getParamNormalized(id) }, 1.0);
    }
    vst3::stop(&plugin);
}
