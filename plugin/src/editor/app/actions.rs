//! What clicks, keys and dialogs do.

use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use nice_plug::params::{BoolParam, Param};

use super::App;
use crate::editor::dialogs::{Dialog, Purpose};
use crate::editor::header::Click;
use crate::export;
use crate::influence::Observer;
use crate::models;
use crate::offline::FileScore;
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
            Click::BuiltInModel => self.session.choose_model(ModelSetting::default()),
            Click::ScoreFile => self.ask(Purpose::Song),
            Click::ExportTable => self.ask(Purpose::Table),
            Click::ExportPicture => self.ask(Purpose::Picture),
            Click::Path(path) => self.take_path(Path::new(&path)),
        }
    }

    fn ask(&mut self, purpose: Purpose) {
        self.dialog = Some(Dialog::open(purpose, self.notify()));
    }

    /// A file that somebody named: a model where it ends in `onnx`, else a song.
    fn take_path(&mut self, path: &Path) {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx")) {
            self.load_model(path);
        } else {
            self.score_file(path);
        }
    }

    fn load_model(&mut self, path: &Path) {
        match models::load(path) {
            Ok(model) => {
                self.session.choose_model(models::setting_of(&model));
                self.messages.say(format!("{} is used from now on", model.metadata().name));
            }
            Err(error) => self.messages.complain(error.to_string()),
        }
    }

    fn score_file(&mut self, path: &Path) {
        let Some(model) = self.session.model() else { return };
        match FileScore::start(path, model, self.notify()) {
            Ok(file) => self.file = Some(file),
            Err(error) => self.messages.complain(error.to_string()),
        }
    }

    pub(super) fn export(&mut self, path: &Path) {
        match export::export(&self.session, path) {
            Ok(path) => self.messages.say(format!("wrote {}", path.display())),
            Err(error) => self.messages.complain(format!("{error:#}")),
        }
    }

    /// Takes the answers of dialogs and of work in the background.
    pub(super) fn collect(&mut self) {
        if let Some(answer) = self.dialog.as_ref().and_then(|dialog| dialog.answer().ok()) {
            self.dialog = None;
            match answer {
                Some((Purpose::Model, path)) => self.load_model(&path),
                Some((Purpose::Song, path)) => self.score_file(&path),
                Some((Purpose::Table, path)) => self.export(&with_extension(path, "csv")),
                Some((Purpose::Picture, path)) => self.export(&with_extension(path, "png")),
                None => {}
            }
        }
        if let Some(result) = self.file.as_ref().and_then(FileScore::result) {
            let name = self.file.take().map(|file| file.path.clone()).unwrap_or_default();
            let name = name.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match result {
                Ok(reading) => match reading.integrated {
                    Some(score) => {
                        let hook = reading.hook.map_or(String::new(), |hook| {
                            let place = crate::clock::clock(hook.start_s);
                            format!(", hook {:.0} at {place}", hook.score)
                        });
                        self.messages.say(format!("{name}: {score:.1}{hook}"));
                    }
                    None => self.messages.complain(format!("{name}: too little sound for a score")),
                },
                Err(error) => self.messages.complain(error),
            }
        }
    }

    pub(super) fn store_snapshot(&mut self) {
        let influence = self.observer.as_ref().and_then(Observer::latest);
        let regions = influence.map(|found| found.regions).unwrap_or_default();
        let Some(snapshot) = self.session.snapshot(regions) else {
            self.messages.complain("there is no window to store yet");
            return;
        };
        let params = &self.session.params;
        let mut snapshots = params.snapshots.write().unwrap_or_else(PoisonError::into_inner);
        snapshots.add(snapshot);
        self.chosen = Some(snapshots.list.len() - 1);
        let name = snapshots.list.last().map(|snapshot| snapshot.name.clone()).unwrap_or_default();
        drop(snapshots);
        self.messages.say(format!("stored as {name}"));
    }
}

fn with_extension(mut path: PathBuf, extension: &str) -> PathBuf {
    if path.extension().is_none() {
        path.set_extension(extension);
    }
    path
}
