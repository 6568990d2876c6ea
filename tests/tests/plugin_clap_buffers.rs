//! The CLAP bundle with what hosts do to buffers and parameters: one buffer for input and output,
//! another size in every block, channels said to be constant, mono, bypass and reset by automation.

#[path = "common/clap.rs"]
mod clap;
mod common;

use clack_extensions::audio_ports_config::{AudioPortsConfigBuffer, PluginAudioPortsConfig};
use clack_host::utils::ClapId;
use earworm_watch::real_time;

use clap::{Instance, demo, noise, run_in_place};

/// Sizes that follow each other in one run.
const BLOCKS: [usize; 9] = [1, 4096, 17, 512, 511, 2048, 64, 3000, 333];
const LARGEST: u32 = 4096;

/// Renders offline, writes the score, and gives it as it stands at the end.
fn rendered(
    instance: &mut Instance,
    rate: u32,
    channels: &[Vec<f32>],
    blocks: &[usize],
    automation: &[(usize, ClapId, f64)],
) -> f64 {
    instance.offline();
    let (write, score) = (instance.parameter("Write score"), instance.parameter("Score"));
    let processor = instance.activate(rate, LARGEST);
    let all = [&[(0, write, 1.0)], automation].concat();
    let processor = run_in_place(processor, channels, blocks, rate, 0, &all, |process| process());
    instance.plugin.deactivate(processor);
    100.0 * instance.value(score)
}

#[test]
fn one_buffer_and_another_size_in_every_block() {
    let (rate, song) = demo();
    let shown = rendered(&mut Instance::new(), rate, &song, &BLOCKS, &[]);
    let want = common::last_window_of_the_demo();
    assert!((shown - want).abs() <= 0.5, "{shown} in the host, {want} in the file");
}

#[test]
fn channels_said_to_be_constant_stay_as_they_are() {
    let mut instance = Instance::new();
    let frames = 48_000;
    for (channels, constant) in [
        ([vec![0.0; frames], vec![0.0; frames]], 0b11),
        ([vec![-0.0; frames], vec![0.25; frames]], 0b11),
        ([noise(frames, 1), vec![0.0; frames]], 0b10),
        // All bits set, also those of channels that there are not.
        ([vec![1e-42; frames], vec![f32::NAN; frames]], u64::MAX),
    ] {
        let processor = instance.activate(48_000, LARGEST);
        let processor =
            run_in_place(processor, &channels, &BLOCKS, 48_000, constant, &[], |process| process());
        instance.plugin.deactivate(processor);
    }
}

/// From the host's call on, on a thread that has never made it before: nothing allocates, waits or calls the
/// system, whatever the host automates, and however much the worker falls behind.
#[test]
fn the_audio_thread_does_nothing_but_its_work() {
    let mut instance = Instance::new();
    let [write, reset, bypass] =
        ["Write score", "Reset", "Bypass"].map(|name| instance.parameter(name));
    let automation: Vec<_> = (0..900usize)
        .map(|block| match block % 3 {
            0 => (block, write, f64::from(block as u32 / 3 % 2)),
            1 => (block, reset, f64::from(block as u32 / 3 % 2)),
            _ => (block, bypass, f64::from(u32::from(block % 30 == 2))),
        })
        .collect();
    let mut channels = [noise(20 * 48_000, 3), noise(20 * 48_000, 4)];
    channels[0][12_345] = f32::NAN;
    let processor = instance.activate(48_000, LARGEST);
    let processor = std::thread::scope(|scope| {
        let run = || {
            let blocks = &BLOCKS;
            run_in_place(processor, &channels, blocks, 48_000, 0, &automation, |process| {
                real_time(process);
            })
        };
        scope.spawn(run).join().unwrap()
    });
    instance.plugin.deactivate(processor);
}

#[test]
fn a_mono_track_is_scored_as_its_sound_in_stereo() {
    let (rate, song) = demo();
    let part = 20 * rate as usize;
    let middle: Vec<f32> = song[0].iter().zip(&song[1]).map(|(l, r)| (l + r) * 0.5).collect();
    let middle = middle[..part].to_vec();
    let twice = [middle.clone(), middle.clone()];
    let stereo = rendered(&mut Instance::new(), rate, &twice, &BLOCKS, &[]);

    let mut instance = Instance::new();
    let configurations: PluginAudioPortsConfig = instance.extension();
    let handle = instance.plugin.plugin_handle();
    let mut buffer = AudioPortsConfigBuffer::new();
    let mono = (0..configurations.count(&handle))
        .find_map(|index| {
            let found = configurations.get(&handle, index, &mut buffer)?;
            let channels = |port: Option<_>| -> u32 {
                port.map_or(0, |p: clack_extensions::audio_ports_config::MainPortInfo<'_>| {
                    p.channel_count
                })
            };
            let is_mono = channels(found.main_input) == 1 && channels(found.main_output) == 1;
            is_mono.then_some(found.id)
        })
        .expect("there is a mono layout");
    configurations.select(&handle, mono).unwrap();
    let mono = rendered(&mut instance, rate, &[middle], &BLOCKS, &[]);
    assert!(stereo > 0.0 && (mono - stereo).abs() < 0.06, "{mono} in mono, {stereo} in stereo");
}

#[test]
fn bypass_by_automation_stops_the_metering() {
    let (rate, song) = demo();
    let song: Vec<Vec<f32>> = song.iter().map(|c| c[..15 * rate as usize].to_vec()).collect();
    let block = [rate as usize / 20];
    let mut instance = Instance::new();
    let bypass = instance.parameter("Bypass");
    let passed_by = rendered(&mut instance, rate, &song, &block, &[(0, bypass, 1.0)]);
    assert_eq!(passed_by, 0.0, "nothing was metered, so nothing was written");
    // Bypassed again after ten seconds, what follows is not heard.
    let ten: Vec<Vec<f32>> = song.iter().map(|c| c[..10 * rate as usize].to_vec()).collect();
    let heard = rendered(&mut Instance::new(), rate, &ten, &block, &[]);
    let all = rendered(&mut Instance::new(), rate, &song, &block, &[]);
    let mut instance = Instance::new();
    let bypass = instance.parameter("Bypass");
    let until_ten = rendered(&mut instance, rate, &song, &block, &[(200, bypass, 1.0)]);
    assert!((until_ten - heard).abs() < 0.06, "{until_ten}, and {heard} of ten seconds alone");
    assert!((all - heard).abs() > 0.1, "the rest of the song would have told: {all} and {heard}");
}

#[test]
fn reset_by_automation_starts_anew() {
    let (rate, song) = demo();
    let seconds = |s: usize| s * rate as usize;
    let part = |channel: &[f32]| channel[..seconds(12)].to_vec();
    let alone: Vec<Vec<f32>> = song.iter().map(|c| part(c)).collect();
    let quiet: Vec<f32> = noise(seconds(15), 5).iter().map(|x| x * 0.1).collect();
    let after: Vec<Vec<f32>> = alone.iter().map(|c| [quiet.as_slice(), c].concat()).collect();
    let block = [rate as usize / 20];
    let want = rendered(&mut Instance::new(), rate, &alone, &block, &[]);
    let without = rendered(&mut Instance::new(), rate, &after, &block, &[]);
    let mut instance = Instance::new();
    let reset = instance.parameter("Reset");
    let got = rendered(&mut instance, rate, &after, &block, &[(300, reset, 1.0)]);
    assert!((got - want).abs() < 0.06, "{got} after a reset, {want} of the song alone");
    assert!((without - want).abs() > 0.5, "the noise would have told: {without} and {want}");
}
