//! The passes of two trainings that should be the same.

use std::path::Path;

use earworm_train::run::{EpochRow, read_epochs};

/// Checks that two parts went through the same passes, whenever that was.
pub(crate) fn assert_same_passes(one: &Path, other: &Path) {
    let passes = |part: &Path| read_epochs(&part.join("epochs.jsonl")).unwrap();
    let numbers = |row: &EpochRow| {
        let accuracies = [row.train_accuracy, row.validation_accuracy];
        let losses = [Some(row.train_loss), row.validation_loss];
        (row.epoch, [losses, accuracies].concat())
    };
    let (these, those) = (passes(one), passes(other));
    assert!(!these.is_empty(), "{} has no passes", one.display());
    assert_eq!(these.len(), those.len(), "{}", other.display());
    for (this, that) in these.iter().map(numbers).zip(those.iter().map(numbers)) {
        // The last digit of a number may be lost where it was read from a checkpoint.
        let near = |(a, b): (&Option<f64>, &Option<f64>)| match (a, b) {
            (Some(a), Some(b)) => (a - b).abs() < 1e-9,
            (a, b) => a == b,
        };
        let same = this.0 == that.0 && this.1.iter().zip(&that.1).all(near);
        assert!(same, "{}: {that:?}, not {this:?}", other.display());
    }
}
