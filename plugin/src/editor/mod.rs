//! The editor: what hosts open. Each opened window is a new `App`; what must outlive it is in the
//! [`Session`], which grows whether or not anybody looks.

mod app;
mod compare;
mod dialogs;
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
use std::sync::{Arc, PoisonError};

use nice_plug::context::gui::GuiContext;
use nice_plug::editor::dpi::{LogicalSize, NativeSize};
use nice_plug::editor::{
    Editor, EditorHandle, HostMethods, Modifiers, ParentWindowHandle, ResizeHint, SizeConstraints,
    SpawnedEditor, VirtualKeyCode,
};
use nice_plug_egui::{
    EguiEditor, EguiEditorHandle, EguiEditorState, EguiNiceSettings, create_egui_editor,
};

use crate::session::Session;
use crate::state::SMALLEST;
use app::App;

/// What hosts open.
pub struct EarwormEditor {
    session: Arc<Session>,
}

/// An editor for a session.
pub(crate) fn create(session: Arc<Session>) -> EarwormEditor {
    EarwormEditor { session }
}

impl EarwormEditor {
    /// Made anew each time, so that the size is the one that was saved last, even when a project was
    /// loaded meanwhile.
    fn egui_editor(&self) -> EguiEditor<App> {
        let size =
            self.session.params.looks.read().unwrap_or_else(PoisonError::into_inner).size.sane();
        let state = EguiEditorState::from_size(LogicalSize::new(size.0, size.1), 1.0);
        let settings = EguiNiceSettings::new().with_tile("Earworm").with_resize_hint(resize_hint());
        let app = App::new(self.session.clone());
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
        self.session.set_context(context.clone());
        let editor = self.egui_editor();
        let spawned =
            editor.spawn(parent, wait_for_parent, fallback_scale_factor, context, host)?;
        self.session.set_editor_open(true);
        let handle = Handle { inner: spawned.handle, session: self.session.clone() };
        Ok(SpawnedEditor { handle, window: spawned.window })
    }

    fn size(&self) -> NativeSize<u32> {
        self.egui_editor().size()
    }

    fn resize_hint(&self) -> ResizeHint {
        resize_hint()
    }
}

/// An open editor.
pub struct Handle {
    inner: EguiEditorHandle,
    session: Arc<Session>,
}

impl Drop for Handle {
    fn drop(&mut self) {
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
        self.inner.set_parent(parent, window)
    }
    fn show(&self, window: &Window) -> Result<(), WindowError> {
        self.session.set_editor_open(true);
        self.inner.show(window)
    }
    fn hide(&self, window: &Window) -> Result<(), WindowError> {
        self.session.set_editor_open(false);
        self.inner.hide(window)
    }
    fn set_size(&self, size: NativeSize<u32>, window: &Window) -> Result<(), WindowError> {
        self.inner.set_size(size, window)
    }
    fn host_main_thread_callback(&self, window: &Window) {
        self.inner.host_main_thread_callback(window);
    }
    fn adjust_size(&self, size: NativeSize<u32>, window: &Window) -> Option<NativeSize<u32>> {
        self.inner.adjust_size(size, window)
    }
    fn set_fallback_scale_factor(&self, factor: f64, window: &Window) -> Result<(), WindowError> {
        self.inner.set_fallback_scale_factor(factor, window)
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
