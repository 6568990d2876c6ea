//! What clicks, keys and dialogs do.

use std::path::Path;
use std::sync::PoisonError;
use std::time::Instant;

use earworm_scorer::Model;
use nice_plug::params::{BoolParam, Param};

use super::App;
use crate::editor::app::loading::Loading;
use crate::editor::dialogs::{Purpose, Request};
use crate::editor::file_name;
use crate::editor::header::Click;
use crate::export::{self, Format};
use crate::influence;
use crate::state::ModelSetting;

impl App {
    fn set<P: Param>(&self, param: &P, value: P::Plain) {
        if let Some(context) = &self.context {
            let setter = context.param_setter();
            setter.begin_set_parameter(param);
            setter.set_parameter(param, value);
            setter.end_set_parameter(param);
        }
    }

    fn toggle(&self, param: &BoolParam) {
        self.set(param, !param.value());
    }

    /// Tells the host that there is something to save which is no parameter: nice-plug has no word for
    /// that, but hosts take any gesture as one, also of a parameter that stays as it is.
    fn touch(&self) {
        let view = &self.session.params.view;
        self.set(view, view.value());
    }

    pub(super) fn notify(&self) -> impl Fn() + Send + Clone + 'static {
        let notifier = self.session.notifier.clone();
        move || notifier.request_repaint()
    }

    pub(super) fn do_click(&mut self, click: Click) {
        let params = self.session.params.clone();
        match click {
            Click::View(view) => self.set(&params.view, view),
            Click::Hold => self.toggle(&params.hold),
            Click::Reset => self.session.reset(),
            Click::Window(length) => self.set(&params.window, length),
            Click::ResetOn(on) => self.set(&params.reset_on, on),
            Click::Write => self.toggle(&params.write),
            Click::Axis(axis) => {
                let mut looks = params.looks.write().unwrap_or_else(PoisonError::into_inner);
                (looks.axis, looks.span_s) = (axis, None);
            }
            Click::ChooseModel => self.ask(Purpose::Model),
            Click::BuiltInModel => {
                // What is still being loaded was chosen before.
                (self.loading, self.loaded) = (None, None);
                self.session.choose_model(ModelSetting::default());
                self.touch();
                self.messages.say("the built-in model is used from now on");
            }
            Click::ScoreFile => self.ask(Purpose::Song),
            Click::StopFile => {
                if let Some(path) = self.session.desk.cancel() {
                    self.messages.say(format!("{} is no longer scored", file_name(&path)));
                }
            }
            Click::Recall(result) => self.messages.say(result.line()),
            Click::ExportTable => self.ask(Purpose::Table),
            Click::ExportPicture => self.ask(Purpose::Picture),
            Click::Path(path) => self.take_path(Path::new(&path)),
        }
    }

    fn ask(&mut self, purpose: Purpose) {
        let request = Request { purpose, asker: self.asker, at: Instant::now() };
        let params = self.session.params.clone();
        let choices = move || params.model.choices();
        if !self.session.dialogs.open(request, choices, self.notify()) {
            self.messages.complain(
                "another file dialog is still open: answer or close that first, or wait a minute",
            );
        }
    }

    /// A file that somebody named: a model where it ends in `onnx`, else a song.
    pub(super) fn take_path(&mut self, path: &Path) {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")) {
            self.load_model(path, self.session.params.model.choices());
        } else {
            self.score_file(path);
        }
    }

    /// Loads a model that was chosen after so many choices of one.
    fn load_model(&mut self, path: &Path, choices: u64) {
        match Loading::start(path, choices, self.notify()) {
            Ok(loading) => {
                self.messages.say(format!("loading {}", file_name(path)));
                self.loading = Some(loading);
            }
            Err(error) => self.messages.complain(format!("{}: {error}", path.display())),
        }
    }

    fn score_file(&mut self, path: &Path) {
        // Before the host has activated, there is no stream and no model of its own.
        let model = self.session.model().unwrap_or_else(Model::embedded);
        if let Err(error) = self.session.desk.start(path, model, self.notify()) {
            self.messages.complain(format!("{}: {error}", path.display()));
        }
    }

    pub(super) fn export(&mut self, path: &Path, format: Format) {
        match export::export(&self.session, path, format) {
            Ok(path) => self.messages.say(format!("wrote {}", path.display())),
            Err(error) => self.messages.complain(format!("{error:#}")),
        }
    }

    /// Takes the answers of dialogs and of work in the background.
    pub(super) fn collect(&mut self) {
        while let Some(answer) = self.session.dialogs.answer() {
            let path = &answer.path;
            match answer.purpose {
                Purpose::Model => self.load_model(path, answer.choices),
                Purpose::Song => self.score_file(path),
                Purpose::Table => self.export(path, Format::Table),
                Purpose::Picture => self.export(path, Format::Picture),
            }
        }
        self.collect_model();
        if let Some(result) = self.session.desk.collect() {
            match &result.said {
                Ok(_) => self.messages.say(result.line()),
                Err(_) => self.messages.complain(result.line()),
            }
        }
    }

    /// Takes the model that has been loaded, unless another one has been chosen since, as by a host that loads a
    /// project.
    fn collect_model(&mut self) {
        let Some(loading) = self.loading.take() else { return };
        let Some(loaded) = loading.result() else {
            self.loading = Some(loading);
            return;
        };
        if loading.choices != self.session.params.model.choices() {
            let name = file_name(&loading.path);
            self.messages.say(format!("{name} is not used: another model was chosen meanwhile"));
            return;
        }
        match loaded {
            Ok((model, setting)) => {
                self.session.choose_model(setting);
                self.touch();
                self.messages.say(format!("{} is used from now on", model.metadata().name));
                self.loaded = Some(model);
            }
            Err(error) => self.messages.complain(error),
        }
    }

    pub(super) fn store_snapshot(&mut self) {
        let Some((snapshot, window)) = self.session.snapshot() else {
            self.messages.complain("there is no window to store yet");
            return;
        };
        let params = self.session.params.clone();
        let mut snapshots = params.snapshots.write().unwrap_or_else(PoisonError::into_inner);
        snapshots.add(snapshot);
        self.chosen = Some(snapshots.list.len() - 1);
        let Some(stored) = snapshots.list.last().cloned() else { return };
        drop(snapshots);
        self.touch();
        match influence::fill_in(&self.session, &stored, window) {
            Ok(()) => self.messages.say(format!("stored as {}", stored.name)),
            Err(error) => {
                let text = format!("stored as {}, without its influence: {error}", stored.name);
                self.messages.complain(text);
            }
        }
    }

    pub(super) fn remove_snapshot(&mut self, index: usize) {
        let params = self.session.params.clone();
        let mut snapshots = params.snapshots.write().unwrap_or_else(PoisonError::into_inner);
        if index < snapshots.list.len() {
            snapshots.list.remove(index);
        }
        drop(snapshots);
        self.chosen = None;
        self.touch();
    }
}
