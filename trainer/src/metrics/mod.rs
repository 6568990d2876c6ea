//! What predictions are worth: figures, their intervals, and tests between models.
//!
//! Every figure is a plain function of slices that gives `None` where it has no meaning, such as the
//! AUC of songs that are all of one class. [`bootstrap`] puts intervals around any of them.

pub mod bootstrap;
mod classes;
mod paired;
mod probability;
mod rank;
mod values;

#[cfg(test)]
pub(crate) mod golden;

pub use bootstrap::Estimate;
pub use classes::{
    accuracy, auc_one_vs_rest, balanced_accuracy, confusion, first_largest, macro_f1, most_common,
};
pub use paired::{holm, mcnemar_exact};
pub use probability::{brier, brier_of_classes, calibration_error};
pub use rank::{auc, pearson, ranks, roc, spearman};
pub use values::{mean, mean_absolute_error, mean_squared_error, median, r_squared};
