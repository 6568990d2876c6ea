//! The editor: what hosts open. Each opened window is a new `App`; what must outlive it is in the
//! [`Session`], which grows whether or not anybody looks.

mod app;
mod compare;
mod dialogs;
mod fonts;
mod footer;
mod header;
mod heads;
mod history;
mod mel;
mod number;
mod regions;
mod sight;
mod theme;

use std::error::Error;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::{LogicalSize, NativeSize};
use nice_plug::editor::{
    Editor, EditorHandle, HostMethods, Modifiers, ParentWindowHandle, ResizeHint, SizeConstraints,
    SpawnedEditor, VirtualKeyCode,
};
use nice_plug_egui::{
    EguiEditor, EguiEditorHandle, EguiEditorState, EguiNiceSettings, Frame, NiceEguiApp, baseview,
    create_egui_editor,
};

use crate::session::Session;
use crate::state::SMALLEST;
use app::App;
pub(crate) use dialogs::Dialogs;

/// Whether windows are those of X11. There, baseview would lay a new window out at the host's scale, but size it
/// as without; told afterwards, it does both.
const X11: bool = cfg!(all(unix, not(target_os = "macos")));

/// How large the window is, in what the host counts: pixels, on macOS points. For an open window it is what the
/// window says; on X11 it does so on a thread of its own.
#[derive(Clone, Default)]
struct Extent(Arc<Mutex<Opened>>);

#[derive(Default)]
struct Opened {
    /// `None` while no window is open.
    size: Option<NativeSize<u32>>,
    /// The window is made only when its parent is known, and what the host said is its scale.
    waiting: bool,
    told: Option<f64>,
}

impl Extent {
    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A window was opened, or something was done to it. `measured` asks it, under the lock: what it says itself
    /// meanwhile is newer.
    fn follow(&self, saved: LogicalSize<f32>, measured: impl FnOnce() -> NativeSize<u32>) {
        let mut opened = self.lock();
        // On Windows there is nothing to measure before there is a parent; baseview then says the size without
        // a scale.
        let expected = opened.told.filter(|_| cfg!(windows) && opened.waiting);
        opened.size = Some(match expected {
            Some(scale) => NativeSize::from_size(saved.into(), scale),
            None => measured(),
        });
    }

    /// What an open window says of itself. One that is closing has nothing to say any more.
    fn resized(&self, size: NativeSize<u32>) {
        if let Some(open) = &mut self.lock().size {
            *open = size;
        }
    }

    fn closed(&self) {
        *self.lock() = Opened::default();
    }
}

/// The app, and how large its window is.
struct Measured {
    app: App,
    extent: Extent,
    /// Of egui, which comes on top of the window's scale.
    zoom: f64,
}

impl NiceEguiApp for Measured {
    fn build(
        &mut self,
        egui: egui::Context,
        context: GuiContext,
        frame: &mut Frame,
    ) -> Result<(), baseview::HandlerError> {
        self.app.build(egui, context, frame)
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut Frame) {
        self.app.ui(ui, frame);
    }

    fn resized(&mut self, size: baseview::WindowSize) {
        let points =
            LogicalSize::new(size.logical.width * self.zoom, size.logical.height * self.zoom);
        self.extent.resized(NativeSize::from_logical_or_physical(points, size.physical));
        self.app.resized(size);
    }

    fn zoom_factor_changed(&mut self, zoom: f32) {
        self.zoom = f64::from(zoom);
        self.app.zoom_factor_changed(zoom);
    }
}

/// What hosts open.
pub struct EarwormEditor {
    session: Arc<Session>,
    extent: Extent,
}

/// An editor for a session.
pub(crate) fn create(session: Arc<Session>) -> EarwormEditor {
    EarwormEditor { session, extent: Extent::default() }
}

/// What a file is called, without where it is.
fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The size that was saved last, in points.
fn saved_size(session: &Session) -> LogicalSize<f32> {
    let size = session.params.looks.read().unwrap_or_else(PoisonError::into_inner).size.sane();
    LogicalSize::new(size.0, size.1)
}

impl EarwormEditor {
    /// Made anew each time, so that the size is the one that was saved last, even when a project was
    /// loaded meanwhile.
    fn egui_editor(&self) -> EguiEditor<Measured> {
        let state = EguiEditorState::from_size(saved_size(&self.session), 1.0);
        let settings = EguiNiceSettings::new().with_tile("Earworm").with_resize_hint(resize_hint());
        let app = App::new(self.session.clone());
        let app = Measured { app, extent: self.extent.clone(), zoom: 1.0 };
        create_egui_editor(state, self.session.notifier.clone(), settings, app)
            .expect("nice-plug-egui always makes one")
    }
}

fn resize_hint() -> ResizeHint {
    ResizeHint {
        can_resize: true,
        can_resize_horizontally: true,
        can_resize_vertically: true,
        preserve_aspect_ratio: false,
        size_constraints: SizeConstraints::min_logical_size(LogicalSize::new(
            SMALLEST.0, SMALLEST.1,
        )),
        ..ResizeHint::default()
    }
}

impl Editor for EarwormEditor {
    type Handle = Handle;

    fn spawn(
        &self,
        parent: Option<ParentWindowHandle>,
        wait_for_parent: bool,
        fallback_scale_factor: Option<f64>,
        context: GuiContext,
        host: Option<HostMethods>,
    ) -> Result<SpawnedEditor<Handle>, Box<dyn Error>> {
        let editor = self.egui_editor();
        let waiting = parent.is_none() && wait_for_parent;
        let (now, then) =
            if X11 { (None, fallback_scale_factor) } else { (fallback_scale_factor, None) };
        let spawned = editor.spawn(parent, wait_for_parent, now, context, host)?;
        if let Some(scale) = then {
            spawned.handle.set_fallback_scale_factor(scale, &spawned.window)?;
        }
        self.session.set_editor_open(true);
        *self.extent.lock() = Opened { size: None, waiting, told: fallback_scale_factor };
        let (session, extent) = (self.session.clone(), self.extent.clone());
        let handle = Handle { inner: spawned.handle, session, extent };
        handle.measure(&spawned.window);
        Ok(SpawnedEditor { handle, window: spawned.window })
    }

    /// The open window's; without one the saved size at 100 %.
    fn size(&self) -> NativeSize<u32> {
        let open = self.extent.lock().size;
        open.unwrap_or_else(|| NativeSize::from_size(saved_size(&self.session).into(), 1.0))
    }

    fn resize_hint(&self) -> ResizeHint {
        resize_hint()
    }
}

/// An open editor.
pub struct Handle {
    inner: EguiEditorHandle,
    session: Arc<Session>,
    extent: Extent,
}

impl Handle {
    fn measure(&self, window: &Window) {
        self.extent.follow(saved_size(&self.session), || {
            let size = window.size();
            NativeSize::from_logical_or_physical(size.logical, size.physical)
        });
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.extent.closed();
        self.session.set_editor_open(false);
    }
}

type Window = <EguiEditorHandle as EditorHandle>::Window;
type WindowError = <EguiEditorHandle as EditorHandle>::Error;

impl EditorHandle for Handle {
    type Window = Window;
    type Error = WindowError;

    fn run_until_closed(window: Window) -> Result<(), WindowError> {
        EguiEditorHandle::run_until_closed(window)
    }
    fn set_parent(&self, parent: ParentWindowHandle, window: &Window) -> Result<(), WindowError> {
        self.inner.set_parent(parent, window)?;
        self.extent.lock().waiting = false;
        self.measure(window);
        Ok(())
    }
    fn show(&self, window: &Window) -> Result<(), WindowError> {
        self.session.set_editor_open(true);
        self.inner.show(window)?;
        self.extent.lock().waiting = false;
        self.measure(window);
        Ok(())
    }
    fn hide(&self, window: &Window) -> Result<(), WindowError> {
        self.session.set_editor_open(false);
        self.inner.hide(window)
    }
    fn set_size(&self, size: NativeSize<u32>, window: &Window) -> Result<(), WindowError> {
        let set = self.inner.set_size(size, window);
        self.measure(window);
        set
    }
    fn host_main_thread_callback(&self, window: &Window) {
        self.inner.host_main_thread_callback(window);
    }
    fn adjust_size(&self, size: NativeSize<u32>, window: &Window) -> Option<NativeSize<u32>> {
        self.inner.adjust_size(size, window)
    }
    fn set_fallback_scale_factor(&self, factor: f64, window: &Window) -> Result<(), WindowError> {
        self.inner.set_fallback_scale_factor(factor, window)?;
        self.extent.lock().told = Some(factor);
        self.measure(window);
        Ok(())
    }
    fn on_virtual_key_from_host(
        &self,
        key: VirtualKeyCode,
        is_down: bool,
        modifiers: Modifiers,
    ) -> bool {
        self.inner.on_virtual_key_from_host(key, is_down, modifiers)
    }
    fn state_changed(&self) {
        self.session.refresh();
        self.inner.state_changed();
    }
    fn param_value_changed(&self, id: &str, normalized: f32) {
        self.inner.param_value_changed(id, normalized);
    }
    fn param_modulation_changed(&self, id: &str, offset: f32) {
        self.inner.param_modulation_changed(id, offset);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAVED: LogicalSize<f32> = LogicalSize { width: 880.0, height: 600.0 };

    fn size(extent: &Extent) -> Option<(u32, u32)> {
        extent.lock().size.map(|size| (size.width, size.height))
    }

    #[test]
    fn a_host_is_told_the_size_of_the_window_that_is_open() {
        let extent = Extent::default();
        extent.resized(NativeSize::new(1, 1));
        assert_eq!(size(&extent), None, "no window is open");
        extent.follow(SAVED, || NativeSize::new(1760, 1200));
        assert_eq!(size(&extent), Some((1760, 1200)));
        extent.resized(NativeSize::new(1400, 1000));
        assert_eq!(size(&extent), Some((1400, 1000)), "dragged by its own corner");
        extent.closed();
        extent.resized(NativeSize::new(1400, 1000));
        assert_eq!(size(&extent), None, "a closing window says nothing");
    }

    #[test]
    fn before_it_has_a_parent_a_window_is_as_large_as_the_host_was_told() {
        let extent = Extent::default();
        *extent.lock() = Opened { size: None, waiting: true, told: Some(2.0) };
        extent.follow(SAVED, || NativeSize::new(880, 600));
        let expected = if cfg!(windows) { (1760, 1200) } else { (880, 600) };
        assert_eq!(size(&extent), Some(expected));
        extent.lock().waiting = false;
        extent.follow(SAVED, || NativeSize::new(1320, 900));
        assert_eq!(size(&extent), Some((1320, 900)), "the window knows better");
    }
}
