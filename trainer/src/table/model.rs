//! One interface for all models on tables.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::adaboost::{self, AdaBoost};
use super::knn::Knn;
use super::log_odds::{log_odds, write_log_odds};
use super::logistic::Logistic;
use super::recipe::TableModelRecipe;
use super::svm::{self, Svm};
use super::tree::Tree;
use crate::files::write_bytes;
use crate::onnx::{Dim, Graph};

pub use super::log_odds::LARGEST_LOG_ODDS;

/// What was learnt. Models that tell two classes apart are there once, or once a class where there
/// are more: each then tells its class from all others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Fitted {
    Knn(Knn),
    Svm(Vec<Svm>),
    Tree(Tree),
    Adaboost(Vec<AdaBoost>),
    Logistic(Logistic),
}

/// A model on tables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableModel {
    recipe: TableModelRecipe,
    inputs: usize,
    classes: usize,
    fitted: Fitted,
}

impl TableModel {
    /// Learns `y`, the class of each row of `x`, `0..classes`. The same seed gives the same model.
    ///
    /// `x` is `[row][feature]`. The seed decides between splits of trees that are equally good.
    ///
    /// # Errors
    /// When a setting is out of range; there are no rows, no features or fewer than two classes;
    /// lengths differ; a value is not finite; a class has no row; or a model needs more rows, or
    /// cannot hold as many.
    pub fn fit(
        recipe: &TableModelRecipe,
        x: &[Vec<f64>],
        y: &[usize],
        classes: usize,
        seed: u64,
    ) -> Result<Self> {
        recipe.validate()?;
        check_rows(x, y, classes)?;
        let fitted = match *recipe {
            TableModelRecipe::Knn { k } => Fitted::Knn(Knn::fit(x, y, classes, k)?),
            TableModelRecipe::Svm { c, gamma } => {
                Fitted::Svm(each_class(y, classes, |positive| Svm::fit(x, positive, c, gamma))?)
            }
            TableModelRecipe::Tree { criterion, min_split, max_depth } => {
                Fitted::Tree(Tree::fit(x, y, classes, criterion, min_split, max_depth, seed)?)
            }
            TableModelRecipe::Adaboost { estimators, rate } => {
                Fitted::Adaboost(each_class(y, classes, |positive| {
                    AdaBoost::fit(x, positive, estimators, rate, seed)
                })?)
            }
            TableModelRecipe::Logistic { c } => Fitted::Logistic(Logistic::fit(x, y, c)?),
        };
        Ok(Self { recipe: recipe.clone(), inputs: x[0].len(), classes, fitted })
    }

    /// Raw outputs of each row of `x`, `[row][feature]`.
    ///
    /// Two classes have one output: above 0 means class 1; at 0, which shares of neighbours and of
    /// leaves do reach, it is class 0, as in scikit-learn. More classes have one output each: the
    /// largest counts, the first of equals. Shares of neighbours and leaves are log-odds, held
    /// within ±[`LARGEST_LOG_ODDS`]; logistic regression gives its log-odds, a support vector
    /// machine and boosted trees their decision values.
    ///
    /// # Errors
    /// When a row does not have as many features as were learnt from, or one is not finite.
    pub fn raw(&self, x: &[Vec<f64>]) -> Result<Vec<Vec<f32>>> {
        for (number, row) in x.iter().enumerate() {
            ensure!(
                row.len() == self.inputs,
                "row {number} has {} features; the model learnt from {}",
                row.len(),
                self.inputs
            );
            ensure!(
                row.iter().all(|v| v.is_finite()),
                "row {number} has a feature that is not finite"
            );
        }
        let raw = match &self.fitted {
            Fitted::Knn(model) => log_odds(model.shares(x)?),
            Fitted::Tree(model) => log_odds(model.shares(x)),
            Fitted::Svm(models) => every(x, |row| models.iter().map(|m| m.decision(row)).collect()),
            Fitted::Adaboost(models) => {
                every(x, |row| models.iter().map(|m| m.decision(row)).collect())
            }
            Fitted::Logistic(model) => every(x, |row| model.scores(row)),
        };
        Ok(raw.into_iter().map(|row| row.into_iter().map(|v| v as f32).collect()).collect())
    }

    /// Adds the model to an ONNX graph that begins as [`Graph::for_rows`] says: output
    /// `score [batch, outputs]`, as [`raw`](Self::raw) gives it.
    pub fn write_onnx(&self, graph: &mut Graph) {
        let outputs = if self.classes == 2 { 1 } else { self.classes };
        graph.output("score", &[Dim::Any("batch"), Dim::Size(outputs)]);
        graph.integers("axis.row", &[1]);
        // [batch, 1, features] → [batch, features]; neighbours and kernels broadcast over the former.
        let row = graph.apply("Squeeze", &["mel", "axis.row"], vec![]);
        match &self.fitted {
            Fitted::Knn(model) => {
                let shares = model.write_onnx(graph, "mel");
                write_log_odds(graph, &shares);
            }
            Fitted::Tree(model) => model.write_onnx(graph, &row, outputs),
            Fitted::Svm(models) => svm::write_onnx(models, graph, "mel"),
            Fitted::Adaboost(models) => adaboost::write_onnx(models, graph, &row),
            Fitted::Logistic(model) => model.write_onnx(graph, &row),
        }
    }

    /// The recipe that the model was made by.
    pub fn recipe(&self) -> &TableModelRecipe {
        &self.recipe
    }

    /// Features of a row.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// Classes that are told apart.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Numbers that were learnt: all that the model keeps to judge a row by.
    pub fn parameters(&self) -> usize {
        match &self.fitted {
            Fitted::Knn(model) => model.parameters(),
            Fitted::Svm(models) => models.iter().map(Svm::parameters).sum(),
            Fitted::Tree(model) => model.parameters(),
            Fitted::Adaboost(models) => models.iter().map(AdaBoost::parameters).sum(),
            Fitted::Logistic(model) => model.parameters(),
        }
    }

    /// Writes the model as JSON.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        write_bytes(path, serde_json::to_vec(self)?)
    }

    /// Reads a model that [`TableModel::save`] wrote.
    ///
    /// # Errors
    /// When the file cannot be read or does not hold together.
    pub fn load(path: &Path) -> Result<Self> {
        let model: Self = read_json(path)?;
        model.check().with_context(|| format!("{} is damaged", path.display()))?;
        Ok(model)
    }

    /// Checks that what was read holds together, so that judging a row cannot fail later.
    pub(super) fn check(&self) -> Result<()> {
        self.recipe.validate()?;
        ensure!(self.classes >= 2 && self.inputs > 0, "it has no classes or no features");
        let outputs = if self.classes == 2 { 1 } else { self.classes };
        let (kind, count) = match &self.fitted {
            Fitted::Knn(model) => {
                model.check(self.inputs, self.classes)?;
                (matches!(self.recipe, TableModelRecipe::Knn { .. }), outputs)
            }
            Fitted::Tree(model) => {
                model.check(self.inputs, self.classes)?;
                (matches!(self.recipe, TableModelRecipe::Tree { .. }), outputs)
            }
            Fitted::Svm(models) => {
                models.iter().try_for_each(|model| model.check(self.inputs))?;
                (matches!(self.recipe, TableModelRecipe::Svm { .. }), models.len())
            }
            Fitted::Adaboost(models) => {
                models.iter().try_for_each(|model| model.check(self.inputs))?;
                (matches!(self.recipe, TableModelRecipe::Adaboost { .. }), models.len())
            }
            Fitted::Logistic(model) => {
                model.check(self.inputs)?;
                (matches!(self.recipe, TableModelRecipe::Logistic { .. }), model.outputs())
            }
        };
        ensure!(kind, "the recipe is one of another model");
        ensure!(count == outputs, "it has {count} outputs for {} classes", self.classes);
        Ok(())
    }
}

pub(super) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    serde_json::from_str(&text).with_context(|| format!("{name} is no model on tables"))
}

/// What every model needs of its rows.
fn check_rows(x: &[Vec<f64>], y: &[usize], classes: usize) -> Result<()> {
    ensure!(!x.is_empty(), "there are no rows to train on");
    ensure!(x.len() == y.len(), "{} rows have {} targets", x.len(), y.len());
    let inputs = x[0].len();
    ensure!(inputs > 0, "there are no columns to learn from");
    for (number, row) in x.iter().enumerate() {
        ensure!(row.len() == inputs, "row {number} has {} features, not {inputs}", row.len());
        ensure!(row.iter().all(|v| v.is_finite()), "row {number} has a feature that is not finite");
    }
    ensure!(classes >= 2, "there are {classes} classes; a model tells at least two apart");
    let mut counts = vec![0usize; classes];
    for &class in y {
        ensure!(class < classes, "a row has class {class} of {classes}");
        counts[class] += 1;
    }
    if let Some(only) = counts.iter().position(|&count| count == y.len()) {
        anyhow::bail!(
            "all {} training rows are of class {only}; a model needs rows of two classes at least",
            y.len()
        );
    }
    if let Some(missing) = counts.iter().position(|&count| count == 0) {
        anyhow::bail!("no training row is of class {missing} of {classes}");
    }
    Ok(())
}

/// One model for two classes, else one a class against all others.
fn each_class<M>(
    y: &[usize],
    classes: usize,
    fit: impl Fn(&[bool]) -> Result<M>,
) -> Result<Vec<M>> {
    let wanted = if classes == 2 { 1..2 } else { 0..classes };
    wanted.map(|class| fit(&y.iter().map(|&own| own == class).collect::<Vec<bool>>())).collect()
}

fn every(x: &[Vec<f64>], judge: impl Fn(&[f64]) -> Vec<f64>) -> Vec<Vec<f64>> {
    x.iter().map(|row| judge(row)).collect()
}
