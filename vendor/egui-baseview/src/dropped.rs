//! Earworm: files dragged over and onto the window, as egui takes them. Not in upstream.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use baseview::{DropData, DropEffect, EventStatus};
use egui::{HoveredFile, RawInput};

/// A file on this computer.
#[derive(Debug)]
struct LocalFile(PathBuf);

impl egui::DroppedFile for LocalFile {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| format!("{}: {error}", self.0.display()))
    }
}

fn paths(data: &DropData) -> &[PathBuf] {
    match data {
        DropData::Files(paths) => paths,
        _ => &[],
    }
}

/// Files hang over the window.
pub(crate) fn hover(input: &mut RawInput, data: &DropData) {
    let hovered = |path: &PathBuf| HoveredFile { path: Some(path.clone()), ..Default::default() };
    input.hovered_files = paths(data).iter().map(hovered).collect();
}

/// Files were let go over the window.
pub(crate) fn drop(input: &mut RawInput, data: &DropData) {
    input.hovered_files.clear();
    for path in paths(data) {
        input.dropped_files.push(Arc::new(LocalFile(path.clone())));
    }
}

/// What the system is told: files are taken as copies, anything else is not.
pub(crate) fn answer(data: &DropData) -> EventStatus {
    match paths(data) {
        [] => EventStatus::Ignored,
        _ => EventStatus::AcceptDrop(DropEffect::Copy),
    }
}
