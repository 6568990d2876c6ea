//! What the host sees and may automate, and what a project saves besides.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use nice_plug::params::persist::PersistentField;
use nice_plug::prelude::*;
use nice_plug_egui::RepaintNotifier;

use crate::state::{ModelSetting, Snapshots, ViewSettings};

/// When the meter starts anew by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ResetOn {
    /// Each time the transport starts.
    #[id = "start"]
    #[name = "Transport start"]
    Start,
    /// Only when told to.
    #[id = "manual"]
    #[name = "Manual"]
    Manual,
}

/// Which view the editor shows under the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum View {
    /// The score against time, and the mel picture.
    #[id = "meter"]
    #[name = "Meter"]
    Meter,
    /// What drives the score: per frequency region, and the model's other outputs.
    #[id = "influence"]
    #[name = "Influence"]
    Influence,
    /// Snapshots side by side.
    #[id = "compare"]
    #[name = "Compare"]
    Compare,
}

/// Length of a window, as part of the model's own: models are trained on every length from their
/// warm-up to a whole window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum WindowLength {
    /// As the model has it (30 s for the built-in one).
    #[id = "whole"]
    #[name = "Whole"]
    Whole,
    /// Half of it.
    #[id = "half"]
    #[name = "Half"]
    Half,
    /// A quarter, or about four thirds of the warm-up if that is longer.
    #[id = "quarter"]
    #[name = "Quarter"]
    Quarter,
}

impl WindowLength {
    /// All of them, longest first.
    pub const ALL: [Self; 3] = [Self::Whole, Self::Half, Self::Quarter];

    /// Frames of a window out of the model's whole ones. Always a multiple of four, so that four lanes
    /// are equally far apart.
    pub fn frames(self, whole: usize) -> Option<usize> {
        match self {
            Self::Whole => None,
            Self::Half => Some(whole / 2 / 8 * 8),
            Self::Quarter => Some(whole / 4 / 8 * 8),
        }
    }
}

/// The model that a project uses. Each choice is counted, whoever makes it: the editor, or a host that loads
/// a project.
pub struct ChosenModel {
    setting: RwLock<ModelSetting>,
    choices: AtomicU64,
    changes: Arc<AtomicU64>,
}

impl ChosenModel {
    /// The present choice.
    pub fn get(&self) -> ModelSetting {
        self.setting.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many choices there have been.
    pub fn choices(&self) -> u64 {
        self.choices.load(Ordering::Acquire)
    }

    /// Chooses.
    pub fn set(&self, setting: ModelSetting) {
        *self.setting.write().unwrap_or_else(PoisonError::into_inner) = setting;
        self.choices.fetch_add(1, Ordering::Release);
        // Only now: whoever sees the count sees what was counted.
        self.changes.fetch_add(1, Ordering::Release);
    }
}

impl PersistentField<'_, ModelSetting> for ChosenModel {
    fn set(&self, setting: ModelSetting) {
        ChosenModel::set(self, setting);
    }

    fn map<F, R>(&self, look: F) -> R
    where
        F: Fn(&ModelSetting) -> R,
    {
        look(&self.setting.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Parameters and saved fields. Identifiers must never change: projects are saved with them.
#[derive(Params)]
pub struct EarwormParams {
    /// The host's bypass. Audio passes through either way; in bypass it is not metered.
    #[id = "bypass"]
    pub bypass: BoolParam,
    /// Holds the numbers and pictures shown, and the score written, as they are.
    #[id = "hold"]
    pub hold: BoolParam,
    /// Starts the meter anew each time it goes on.
    #[id = "reset"]
    pub reset: BoolParam,
    /// Whether the transport's start resets.
    #[id = "rstart"]
    pub reset_on: EnumParam<ResetOn>,
    /// The view.
    #[id = "view"]
    pub view: EnumParam<View>,
    /// The window's length.
    #[id = "window"]
    pub window: EnumParam<WindowLength>,
    /// Whether the score is written to [`score`](Self::score).
    #[id = "write"]
    pub write: BoolParam,
    /// The window score as an output for the host to record.
    #[id = "score"]
    pub score: FloatParam,

    /// The model to use.
    #[persist = "model"]
    pub model: ChosenModel,
    /// How the editor shows things.
    #[persist = "looks"]
    pub looks: RwLock<ViewSettings>,
    /// Stored windows to compare with.
    #[persist = "snapshots"]
    pub snapshots: RwLock<Snapshots>,

    /// How many resets were asked for, by a parameter or by the editor.
    pub resets: Arc<AtomicU64>,
    /// How often the window's length or the model has been set: what takes another stream.
    pub changes: Arc<AtomicU64>,
    /// Asks the editor to draw again, as parameters that it shows do when they change.
    pub notifier: RepaintNotifier,
}

/// What a parameter does when it changes: it asks for another picture, and then does this. Hosts change parameters
/// on the audio thread as well, where nice-plug has no way to tell the editor.
fn redraw<T: 'static>(
    notifier: &RepaintNotifier,
    then: impl Fn(T) + Send + Sync + 'static,
) -> Arc<dyn Fn(T) + Send + Sync> {
    let notifier = notifier.clone();
    Arc::new(move |value| {
        notifier.request_repaint();
        then(value);
    })
}

impl Default for EarwormParams {
    fn default() -> Self {
        let resets = Arc::new(AtomicU64::new(0));
        let count = resets.clone();
        let changes = Arc::new(AtomicU64::new(0));
        let change = changes.clone();
        let notifier = RepaintNotifier::new();
        // All of these run on the audio thread as well.
        let reset = redraw(&notifier, move |on: bool| {
            if on {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        let another_window = redraw(&notifier, move |_: WindowLength| {
            // So that others have to look.
            change.fetch_add(1, Ordering::Release);
        });
        let switched = redraw(&notifier, |_: bool| {});
        Self {
            bypass: BoolParam::new("Bypass", false).make_bypass().with_callback(switched.clone()),
            hold: BoolParam::new("Hold", false).with_callback(switched.clone()),
            reset: BoolParam::new("Reset", false).with_callback(reset),
            reset_on: EnumParam::new("Reset on", ResetOn::Start)
                .with_callback(redraw(&notifier, |_| {})),
            view: EnumParam::new("View", View::Meter).with_callback(redraw(&notifier, |_| {})),
            window: EnumParam::new("Window", WindowLength::Whole).with_callback(another_window),
            write: BoolParam::new("Write score", false).with_callback(switched),
            score: FloatParam::new("Score", 0.0, FloatRange::Linear { min: 0.0, max: 100.0 })
                .with_step_size(0.1),
            model: ChosenModel {
                setting: RwLock::default(),
                choices: AtomicU64::new(0),
                changes: changes.clone(),
            },
            looks: RwLock::default(),
            snapshots: RwLock::default(),
            resets,
            changes,
            notifier,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_stay_as_projects_have_them() {
        let ids: Vec<String> =
            EarwormParams::default().param_map().into_iter().map(|(id, _, _)| id).collect();
        let known = ["bypass", "hold", "reset", "rstart", "view", "window", "write", "score"];
        assert_eq!(ids, known);
    }

    #[test]
    fn what_takes_another_stream_is_counted() {
        let params = EarwormParams::default();
        let count = || params.changes.load(Ordering::Acquire);
        // As a host does that loads a project.
        let saved = r#"{"file":{"path":"mine.onnx","sha256":"00","name":"mine"}}"#.to_owned();
        params.deserialize_fields(&[("model".to_owned(), saved.clone())].into());
        assert_eq!((count(), params.model.get().file.unwrap().name.as_str()), (1, "mine"));
        assert_eq!(params.serialize_fields()["model"], saved);
        crate::harness::automate(&params.window, 0.5);
        assert_eq!(count(), 2);
        crate::harness::automate(&params.view, 0.5);
        params.deserialize_fields(&[("looks".to_owned(), "{}".to_owned())].into());
        assert_eq!(count(), 2);
    }

    #[test]
    fn what_the_editor_shows_asks_for_another_picture() {
        let params = EarwormParams::default();
        let was_asked = || params.notifier.repaint_requested();
        was_asked();
        for switch in [&params.bypass, &params.hold, &params.reset, &params.write] {
            crate::harness::automate(switch, 1.0);
            assert!(was_asked(), "{}", switch.name());
            crate::harness::automate(switch, 1.0);
            assert!(!was_asked(), "{} stays as it is", switch.name());
        }
        crate::harness::automate(&params.reset_on, 1.0);
        assert!(was_asked());
        crate::harness::automate(&params.view, 1.0);
        assert!(was_asked());
        crate::harness::automate(&params.window, 1.0);
        assert!(was_asked());
        assert_eq!(params.resets.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn windows_can_be_split_into_lanes() {
        for whole in [646, 64, 1000] {
            for length in WindowLength::ALL {
                if let Some(frames) = length.frames(whole) {
                    assert!(frames % 8 == 0 && frames <= whole / 2, "{frames} of {whole}");
                }
            }
        }
    }
}
