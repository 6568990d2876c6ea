//! Answers of the history that are kept for a moment, as pages that look at the same range ask the same.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Bytes;

/// Longest that an answer is kept, in seconds.
const LONGEST_S: i64 = 5;
/// Answers that are kept at a time, and most bytes of one: more than a page asks for.
const MOST: usize = 8;
const MOST_BYTES: usize = 256 << 10;

/// What is asked for: whole seconds since 1970, from when on, until when unless it is until now, and in
/// steps of how many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: Option<i64>,
    pub(super) resolution: i64,
}

impl Span {
    /// How long an answer is as good as new: no longer than a step.
    fn lasts(self) -> Duration {
        Duration::from_secs(self.resolution.clamp(0, LONGEST_S).unsigned_abs())
    }
}

/// The answers, oldest first, each with the time until which it is kept.
#[derive(Debug, Default)]
pub(super) struct Kept {
    answers: Mutex<Vec<(Span, Instant, Bytes)>>,
}

impl Kept {
    /// What was answered to the same a moment ago.
    pub(super) fn find(&self, span: Span, now: Instant) -> Option<Bytes> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let same = answers.iter().find(|(of, until, _)| *of == span && now < *until);
        same.map(|(_, _, body)| body.clone())
    }

    /// Keeps the answer to what was asked at `now`.
    pub(super) fn keep(&self, span: Span, body: &Bytes, now: Instant) {
        if body.len() > MOST_BYTES {
            return;
        }
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.retain(|(of, until, _)| *of != span && now < *until);
        let surplus = (answers.len() + 1).saturating_sub(MOST);
        answers.drain(..surplus);
        answers.push((span, now + span.lasts(), body.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(from: i64, resolution: i64) -> Span {
        Span { from, to: None, resolution }
    }

    #[test]
    fn an_answer_is_kept_as_long_as_a_step_at_most() {
        let (kept, now) = (Kept::default(), Instant::now());
        let body = Bytes::from_static(b"{}");
        kept.keep(span(0, 1), &body, now);
        kept.keep(span(0, 1000), &body, now);
        let is_there = |span, ms| kept.find(span, now + Duration::from_millis(ms)).is_some();
        assert!(is_there(span(0, 1), 999) && !is_there(span(0, 1), 1000));
        assert!(is_there(span(0, 1000), 4999) && !is_there(span(0, 1000), 5000));
        for other in [span(1, 1000), span(0, 999), Span { to: Some(9), ..span(0, 1000) }] {
            assert!(!is_there(other, 0), "{other:?}");
        }
    }

    #[test]
    fn few_and_small_answers_are_kept() {
        let (kept, now) = (Kept::default(), Instant::now());
        let large = Bytes::from(vec![b' '; MOST_BYTES + 1]);
        kept.keep(span(0, 1000), &large, now);
        assert_eq!(kept.find(span(0, 1000), now), None);
        for from in 0..100 {
            kept.keep(span(from, 1000), &Bytes::from_static(b"{}"), now);
        }
        let found = |from| kept.find(span(from, 1000), now).is_some();
        assert_eq!((0..100).filter(|&from| found(from)).count(), MOST);
        assert!(found(99), "the latest is one of them");
    }
}
