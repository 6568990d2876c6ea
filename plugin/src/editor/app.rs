//! Everything in one window: layout and keys. What clicks do is in [`actions`].

mod actions;
mod drops;
mod keyboard;
mod loading;

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use earworm_scorer::Model;
use egui::{Key, Rect, pos2, vec2};
use nice_plug::context::gui::GuiContext;
use nice_plug_egui::{Frame, KeyCapture, NiceEguiApp, baseview};

use super::dialogs::Asker;
use super::footer::{self, Messages};
use super::header::{self, Click, MenuState};
use super::history::History;
use super::mel::MelPicture;
use super::sight::{Eye, Sight};
use super::theme::{self, GAP, ink};
use super::{compare, file_name, fonts, heads, number, regions};
use crate::influence::{Observer, absence};
use crate::params::View;
use crate::session::Session;
use crate::state::{Axis, Size};
use earworm_kit::colour;
use keyboard::Keyboard;
use loading::Loading;

/// Time between frames while something moves.
const FRAME: Duration = Duration::from_micros(16_000);
/// The left column is this part of the width, within limits.
const LEFT: (f32, f32, f32) = (0.26, 206.0, 300.0);
/// Keys that the editor takes; where the system lets others through, they stay the host's (the space bar starts its
/// transport).
const KEYS: [&str; 11] = ["r", "h", "s", "m", "1", "2", "3", "R", "H", "S", "M"];

/// An open editor.
pub(crate) struct App {
    session: Arc<Session>,
    context: Option<GuiContext>,
    asker: Asker,
    eye: Eye,
    history: History,
    mel: MelPicture,
    observer: Option<Observer>,
    loading: Option<Loading>,
    /// The model chosen last, kept until it scores, so that it is not loaded twice.
    loaded: Option<Arc<Model>>,
    messages: Messages,
    path: String,
    chosen: Option<usize>,
    keyboard: Keyboard,
    typing: bool,
    /// Whether keys were captured for typing, as last told to the window.
    captured: Option<bool>,
}

impl App {
    pub(crate) fn new(session: Arc<Session>) -> Self {
        Self {
            session,
            context: None,
            asker: Asker::new(),
            eye: Eye::new(),
            history: History::default(),
            mel: MelPicture::default(),
            observer: None,
            loading: None,
            loaded: None,
            messages: Messages::default(),
            path: String::new(),
            chosen: None,
            keyboard: Keyboard::default(),
            typing: false,
            captured: None,
        }
    }

    /// Which keys the host shall not get.
    fn key_capture(&self) -> KeyCapture {
        // While somebody types a path, every key is for the text field.
        if self.typing {
            return KeyCapture::CaptureAll;
        }
        let key = |name: &&str| nice_plug_egui::Key::Character((*name).to_owned());
        KeyCapture::CaptureKeys(KEYS.iter().map(key).collect())
    }

    fn keys(&mut self, ctx: &egui::Context) {
        // Also while somebody types: what is still held down afterwards is not pressed anew.
        let pressed = self.keyboard.pressed(ctx);
        self.typing = ctx.text_edit_focused();
        if self.typing {
            return;
        }
        keyboard::let_go_of_buttons(ctx);
        for key in pressed {
            match key {
                Key::R => self.do_click(Click::Reset),
                Key::H => self.do_click(Click::Hold),
                Key::M => self.session.clear_maximum(),
                Key::S => self.store_snapshot(),
                Key::Num1 => self.do_click(Click::View(View::Meter)),
                Key::Num2 => self.do_click(Click::View(View::Influence)),
                Key::Num3 => self.do_click(Click::View(View::Compare)),
                _ => {}
            }
        }
    }

    fn views(&mut self, ui: &mut egui::Ui, area: Rect, sight: &Sight) {
        let params = self.session.params.clone();
        let view = params.view.value();
        // Influence costs something, so it is only looked at while it is shown.
        if view == View::Meter {
            self.observer = None;
        } else if self.observer.is_none() {
            self.observer = Observer::start(&self.session, self.notify()).ok();
        }
        let why_not = sight.model.as_ref().map(|model| absence(model.metadata()));
        let why_not = why_not.as_deref();
        let influence = self.observer.as_ref().and_then(Observer::latest);
        let snapshots = params.snapshots.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.chosen = self.chosen.filter(|&index| index < snapshots.list.len());
        let other = self.chosen.map(|index| &snapshots.list[index]);
        let other = other.filter(|other| sight.incomparable(other).is_none());
        let other = other.map(|other| (other.name.as_str(), other.influence.as_slice()));
        match view {
            View::Meter => {
                let split = area.top() + (area.height() * 0.6).round();
                let upper = Rect::from_min_max(area.min, pos2(area.right(), split - GAP / 2.0));
                let lower = Rect::from_min_max(pos2(area.left(), split + GAP / 2.0), area.max);
                self.show_history(ui, upper, sight);
                let dt = ui.input(|input| input.stable_dt).min(0.1);
                self.mel.show(ui, lower, dt);
            }
            View::Influence => regions::show(ui, area, influence.as_ref(), other, why_not),
            View::Compare => {
                let rows = snapshots.list.len().max(2) as f32;
                let wanted = (70.0 + rows * 30.0).min(area.height() * 0.55);
                let split = area.top() + wanted.round();
                let upper = Rect::from_min_max(area.min, pos2(area.right(), split - GAP / 2.0));
                let lower = Rect::from_min_max(pos2(area.left(), split + GAP / 2.0), area.max);
                let click = compare::show(ui, upper, sight, &snapshots, self.chosen);
                regions::show(ui, lower, influence.as_ref(), other, why_not);
                match click {
                    Some(compare::Click::Store) => self.store_snapshot(),
                    Some(compare::Click::Choose(index)) => {
                        self.chosen = (self.chosen != Some(index)).then_some(index);
                    }
                    Some(compare::Click::Remove(index)) => self.remove_snapshot(index),
                    None => {}
                }
            }
        }
    }

    fn show_history(&mut self, ui: &mut egui::Ui, area: Rect, sight: &Sight) {
        let looks = &self.session.params.looks;
        let (axis, span) = {
            let looks = looks.read().unwrap_or_else(PoisonError::into_inner);
            (looks.axis, looks.span_s)
        };
        let mut zoomed = span;
        self.history.show(ui, area, sight, axis, &mut zoomed);
        if zoomed != span {
            looks.write().unwrap_or_else(PoisonError::into_inner).span_s = zoomed;
        }
    }

    /// One frame.
    fn draw(&mut self, ui: &mut egui::Ui) {
        let ctx = ui.ctx().clone();
        // Sooner than by itself, as somebody is waiting for it.
        self.session.refresh();
        self.session.collect_lines();
        self.collect();
        self.keys(&ctx);
        self.take_drops(&ctx);
        let sight = self.eye.look(&self.session);
        let moves = match self.eye.held() {
            Some(held) => {
                let frames = held.scored.as_ref().map_or(&[][..], |scored| scored.window.frames());
                self.mel.hold(&ctx, &held.model, frames);
                false
            }
            None => self.mel.update(&ctx, self.session.meter().as_ref()),
        };

        let whole = ui.max_rect();
        ui.painter().rect_filled(whole, 0.0, ink(colour::BACKGROUND));
        let inner = whole.shrink(GAP);
        let head = Rect::from_min_size(inner.min, vec2(inner.width(), header::HEIGHT));
        let foot = Rect::from_min_max(
            pos2(inner.left() + 2.0, inner.bottom() - footer::HEIGHT),
            pos2(inner.right() - 16.0, inner.bottom()),
        );
        let body = Rect::from_min_max(
            pos2(inner.left(), head.bottom() + GAP),
            pos2(inner.right(), foot.top() - GAP / 2.0),
        );
        let params = self.session.params.clone();
        let results = self.session.desk.results();
        let menu = MenuState { axis: self.axis(), path: &mut self.path, results: &results };
        if let Some(click) = header::show(ui, head, &sight, &params, menu) {
            self.do_click(click);
        }
        let width = (body.width() * LEFT.0).clamp(LEFT.1, LEFT.2).round();
        let left = Rect::from_min_size(body.min, vec2(width, body.height()));
        let right = Rect::from_min_max(pos2(left.right() + GAP, body.top()), body.max);
        let tall = left.height() > number::HEIGHT + GAP + 90.0;
        let panel = if tall { number::HEIGHT } else { left.height() };
        let panel = Rect::from_min_size(left.min, vec2(width, panel));
        if number::show(ui, panel, &sight) == Some(number::Click::Maximum) {
            self.session.clear_maximum();
        }
        if tall {
            let below = Rect::from_min_max(pos2(left.left(), panel.bottom() + GAP), left.max);
            heads::show(ui, below, &sight);
        }
        self.views(ui, right, &sight);
        let trouble = self.session.trouble();
        let work = self.session.desk.running();
        let work = work.map(|(path, progress)| (file_name(&path), progress));
        let work = work.as_ref().map(|(name, progress)| (name.as_str(), *progress));
        if footer::show(ui, foot, &sight, &self.messages, trouble.as_deref(), work) {
            self.do_click(Click::StopFile);
        }
        resize_corner(ui, whole);
        drops::hint(&ctx, whole);

        // Only the mel picture moves from frame to frame. The rest is drawn when something new was heard, and
        // what is done in the background asks for it itself.
        if self.eye.flows() && moves && params.view.value() == View::Meter {
            ctx.request_repaint_after(FRAME);
        } else if self.eye.flows() {
            // So that the end of the audio is noticed.
            ctx.request_repaint_after(Duration::from_millis(300));
        }
    }

    fn axis(&self) -> Axis {
        self.session.params.looks.read().unwrap_or_else(PoisonError::into_inner).axis
    }
}

impl NiceEguiApp for App {
    fn build(
        &mut self,
        egui: egui::Context,
        context: GuiContext,
        frame: &mut Frame,
    ) -> Result<(), baseview::HandlerError> {
        theme::apply(&egui);
        fonts::add_to(&egui);
        frame.set_clear_color(ink(colour::BACKGROUND).into());
        self.context = Some(context);
        Ok(())
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        self.draw(ui);
        if self.captured != Some(self.typing) {
            self.captured = Some(self.typing);
            frame.set_key_capture(self.key_capture());
        }
    }

    fn resized(&mut self, new_size: baseview::WindowSize) {
        let size = Size(new_size.logical.width as f32, new_size.logical.height as f32).sane();
        let looks = &self.session.params.looks;
        looks.write().unwrap_or_else(PoisonError::into_inner).size = size;
    }
}

/// Lets hosts that have no edge to drag be resized all the same.
fn resize_corner(ui: &mut egui::Ui, whole: Rect) {
    let corner = Rect::from_min_max(whole.max - vec2(16.0, 16.0), whole.max);
    let response = ui.interact(corner, ui.scope_id().with("corner"), egui::Sense::drag());
    if response.dragged()
        && let Some(at) = response.interact_pointer_pos()
    {
        let wanted = Size(at.x + 4.0, at.y + 4.0).sane();
        ui.send_viewport_cmd(egui::ViewportCommand::InnerSize(vec2(wanted.0, wanted.1)));
    }
    nice_plug_egui::resizable_window::paint_resize_corner(ui, &response);
}

#[cfg(test)]
mod tests;
