//! Models, loaded once for the whole process however many instances use them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use earworm_scorer::Model;
use earworm_scorer::model::ModelError;

use crate::state::{ModelFile, ModelSetting};

/// A file as it was when it was read.
type Version = (PathBuf, Option<SystemTime>, u64);

static LOADED: Mutex<Option<HashMap<Version, Weak<Model>>>> = Mutex::new(None);

/// The model to score with, and what is wrong with the choice if it is not the one chosen.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The chosen model, or the built-in one in its place.
    pub model: Arc<Model>,
    /// Whether the chosen file is not there.
    pub missing: bool,
    /// For the user: why the choice could not be honoured, or that the file has changed.
    pub trouble: Option<String>,
}

/// Reads a model file, unless some instance still has the same file loaded.
///
/// # Errors
/// See [`ModelError`].
pub fn load(path: &Path) -> Result<Arc<Model>, ModelError> {
    let version = std::fs::metadata(path)
        .ok()
        .map(|found| (path.to_owned(), found.modified().ok(), found.len()));
    // Held while loading: instances that open at the same time wait for one and the same model.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = loaded.get_or_insert_with(HashMap::new);
    loaded.retain(|_, model| model.strong_count() > 0);
    if let Some(model) = version.as_ref().and_then(|version| loaded.get(version)?.upgrade()) {
        return Ok(model);
    }
    let model = Model::load(path)?;
    if let Some(version) = version {
        loaded.insert(version, Arc::downgrade(&model));
    }
    Ok(model)
}

/// The model that a project asks for.
pub fn resolve(setting: &ModelSetting) -> Resolved {
    let Some(file) = &setting.file else {
        return Resolved { model: Model::embedded(), missing: false, trouble: None };
    };
    match load(Path::new(&file.path)) {
        Ok(model) => {
            let changed = !file.sha256.is_empty() && model.sha256() != file.sha256;
            let trouble = changed.then(|| {
                format!(
                    "{} has changed since this project was saved ({} then, {} now)",
                    file.path,
                    short(&file.sha256),
                    short(model.sha256())
                )
            });
            Resolved { model, missing: false, trouble }
        }
        Err(error) => {
            let model = Model::embedded();
            let missing = !Path::new(&file.path).exists();
            let trouble = if !missing {
                format!("{error}; using {} instead", model.metadata().name)
            } else {
                format!(
                    "model {} is gone: {} (sha256 {}…); using {} instead. Put it back and \
                     choose it again, or choose another",
                    file.name,
                    file.path,
                    short(&file.sha256),
                    model.metadata().name
                )
            };
            Resolved { model, missing, trouble: Some(trouble) }
        }
    }
}

/// How a project remembers a model.
pub fn setting_of(model: &Model) -> ModelSetting {
    ModelSetting {
        file: model.path().map(|path| ModelFile {
            path: path.display().to_string(),
            sha256: model.sha256().to_owned(),
            name: model.metadata().name.clone(),
        }),
    }
}

fn short(sha256: &str) -> &str {
    sha256.get(..12).unwrap_or(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/fixtures/tiny_lstm.onnx")
    }

    #[test]
    fn a_file_is_loaded_once() {
        let (first, second) = (load(&tiny()).unwrap(), load(&tiny()).unwrap());
        assert!(Arc::ptr_eq(&first, &second));
        assert!(Arc::ptr_eq(&Model::embedded(), &resolve(&ModelSetting::default()).model));
    }

    #[test]
    fn what_is_gone_or_changed_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.onnx");
        std::fs::copy(tiny(), &path).unwrap();
        let model = load(&path).unwrap();
        let mut setting = setting_of(&model);
        assert_eq!(resolve(&setting).trouble, None);
        setting.file.as_mut().unwrap().sha256 = "0".repeat(64);
        let changed = resolve(&setting);
        assert!(changed.trouble.unwrap().contains("has changed since"));
        assert!(Arc::ptr_eq(&changed.model, &model));
        std::fs::remove_file(&path).unwrap();
        let gone = resolve(&setting);
        let trouble = gone.trouble.unwrap();
        assert!(trouble.contains("is gone") && trouble.contains("mine.onnx"), "{trouble}");
        assert!(Arc::ptr_eq(&gone.model, &Model::embedded()));
        std::fs::write(&path, "no model").unwrap();
        assert!(resolve(&setting).trouble.unwrap().contains("not a usable ONNX model"));
    }
}
