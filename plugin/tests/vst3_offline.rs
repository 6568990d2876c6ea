//! The first offline rendering of a VST3 host is as complete as any other. As published, nice-plug 0.4.2
//! tells the plugin the processing mode of the setup before, so that it runs as live; see `vendor`.

use std::path::Path;
use std::ptr::null_mut;

use earworm_plugin::Earworm;
use earworm_scorer::decode::AudioFile;
use earworm_scorer::{Model, Scorer, ScorerOptions};
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::ComWrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    AudioBusBuffers, AudioBusBuffers__type0, IAudioProcessorTrait, IComponentTrait,
    IEditControllerTrait, ParameterInfo, ProcessData, ProcessModes_, ProcessSetup,
    SymbolicSampleSizes_,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::kResultOk;

const BLOCK: usize = 4096;

struct Host {
    plugin: ComWrapper<Wrapper<Earworm>>,
}

impl Host {
    fn setup(&self, rate: u32, mode: i32) {
        let mut setup = ProcessSetup {
            processMode: mode,
            symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
            maxSamplesPerBlock: BLOCK as i32,
            sampleRate: f64::from(rate),
        };
        // SAFETY: the setup lives until after the call.
        assert_eq!(unsafe { self.plugin.setupProcessing(&mut setup) }, kResultOk);
    }

    fn run(&self, channels: &mut [Vec<f32>], mode: i32) {
        // SAFETY: the calls of a host in their order; the buffers live until after them.
        unsafe {
            assert_eq!(self.plugin.setActive(1), kResultOk);
            assert_eq!(self.plugin.setProcessing(1), kResultOk);
            for at in (0..channels[0].len()).step_by(BLOCK) {
                let frames = BLOCK.min(channels[0].len() - at);
                let mut pointers: Vec<*mut f32> =
                    channels.iter_mut().map(|channel| channel[at..].as_mut_ptr()).collect();
                let bus = AudioBusBuffers {
                    numChannels: channels.len() as i32,
                    silenceFlags: 0,
                    __field0: AudioBusBuffers__type0 { channelBuffers32: pointers.as_mut_ptr() },
                };
                let (mut input, mut output) = (bus, bus);
                let mut data = ProcessData {
                    processMode: mode,
                    symbolicSampleSize: SymbolicSampleSizes_::kSample32 as i32,
                    numSamples: frames as i32,
                    numInputs: 1,
                    numOutputs: 1,
                    inputs: &mut input,
                    outputs: &mut output,
                    inputParameterChanges: null_mut(),
                    outputParameterChanges: null_mut(),
                    inputEvents: null_mut(),
                    outputEvents: null_mut(),
                    processContext: null_mut(),
                };
                assert_eq!(self.plugin.process(&mut data), kResultOk);
            }
            assert_eq!(self.plugin.setProcessing(0), kResultOk);
            assert_eq!(self.plugin.setActive(0), kResultOk);
        }
    }

    /// A parameter's number by its name.
    fn parameter(&self, name: &str) -> u32 {
        // SAFETY: a plain structure of numbers and texts; it lives until after the calls.
        unsafe {
            let mut info: ParameterInfo = std::mem::zeroed();
            (0..self.plugin.getParameterCount())
                .find_map(|index| {
                    assert_eq!(self.plugin.getParameterInfo(index, &mut info), kResultOk);
                    let title: Vec<u16> =
                        info.title.iter().copied().take_while(|&c| c != 0).collect();
                    (String::from_utf16_lossy(&title) == name).then_some(info.id)
                })
                .unwrap_or_else(|| panic!("no parameter {name}"))
        }
    }
}

#[test]
fn the_first_offline_rendering_is_complete() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../demo/demo.ogg");
    let mut file = AudioFile::open(path).unwrap();
    let rate = file.format().sample_rate;
    let mut scorer = Scorer::new(Model::embedded(), rate, ScorerOptions::LIVE).unwrap();
    let mut song = vec![Vec::new(), Vec::new()];
    while let Some(block) = file.next_block().unwrap() {
        scorer.push_interleaved(block, 2, &mut ()).unwrap();
        for frame in block.chunks(2) {
            song[0].push(frame[0]);
            song[1].push(frame[1]);
        }
    }
    let want = scorer.reading().window.unwrap();

    let host = Host { plugin: ComWrapper::new(Wrapper::<Earworm>::new()) };
    let (live, offline) = (ProcessModes_::kRealtime as i32, ProcessModes_::kOffline as i32);
    host.setup(rate, live);
    host.run(&mut [vec![0.0; BLOCK], vec![0.0; BLOCK]], live);
    // SAFETY: plain calls.
    unsafe { host.plugin.setParamNormalized(host.parameter("Write score"), 1.0) };
    host.setup(rate, offline);
    host.run(&mut song, offline);
    // SAFETY: a plain call.
    let shown = 100.0 * unsafe { host.plugin.getParamNormalized(host.parameter("Score")) };
    assert!((shown - f64::from(want)).abs() < 0.06, "{shown} in the host, {want} in the engine");
}
