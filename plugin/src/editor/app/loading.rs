//! Loading a model file without holding up the editor: it takes as long as a second.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use earworm_scorer::Model;

use crate::models;
use crate::state::ModelSetting;

type Loaded = Result<(Arc<Model>, ModelSetting), String>;

/// A model on its way.
pub(super) struct Loading {
    result: Receiver<Loaded>,
}

impl Loading {
    /// Starts to load a file; `ready` is called when there is a result.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(path: &Path, ready: impl Fn() + Send + 'static) -> std::io::Result<Self> {
        let (send, result) = channel();
        let path = path.to_owned();
        std::thread::Builder::new().name("earworm-model".into()).spawn(move || {
            let loaded = models::load(&path).map_err(|error| error.to_string());
            let _ = send.send(loaded.and_then(|model| {
                let setting = models::setting_of(&model)?;
                Ok((model, setting))
            }));
            ready();
        })?;
        Ok(Self { result })
    }

    /// The model and how a project remembers it, or what is wrong with it; nothing while it loads.
    pub(super) fn result(&self) -> Option<Loaded> {
        self.result.try_recv().ok()
    }
}
