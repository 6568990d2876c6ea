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

/// Reads a model file, unless some instance still has the same file loaded. The model knows where it is whatever
/// the host's working folder will be.
///
/// # Errors
/// See [`ModelError`].
pub fn load(path: &Path) -> Result<Arc<Model>, ModelError> {
    let path = &absolute(path);
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

/// Where a path leads from the working folder. One that is absolute stays as somebody wrote it.
fn absolute(path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    // Without a working folder, or for an empty path, opening it says what is wrong.
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
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
///
/// # Errors
/// For the user, when its path is no Unicode: what a project saves is text, and another path would be none.
pub fn setting_of(model: &Model) -> Result<ModelSetting, String> {
    let Some(path) = model.path() else { return Ok(ModelSetting::default()) };
    let text = path.to_str().ok_or_else(|| {
        format!(
            "{}: this name is not UTF-8, so that no project could find the model again; rename the file, or \
             the folder that it is in",
            path.display()
        )
    })?;
    Ok(ModelSetting {
        file: Some(ModelFile {
            path: text.to_owned(),
            sha256: model.sha256().to_owned(),
            name: model.metadata().name.clone(),
        }),
    })
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
        let mut setting = setting_of(&model).unwrap();
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

    #[test]
    fn a_model_is_found_again_from_any_working_folder() {
        let path = "../scorer/tests/fixtures/tiny_lstm.onnx";
        assert!(Path::new(path).exists(), "tests run in the package's folder");
        let model = load(Path::new(path)).unwrap();
        let setting = setting_of(&model).unwrap();
        let file = setting.file.as_ref().unwrap();
        assert!(Path::new(&file.path).is_absolute(), "{}", file.path);
        assert!(Arc::ptr_eq(&resolve(&setting).model, &model), "it is not loaded again");
        assert_eq!(setting_of(&Model::embedded()), Ok(ModelSetting::default()));
    }

    /// Other systems have no such names, or refuse them.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_path_that_no_project_can_save_is_refused() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(OsStr::from_bytes(b"m\xfcsic.onnx"));
        std::fs::copy(tiny(), &path).unwrap();
        let refused = setting_of(&load(&path).unwrap()).unwrap_err();
        assert!(refused.contains("sic.onnx") && refused.contains("not UTF-8"), "{refused}");
    }
}
