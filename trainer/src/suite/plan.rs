//! The list of systems, from a TOML file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::recipe::{Recipe, set_all};
use crate::run::Task;
use crate::targets::Head;

/// The list that comes with the trainer: all systems, for data with the columns of Emotify.
const OWN: &str = include_str!("../../recipes/suite.toml");

/// Systems to be trained and measured alike.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What the suite is called.
    pub name: String,
    /// Everything random follows from it.
    #[serde(default)]
    pub seed: u64,
    /// The section `[data]` of every recipe, without the data set.
    pub data: toml::Table,
    /// The section `[split]` of every recipe.
    pub split: toml::Table,
    /// What songs are ranked by in the table, whatever a system learns: a share, a value or a yes or no.
    pub truth: Head,
    /// What systems learn, by name.
    pub targets: BTreeMap<String, Vec<toml::Table>>,
    /// Keys of every recipe that the quick mode changes.
    #[serde(default)]
    pub quick: BTreeMap<String, toml::Value>,
    /// The systems.
    pub systems: Vec<System>,
}

/// Whether a system is as it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// As published, defects and all.
    Published,
    /// With what was wrong put right.
    Corrected,
    /// Not of a seed, or of one that names no defect.
    Own,
}

impl Form {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Corrected => "corrected",
            Self::Own => "own",
        }
    }
}

/// One system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// Its name, and that of its run's folder.
    pub name: String,
    /// The seed system it is of: A to E, or what it follows up.
    pub system: String,
    /// As published or not.
    pub form: Form,
    /// What it is, and what was corrected.
    pub about: String,
    /// Which of the targets it learns.
    pub target: String,
    /// Its figures are of a split, of songs or of a target of its own: they stand beside the table, not
    /// in it.
    #[serde(default)]
    pub apart: bool,
    /// An earlier system whose loss of each song is what it learns, from the column `loss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses_of: Option<String>,
    /// The other sections and keys of its recipe: `model`, `loss`, `budget` …; `data` and `split` are
    /// added to those of all.
    pub recipe: toml::Table,
    /// Keys of its recipe that the quick mode changes, after those of all.
    #[serde(default)]
    pub quick: BTreeMap<String, toml::Value>,
}

impl Plan {
    /// Reads a list; the one that comes with the trainer where no path is given.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold together; the message names the system.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let (name, text) = match path {
            None => ("the built-in suite".to_owned(), OWN.to_owned()),
            Some(path) => {
                let name = path.display().to_string();
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
                (name, text)
            }
        };
        Self::parse(&text).with_context(|| format!("cannot use {name}"))
    }

    /// Reads a list from its text.
    ///
    /// # Errors
    /// When it does not hold together; the message names the system.
    pub fn parse(text: &str) -> Result<Self> {
        let plan: Self = toml::from_str(text)?;
        plan.validate()?;
        Ok(plan)
    }

    fn validate(&self) -> Result<()> {
        ensure!(!self.systems.is_empty(), "systems: there is none");
        self.truth.validate().context("truth")?;
        ensure!(self.truth.task() != Task::Classes, "truth: songs cannot be ranked by classes");
        let mut names = BTreeSet::new();
        for system in &self.systems {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            ensure!(
                !system.name.is_empty() && system.name.chars().all(plain),
                "systems: {:?} is no name; use letters, digits and hyphens",
                system.name
            );
            if let Some(other) = &system.losses_of {
                ensure!(
                    names.contains(other),
                    "system {}: losses_of names {other:?}, which does not come before it",
                    system.name
                );
            }
            ensure!(names.insert(&system.name), "systems: there are two called {}", system.name);
            for quick in [false, true] {
                self.recipe(system, Path::new("set"), quick)
                    .with_context(|| format!("system {}", system.name))?;
            }
        }
        Ok(())
    }

    /// The recipe of a system, for a data set.
    ///
    /// # Errors
    /// When its sections do not make one; the message says why.
    pub fn recipe(&self, system: &System, data: &Path, quick: bool) -> Result<Recipe> {
        let Some(heads) = self.targets.get(&system.target) else {
            let known: Vec<&str> = self.targets.keys().map(String::as_str).collect();
            bail!("there is no target {:?} (there are {})", system.target, known.join(", "));
        };
        let mut table = toml::Table::new();
        table.insert("name".into(), system.name.clone().into());
        table.insert("seed".into(), toml::Value::Integer(i64::try_from(self.seed)?));
        table.insert("data".into(), self.data.clone().into());
        table.insert("split".into(), self.split.clone().into());
        let heads = heads.iter().cloned().map(toml::Value::Table).collect();
        table.insert("heads".into(), toml::Value::Array(heads));
        for (key, value) in &system.recipe {
            match (table.get_mut(key), value) {
                (Some(toml::Value::Table(all)), toml::Value::Table(own)) => {
                    all.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
                }
                _ => {
                    table.insert(key.clone(), value.clone());
                }
            }
        }
        let (key, folder) = ("data.set".to_owned(), data.display().to_string().into());
        set_all(&mut table, [(&key, &folder)])?;
        if quick {
            set_all(&mut table, self.quick.iter().chain(&system.quick))?;
        }
        Recipe::from_table(table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_suite_is_valid() {
        let plan = Plan::load(None).unwrap();
        for system in ["A", "B", "C", "D", "E"] {
            assert!(plan.systems.iter().any(|s| s.system == system), "{system} is missing");
        }
        for form in [Form::Published, Form::Corrected] {
            assert!(plan.systems.iter().any(|s| s.form == form), "{form:?} is missing");
        }
    }

    #[test]
    fn mistakes_name_the_system() {
        let wrong = |from: &str, to: &str| {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("suite.toml");
            assert!(OWN.contains(from), "{from}");
            std::fs::write(&path, OWN.replacen(from, to, 1)).unwrap();
            format!("{:#}", Plan::load(Some(&path)).unwrap_err())
        };
        let kind = wrong("kind = \"few-features\"", "kind = \"few-feature\"");
        assert!(kind.contains("system e-") && kind.contains("few-features"), "{kind}");
        let target = wrong("target = \"half\"", "target = \"hal\"");
        assert!(target.contains("no target \"hal\""), "{target}");
        let name = wrong("name = \"e-few-features\"", "name = \"../e\"");
        assert!(name.contains("no name"), "{name}");
    }
}
