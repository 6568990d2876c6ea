//! Runs of every task, made by formulas: read, measured, compared and told about.

mod broken;
mod calibrated;
mod compared;
mod made;
mod measured;
mod one_part;
mod told;

use earworm_train::evaluate::Evaluation;

fn value(evaluation: &Evaluation, name: &str) -> f64 {
    let figure = evaluation.figures.iter().find(|f| f.name == name && f.scope == "all");
    figure.unwrap_or_else(|| panic!("no {name}: {evaluation}")).value
}

fn refused(result: anyhow::Result<impl Sized>, words: &[&str]) {
    let Err(error) = result else { panic!("not refused: {words:?}") };
    let message = format!("{error:#}").replace('\\', "/");
    for word in words {
        assert!(message.contains(word), "{word:?} is not in {message:?}");
    }
}
