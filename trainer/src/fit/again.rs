//! Which of the songs that it learnt from the kept network is asked of again, as it is of the others. What
//! was right while it learnt is of crops and mixtures, and of a network that forgot at random and changed
//! all the time.

use crate::examples::{Examples, evenly};
use crate::run::Task;

/// Most songs of sound: they tell as much as all, at a fraction of the time.
const MOST_SONGS: usize = 200;

/// All rows; of sound an even sample, where the network is kept at all. None where nothing is decided.
pub(super) fn asked_again(
    task: Task,
    examples: &Examples<'_>,
    train: &[usize],
    is_kept: bool,
) -> Vec<usize> {
    let decides = matches!(task, Task::Binary | Task::Classes);
    match examples {
        Examples::Rows(_) if decides => train.to_vec(),
        Examples::Songs(_) if decides && is_kept => evenly(train, MOST_SONGS),
        _ => vec![],
    }
}
