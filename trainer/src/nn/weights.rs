//! The named values of a network.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use candle_core::{Device, Tensor, Var};

use crate::files;

/// The named values of a network: trained ones, and running ones that are saved but not trained
/// (statistics of batch norms, mean and deviation of the bands).
#[derive(Default)]
pub struct Weights {
    trained: BTreeMap<String, Var>,
    running: BTreeMap<String, Var>,
}

impl Weights {
    /// The values that an optimiser moves, by name.
    pub fn trained(&self) -> &BTreeMap<String, Var> {
        &self.trained
    }

    /// The values that are kept with the network but not trained, by name.
    pub fn running(&self) -> &BTreeMap<String, Var> {
        &self.running
    }

    /// Number of trained values.
    pub fn parameters(&self) -> usize {
        self.trained.values().map(|variable| variable.elem_count()).sum()
    }

    pub(super) fn add_trained(&mut self, name: &str, variable: Var) {
        debug_assert!(!self.running.contains_key(name), "two values are called {name}");
        let before = self.trained.insert(name.to_owned(), variable);
        debug_assert!(before.is_none(), "two values are called {name}");
    }

    pub(super) fn add_running(&mut self, name: &str, variable: Var) {
        debug_assert!(!self.trained.contains_key(name), "two values are called {name}");
        let before = self.running.insert(name.to_owned(), variable);
        debug_assert!(before.is_none(), "two values are called {name}");
    }

    fn all(&self) -> impl Iterator<Item = (&String, &Var)> {
        self.trained.iter().chain(&self.running)
    }

    /// Moves every trained value towards that of another network of the same shape, keeping the share
    /// `keep` (0–1) of what it was; running values are taken over.
    ///
    /// # Errors
    /// When the other's names or shapes differ or the device fails.
    pub fn follow(&self, other: &Self, keep: f64) -> Result<()> {
        let of_other = |values: &BTreeMap<String, Var>, name: &str| -> Result<Tensor> {
            let value = values.get(name).with_context(|| format!("the other has no {name}"))?;
            Ok(value.as_detached_tensor())
        };
        for (name, own) in &self.trained {
            let new = of_other(&other.trained, name)?;
            own.set(&((own.as_detached_tensor() * keep)? + (new * (1.0 - keep))?)?)?;
        }
        for (name, own) in &self.running {
            own.set(&of_other(&other.running, name)?.copy()?)?;
        }
        Ok(())
    }

    /// All values by name. They share their storage with the network: what is trained later shows in
    /// them.
    pub fn tensors(&self) -> HashMap<String, Tensor> {
        self.all().map(|(name, value)| (name.clone(), value.as_detached_tensor())).collect()
    }

    /// Takes all values over from `tensors`.
    ///
    /// # Errors
    /// When a value is missing, one has another shape, or there is one that this network does not
    /// have; the message names it, and nothing has changed then.
    pub fn set(&self, tensors: &HashMap<String, Tensor>) -> Result<()> {
        for (name, variable) in self.all() {
            let tensor = tensors.get(name).with_context(|| format!("there is no {name}"))?;
            ensure!(
                tensor.dims() == variable.dims(),
                "{name} has shape {:?}, not {:?}",
                tensor.dims(),
                variable.dims()
            );
        }
        let own =
            |name: &String| self.trained.contains_key(name) || self.running.contains_key(name);
        if let Some(name) = tensors.keys().filter(|&name| !own(name)).min() {
            bail!("{name} belongs to another network");
        }
        for (name, variable) in self.all() {
            variable.set(&tensors[name].to_device(variable.device())?.copy()?)?;
        }
        Ok(())
    }

    /// Writes all values as safetensors.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let tensors = self.tensors();
        files::write_whole(path, |to| Ok(candle_core::safetensors::save(&tensors, to)?))
    }

    /// Reads what [`save`](Self::save) wrote for a network of this shape.
    ///
    /// # Errors
    /// When the file cannot be read or does not fit; see [`set`](Self::set).
    pub fn load(&self, path: &Path) -> Result<()> {
        candle_core::safetensors::load(path, &Device::Cpu)
            .map_err(anyhow::Error::from)
            .and_then(|tensors| self.set(&tensors))
            .with_context(|| format!("cannot use the weights {}", path.display()))
    }
}
