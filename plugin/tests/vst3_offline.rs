//! The first offline rendering of a VST3 host is as complete as any other. As published, nice-plug 0.4.2
//! tells the plugin the processing mode of the setup before, so that it runs as live; see `vendor`.

mod common;

use earworm_plugin::Earworm;
use earworm_scorer::{Model, ScorerOptions};
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{IEditControllerTrait, ProcessModes_};

use common::{demo, engine, vst3};

const BLOCK: usize = 4096;

/// Plays all of it, in place, as a host does from start to stop.
fn run(plugin: &Wrapper<Earworm>, channels: &mut [Vec<f32>; 2], mode: i32) {
    vst3::start(plugin);
    for at in (0..channels[0].len()).step_by(BLOCK) {
        let frames = BLOCK.min(channels[0].len() - at);
        let mut pointers = channels.each_mut().map(|channel| channel[at..].as_mut_ptr());
        let bus = vst3::bus(&mut pointers, 2);
        // SAFETY: the channels outlive the call, and have so many frames from there.
        assert!(unsafe { vst3::process(plugin, mode, bus, bus, frames as i32) });
    }
    vst3::stop(plugin);
}

#[test]
fn the_first_offline_rendering_is_complete() {
    let (rate, mut song) = demo();
    let want = engine(Model::embedded(), rate, &song, ScorerOptions::LIVE).window.unwrap();

    let plugin = Wrapper::<Earworm>::new();
    let (live, offline) = (ProcessModes_::kRealtime as i32, ProcessModes_::kOffline as i32);
    vst3::set_up(&plugin, live, rate, BLOCK);
    run(&plugin, &mut [vec![0.0; BLOCK], vec![0.0; BLOCK]], live);
    // SAFETY: plain calls.
    unsafe { plugin.setParamNormalized(vst3::parameter(&plugin, "Write score"), 1.0) };
    vst3::set_up(&plugin, offline, rate, BLOCK);
    run(&plugin, &mut song, offline);
    // SAFETY: a plain call.
    let shown = 100.0 * unsafe { plugin.getParamNormalized(vst3::parameter(&plugin, "Score")) };
    assert!((shown - f64::from(want)).abs() < 0.06, "{shown} in the host, {want} in the engine");
}
