//! Questions to the history that come at once, or are given up.

use std::sync::mpsc;

use tempfile::TempDir;

use super::*;
use crate::history::sample;

/// Long enough for the slowest machine; whatever is waited for comes sooner.
const PATIENCE: Duration = Duration::from_secs(60);
const MINUTE: Span = Span { from: 0, to: None, resolution: 1000 };

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
}

/// A history of a minute, and the folder that it is in.
fn archive() -> (Archive, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let reader = sample::write(&folder.path().join("history.db")).unwrap();
    (Archive::new(reader), folder)
}

/// Status and text.
async fn told(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[test]
fn those_who_would_wait_too_long_are_sent_away() {
    let (archive, _folder) = archive();
    run(async {
        let mut turns = Vec::new();
        for _ in 0..AT_ONCE {
            turns.extend(turn(&archive.turns, Duration::ZERO).await);
        }
        let refusal = archive.steps(MINUTE, Duration::ZERO, Instant::now()).await;
        assert_eq!(refusal.headers().get(header::RETRY_AFTER).unwrap(), "5");
        let (status, text) = told(refusal).await;
        assert!(status == 503 && text.contains("try again"), "{status} {text}");
        turns.pop();
        let (status, text) = told(archive.steps(MINUTE, PATIENCE, Instant::now()).await).await;
        assert!(status == 200 && text.contains("\"window\":50.0"), "{status} {text}");
    });
}

/// Its thread reads on: the next one would be one too many.
#[test]
fn a_question_that_was_given_up_keeps_its_turn_until_it_is_read() {
    let turns = Arc::new(Semaphore::new(1));
    run(async {
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (end, ended) = mpsc::channel::<()>();
        let turn = turn(&turns, Duration::ZERO).await.unwrap();
        let asked = tokio::spawn(look(turn, move || {
            let _ = begin.send(());
            let _ = ended.recv();
            Ok(Value::Null)
        }));
        begun.await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        assert_eq!(turns.available_permits(), 0);
        drop(end);
        assert!(super::turn(&turns, PATIENCE).await.is_some());
    });
}

#[test]
fn the_same_is_not_read_again_within_seconds() {
    let (archive, folder) = archive();
    run(async {
        let start = Instant::now();
        let ask = |span, s| archive.steps(span, PATIENCE, start + Duration::from_secs(s));
        let first = told(ask(MINUTE, 0).await).await;
        assert_eq!(first.0, 200, "{}", first.1);
        // Nothing is read any more.
        folder.close().unwrap();
        assert_eq!(told(ask(MINUTE, 4).await).await, first);
        assert_eq!(told(ask(MINUTE, 5).await).await.0, 503);
        assert_eq!(told(ask(Span { from: 1, ..MINUTE }, 1).await).await.0, 503);
    });
}
