//! The plugin as hosts see it.

use std::sync::Arc;

use nice_plug::context::gui::GuiContext;
use nice_plug::prelude::*;

use crate::editor::{self, EarwormEditor};
use crate::feed::{Block, Feed};
use crate::keep_loaded::keep_loaded;
use crate::params::{EarwormParams, ResetOn};
use crate::session::{self, Session};

/// Work that nice-plug runs where the host may be spoken to, which is its main thread. In VST3 on Linux without an
/// open editor it is a thread of nice-plug's own, where that is not allowed; see `session/output.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Write the score into the output parameter.
    PublishScore,
}

/// One instance of the meter.
pub struct Earworm {
    params: Arc<EarwormParams>,
    session: Arc<Session>,
    feed: Feed,
}

impl Earworm {
    /// What this instance knows.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// The host renders in this mode from the next block on. For the audio thread, between blocks.
    pub(crate) fn turn_to(&mut self, mode: ProcessMode) {
        self.feed.turn(mode == ProcessMode::Offline);
    }
}

impl Default for Earworm {
    fn default() -> Self {
        keep_loaded();
        session::warm_up();
        let params = Arc::new(EarwormParams::default());
        let session = Session::new(params.clone());
        Self { params, feed: Feed::new(session.clone()), session }
    }
}

impl Plugin for Earworm {
    const NAME: &'static str = "Earworm";
    const VENDOR: &'static str = "Earworm";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[
        AudioIOLayout {
            main_input_channels: NonZeroU32::new(2),
            main_output_channels: NonZeroU32::new(2),
            ..AudioIOLayout::const_default()
        },
        AudioIOLayout {
            main_input_channels: NonZeroU32::new(1),
            main_output_channels: NonZeroU32::new(1),
            ..AudioIOLayout::const_default()
        },
    ];

    type Editor = EarwormEditor;
    type SysExMessage = ();
    type BackgroundTask = Task;

    fn task_executor(&mut self) -> TaskExecutor<Self> {
        let session = self.session.clone();
        Box::new(move |Task::PublishScore| session.publish_score())
    }

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn editor(&mut self, executor: AsyncExecutor<Self>) -> Option<EarwormEditor> {
        let publish = move || executor.execute_gui(Task::PublishScore);
        self.session.set_executor(Arc::new(publish));
        Some(editor::create(self.session.clone()))
    }

    fn activate(
        &mut self,
        _layout: &AudioIOLayout,
        config: &BufferConfig,
        _context: &mut impl ActivateContext<Self>,
    ) -> bool {
        let offline = config.process_mode == ProcessMode::Offline;
        self.feed.activate(config.sample_rate.round() as u32, offline);
        true
    }

    fn deactivate(&mut self) {
        self.feed.deactivate();
    }

    fn reset(&mut self) {
        self.feed.restart();
    }

    fn process(
        &mut self,
        buffer: &mut Buffer,
        _aux: &mut AuxiliaryBuffers,
        context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        let transport = context.transport();
        let block = Block {
            playing: transport.playing,
            song_s: transport.pos_seconds(),
            loop_s: transport.loop_range_seconds().map(|(start, end)| end - start),
            reset_on_start: self.params.reset_on.value() == ResetOn::Start,
            bypass: self.params.bypass.value(),
        };
        // The samples stay as they are: whatever comes in goes out, bit for bit.
        match buffer.as_slice_immutable() {
            [left, right] => self.feed.push(&[&**left, &**right], block),
            [only] => self.feed.push(&[&**only], block),
            _ => {}
        }
        ProcessStatus::Normal
    }

    fn setup_logger() -> Option<bool> {
        // A plugin does not write into its host's terminal unless somebody asks for it.
        if std::env::var_os("NICE_LOG").is_some() { None } else { Some(false) }
    }
}

impl ClapPlugin for Earworm {
    const CLAP_ID: &'static str = "earworm.meter";
    const CLAP_DESCRIPTION: Option<&'static str> =
        Some("A meter for how far a song will travel, by a model trained on listeners' reactions");
    const CLAP_MANUAL_URL: Option<&'static str> = None;
    const CLAP_SUPPORT_URL: Option<&'static str> = None;
    const CLAP_FEATURES: &'static [ClapFeature] = &[
        ClapFeature::AudioEffect,
        ClapFeature::Analyzer,
        ClapFeature::Mastering,
        ClapFeature::Stereo,
        ClapFeature::Mono,
    ];

    fn gui_context(&mut self, context: GuiContext) {
        self.session.set_context(context);
    }

    fn process_mode_changed(&mut self, mode: ProcessMode) {
        self.turn_to(mode);
    }
}

impl Vst3Plugin for Earworm {
    const VST3_CLASS_ID: [u8; 16] = *b"EarwormMeter0001";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] =
        &[Vst3SubCategory::Fx, Vst3SubCategory::Analyzer, Vst3SubCategory::Mastering];

    fn gui_context(&mut self, context: GuiContext) {
        self.session.set_context(context);
    }
}
