//! One thing measured beside a peer: what the page shows a row of.

use serde::Serialize;

use super::measure::Spread;

/// The same work, done by us and by a peer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Line {
    /// What is done.
    pub(super) what: String,
    /// Who else did it.
    pub(super) peer: String,
    /// What both are counted in.
    pub(super) unit: &'static str,
    pub(super) ours: f64,
    pub(super) theirs: f64,
    /// How many times as much the peer needs, turn by turn.
    pub(super) ratio: Spread,
    /// What the ratio was to reach.
    pub(super) goal: Option<f64>,
    /// Why the comparison does not count, if results differ.
    pub(super) void: Option<String>,
}

impl Line {
    /// Both as they were measured in turn, one value a turn.
    ///
    /// # Panics
    /// When there was no turn.
    pub(super) fn in_turn(
        what: impl Into<String>,
        peer: impl Into<String>,
        unit: &'static str,
        ours: &[f64],
        theirs: &[f64],
    ) -> Self {
        let ratios = ours.iter().zip(theirs).map(|(a, b)| b / a);
        Self {
            what: what.into(),
            peer: peer.into(),
            unit,
            ours: Spread::of(ours.iter().copied()).median,
            theirs: Spread::of(theirs.iter().copied()).median,
            ratio: Spread::of(ratios),
            goal: None,
            void: None,
        }
    }

    pub(super) fn goal(mut self, goal: f64) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Whether its goal was reached; nothing where it has none or does not count.
    pub(super) fn is_met(&self) -> Option<bool> {
        self.goal.filter(|_| self.void.is_none()).map(|goal| self.ratio.median >= goal)
    }

    /// What the last column says.
    pub(super) fn verdict(&self) -> String {
        match (&self.void, self.goal, self.is_met()) {
            (Some(why), ..) => format!("void: {why}"),
            (None, Some(goal), Some(true)) => format!("goal {goal:.2}: met"),
            (None, Some(goal), _) => format!("goal {goal:.2}: not met"),
            (None, None, _) => String::new(),
        }
    }
}

/// The table for people.
pub(super) fn to_markdown(lines: &[Line]) -> String {
    let mut text = String::from(
        "| what | Earworm | peer | | ratio (min to max) | |\n| --- | ---: | --- | ---: | ---: | --- |\n",
    );
    for line in lines {
        let Line { what, peer, unit, ours, theirs, ratio, .. } = line;
        text += &format!(
            "| {what} | {ours:.3} {unit} | {peer} | {theirs:.3} {unit} | {:.2} ({:.2} to {:.2}) | {} |\n",
            ratio.median,
            ratio.min,
            ratio.max,
            line.verdict(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_turns_and_goals_are_judged() {
        let line = Line::in_turn("x", "y", "ms", &[1.0, 2.0, 1.0], &[3.0, 4.0, 5.0]);
        assert_eq!(line.ratio, Spread { median: 3.0, min: 2.0, max: 5.0 });
        assert_eq!((line.ours, line.theirs, line.is_met()), (1.0, 4.0, None));
        let (met, missed) = (line.clone().goal(3.0), line.clone().goal(3.1));
        assert_eq!((met.is_met(), missed.is_met()), (Some(true), Some(false)));
        let void = Line { void: Some("they differ".into()), ..met.clone() };
        assert_eq!((void.is_met(), void.verdict()), (None, "void: they differ".into()));
        let text = to_markdown(&[met]);
        let row = "| x | 1.000 ms | y | 4.000 ms | 3.00 (2.00 to 5.00) | goal 3.00: met |\n";
        assert!(text.ends_with(row), "{text}");
    }
}
