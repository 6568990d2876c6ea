//! Shares of neighbours and of leaves as log-odds, which is what other models say.

use crate::onnx::Graph;

/// The log-odds of a share of 0 or 1 stop at plus or minus this: a share one millionth from either.
pub const LARGEST_LOG_ODDS: f64 = 13.8;

/// The log-odds of a share.
pub(super) fn log_odds_of(share: f64) -> f64 {
    (share / (1.0 - share)).ln().clamp(-LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
}

/// Shares of the classes to log-odds: of class 1 if there are two, else of each.
pub(super) fn log_odds(shares: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let of = |share: &f64| log_odds_of(*share);
    shares
        .into_iter()
        .map(|row| match row.as_slice() {
            [_, one] => vec![of(one)],
            all => all.iter().map(of).collect(),
        })
        .collect()
}

/// Shares to log-odds, as [`log_odds`] takes them; the result is called `score`.
pub(super) fn write_log_odds(graph: &mut Graph, shares: &str) {
    graph.values("one", &[], &[1.0]);
    graph.values("odds.least", &[], &[-LARGEST_LOG_ODDS as f32]);
    graph.values("odds.most", &[], &[LARGEST_LOG_ODDS as f32]);
    let rest = graph.apply("Sub", &["one", shares], vec![]);
    let [of, of_rest] = [shares, &rest].map(|x| graph.apply("Log", &[x], vec![]));
    let odds = graph.apply("Sub", &[&of, &of_rest], vec![]);
    graph.node("Clip", &[&odds, "odds.least", "odds.most"], &["score"], vec![]);
}
