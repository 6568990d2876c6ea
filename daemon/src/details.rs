//! The values of a model's classes with their names, as rows and readings carry them.

use earworm_scorer::model::Metadata;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// Values by the names of the model's classes, in the model's order; empty without a score.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Details(pub(crate) Vec<(String, f32)>);

impl Details {
    /// Puts names to values.
    pub(crate) fn new(metadata: &Metadata, values: &[f32]) -> Self {
        let names = metadata.classes.iter().map(|class| class.name.clone());
        Self(names.zip(values.iter().copied()).collect())
    }

    /// The value of the class of this name.
    pub(crate) fn get(&self, name: &str) -> Option<f32> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| *value)
    }
}

impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
