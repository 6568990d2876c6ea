//! The top line: the model and what it is worth, the views, hold, reset and the menu.

use egui::containers::menu::{MenuButton, MenuConfig};
use egui::{Align, Layout, PopupCloseBehavior, Rect, RichText, Ui, UiBuilder};

use super::sight::Sight;
use super::theme::ink;
use crate::offline::FileResult;
use crate::params::{EarwormParams, ResetOn, View, WindowLength};
use crate::state::Axis;
use earworm_kit::colour;

/// Height of the line.
pub(super) const HEIGHT: f32 = 30.0;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Click {
    View(View),
    Hold,
    Reset,
    Window(WindowLength),
    ResetOn(ResetOn),
    Write,
    Axis(Axis),
    ChooseModel,
    BuiltInModel,
    /// A path was typed or pasted: a model or a song.
    Path(String),
    ScoreFile,
    /// Give up the file that is being scored.
    StopFile,
    /// Say once more what came of a file.
    Recall(FileResult),
    ExportTable,
    ExportPicture,
}

/// Below this width, words give way.
const NARROW: f32 = 720.0;

/// What the menu shows and changes beside the parameters.
pub(super) struct MenuState<'a> {
    pub(super) axis: Axis,
    /// What is being typed.
    pub(super) path: &'a mut String,
    /// What came of scored files, latest last.
    pub(super) results: &'a [FileResult],
}

/// Draws it.
pub(super) fn show(
    ui: &mut Ui,
    area: Rect,
    sight: &Sight,
    params: &EarwormParams,
    state: MenuState<'_>,
) -> Option<Click> {
    let mut click = None;
    let narrow = area.width() < NARROW;
    let layout = Layout::right_to_left(Align::Center);
    let mut right = ui.new_child(UiBuilder::new().max_rect(area).layout(layout));
    let ui = &mut right;
    menu(ui, params, state, &mut click);
    if ui.button("Reset").on_hover_text("Start the meter anew (R)").clicked() {
        click = Some(Click::Reset);
    }
    let held = params.hold.value();
    let hold = ui.selectable_label(held, "Hold");
    if hold.on_hover_text("Keep numbers and pictures as they are; listening goes on (H)").clicked()
    {
        click = Some(Click::Hold);
    }
    ui.add_space(10.0);
    let view = params.view.value();
    for (which, name, about) in [
        (View::Compare, "Compare", "Snapshots side by side (3)"),
        (View::Influence, "Influence", "What drives the score (2)"),
        (View::Meter, "Meter", "The score against time (1)"),
    ] {
        if ui.selectable_label(view == which, name).on_hover_text(about).clicked() {
            click = Some(Click::View(which));
        }
    }
    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
        if !narrow {
            ui.label(RichText::new("Earworm").size(17.0).color(ink(colour::BRIGHT)));
        }
        let Some(model) = &sight.model else { return };
        let metadata = model.metadata();
        let name = RichText::new(&metadata.name).color(ink(colour::BRIGHT));
        let auc = metadata.test_auc();
        let worth = match auc {
            Some(auc) if narrow => format!("AUC {:.2}", auc.value),
            Some(auc) => format!("test AUC {:.2}", auc.value),
            None => "AUC unknown".to_owned(),
        };
        let about = format!(
            "{}\n\n{}{}",
            metadata.label,
            metadata.trust,
            auc.map_or(String::new(), |auc| format!(
                "\n\nTest AUC {:.3}, 95 % interval {:.3} to {:.3}; a coin has 0.5.",
                auc.value, auc.low, auc.high
            ))
        );
        ui.add(egui::Label::new(name).truncate()).on_hover_text(&about);
        let worth = RichText::new(worth).color(ink(colour::DIM)).size(12.5);
        ui.add(egui::Label::new(worth).truncate()).on_hover_text(about);
    });
    click
}

fn menu(ui: &mut Ui, params: &EarwormParams, state: MenuState<'_>, click: &mut Option<Click>) {
    let MenuState { axis, path, results } = state;
    // Not closed by a click inside: there is a text field.
    let config = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    let (button, _) = MenuButton::new("Menu").config(config).ui(ui, |ui| {
        ui.set_min_width(230.0);
        ui.label("Model");
        let about = "Load an ONNX model with Earworm's metadata";
        choice(ui, click, (false, "Choose a model file…", about), Click::ChooseModel);
        choice(ui, click, (false, "Use the built-in model", ""), Click::BuiltInModel);
        ui.separator();
        ui.label("A song");
        let about = "Scores a whole audio file beside the live meter";
        choice(ui, click, (false, "Score a file…", about), Click::ScoreFile);
        let field = egui::TextEdit::singleline(path).hint_text("or paste a path, then Enter");
        let field = ui.add(field.desired_width(220.0));
        if field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter)) {
            let typed = std::mem::take(path);
            let typed = typed.trim().trim_matches('"');
            if !typed.is_empty() {
                *click = Some(Click::Path(typed.to_owned()));
            }
            ui.close();
        }
        for result in results.iter().rev() {
            let about = result.line();
            let mut name = result.line();
            if name.chars().count() > 40 {
                name = name.chars().take(39).chain(['…']).collect();
            }
            choice(ui, click, (false, &name, &about), Click::Recall(result.clone()));
        }
        ui.separator();
        ui.label("Export the curve");
        choice(ui, click, (false, "As a table (CSV)…", ""), Click::ExportTable);
        choice(ui, click, (false, "As a picture (PNG)…", ""), Click::ExportPicture);
        ui.separator();
        ui.menu_button("Window length", |ui| {
            let window = params.window.value();
            for (which, name) in [
                (WindowLength::Whole, "The model's own"),
                (WindowLength::Half, "Half of it"),
                (WindowLength::Quarter, "A quarter"),
            ] {
                let about = "Starts the meter anew. The score was calibrated on whole windows";
                choice(ui, click, (window == which, name, about), Click::Window(which));
            }
        });
        ui.menu_button("Time axis", |ui| {
            for (which, name) in [
                (Axis::Elapsed, "Sound since the reset"),
                (Axis::Song, "Position in the song"),
                (Axis::Clock, "Time of day"),
            ] {
                choice(ui, click, (axis == which, name, ""), Click::Axis(which));
            }
        });
        ui.menu_button("Reset on", |ui| {
            let on = params.reset_on.value();
            let start = (on == ResetOn::Start, "Transport start", "");
            choice(ui, click, start, Click::ResetOn(ResetOn::Start));
            let manual = (on == ResetOn::Manual, "Only by hand", "");
            choice(ui, click, manual, Click::ResetOn(ResetOn::Manual));
        });
        let about = "Writes the window score into the parameter Score, for the host to record";
        choice(ui, click, (params.write.value(), "Write score as automation", about), Click::Write);
    });
    button.on_hover_text("Model, files, window, time axis, export");
}

fn choice(
    ui: &mut Ui,
    click: &mut Option<Click>,
    (on, name, about): (bool, &str, &str),
    what: Click,
) {
    let mut response = ui.selectable_label(on, name);
    if !about.is_empty() {
        response = response.on_hover_text(about);
    }
    if response.clicked() {
        *click = Some(what);
        ui.close();
    }
}
