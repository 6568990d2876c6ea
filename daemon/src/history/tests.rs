//! The history under rough handling.

use super::query::Reader;
use super::sample::{row, song};
use super::store::{self, Store};
use super::table::Row;

const DAY: i64 = 24 * 3600;

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/history.db");
    let mut store = Store::open(&path).unwrap();
    let rows: Vec<Row> = (0..100).map(|i| row(1000 + i, i as f32)).collect();
    let mut songs = [song(1000.0)];
    store.write(&rows, &mut songs).unwrap();
    // The same song again, a second later.
    songs[0].end += 1.0;
    songs[0].track.as_mut().unwrap().artist = Some("Late".into());
    store.write(&[], &mut songs).unwrap();
    let reader = Reader::new(&path);
    let steps = reader.steps(1000, 1100, 10, 9999).unwrap();
    assert_eq!(steps.len(), 10);
    assert_eq!(reader.steps(1000, 1100, 10, 3).unwrap().len(), 3);
    assert_eq!((steps[3].time, steps[3].window, steps[3].momentary), (1030, Some(34.5), None));
    let heard = reader.songs(0.0, 1e12, 10).unwrap();
    assert_eq!(heard.len(), 1);
    let heard = &heard[0];
    assert_eq!((heard.title.as_deref(), heard.end), (Some("One"), 1061.0));
    assert_eq!(heard.artist.as_deref(), Some("Late"), "what a player learns late is kept");
    assert_eq!(heard.hook.as_ref().unwrap().start, 1010.0);
    assert_eq!(heard.details.get(), r#"{"joy":0.5}"#);
    assert!(reader.songs(2000.0, 3000.0, 10).unwrap().is_empty());
    assert!(reader.steps(i64::MIN, i64::MAX, 1, 9999).unwrap().len() == 100);
}

#[test]
fn what_is_known_of_a_song_stays_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = Store::open(&path).unwrap();
    let mut songs = [song(1000.0)];
    store.write(&[], &mut songs).unwrap();
    (songs[0].score, songs[0].hook, songs[0].heard_s) = (None, None, 99.0);
    songs[0].details.clear();
    store.write(&[], &mut songs).unwrap();
    let heard = &Reader::new(&path).songs(0.0, 1e12, 10).unwrap()[0];
    assert_eq!((heard.score, heard.heard_s), (Some(57.0), 99.0));
    let hook = heard.hook.as_ref().unwrap();
    assert_eq!((hook.hook.score, hook.hook.start_s, hook.end), (61.0, 10.0, 1040.0));
    assert_eq!(heard.details.get(), r#"{"joy":0.5}"#);
}

#[test]
fn old_rows_become_minutes_and_then_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = Store::open(&path).unwrap();
    let now = 20 * DAY;
    let old: Vec<Row> = (0..7200).map(|i| row(now - 10 * DAY + i, (i % 60) as f32)).collect();
    let new: Vec<Row> = (0..600).map(|i| row(now - 600 + i, 40.0)).collect();
    store.write(&old, &mut [song((now - 15 * DAY) as f64)]).unwrap();
    store.write(&new, &mut [song((now - 600) as f64)]).unwrap();
    let count = |path| Reader::new(path).steps(0, now + 1, 1, 9999).unwrap().len();
    let mut rounds = 0;
    while store.thin(now - 7 * DAY, now - 12 * DAY).unwrap() {
        rounds += 1;
        assert!(rounds < 10);
    }
    assert_eq!(count(&path), 120 + 600);
    let steps = Reader::new(&path).steps(now - 10 * DAY, now - 10 * DAY + 60, 60, 9999).unwrap();
    assert_eq!(steps[0].window, Some(29.5), "the mean stays");
    assert_eq!(Reader::new(&path).songs(0.0, 1e12, 9).unwrap().len(), 1);
    while store.thin(now - 7 * DAY, now - DAY).unwrap() {}
    assert_eq!(count(&path), 600);
}

#[test]
fn a_clock_that_goes_back_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = Store::open(&path).unwrap();
    for start in [5000, 1000, 5000] {
        let rows: Vec<Row> = (0..60).map(|i| row(start + i, start as f32 / 100.0)).collect();
        store.write(&rows, &mut []).unwrap();
    }
    while store.thin(4000, 0).unwrap() {}
    let steps = Reader::new(&path).steps(0, 9000, 1000, 9999).unwrap();
    let windows: Vec<_> = steps.iter().map(|step| (step.time, step.window.unwrap())).collect();
    assert_eq!(windows, [(0, 10.0), (1000, 10.0), (5000, 50.0)]);
}

#[test]
fn a_damaged_file_is_moved_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let garbage: Vec<u8> = (0..100_000u32).map(|i| ((i * 7919) >> 3) as u8).collect();
    let aside = |damaged: &[u8]| {
        std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().contains("damaged"))
            .any(|path| std::fs::read(path).unwrap() == damaged)
    };
    // Not a database at all: found when it is opened.
    std::fs::write(&path, &garbage).unwrap();
    let mut store = Store::open(&path).unwrap();
    assert!(aside(&garbage), "nothing of it is lost");
    assert_eq!(store::damage(&path), None);

    // One whose middle was overwritten: found by looking through all of it.
    let rows: Vec<Row> = (0..20_000).map(|i| row(i, 1.0)).collect();
    store.write(&rows, &mut []).unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[4096..middle].copy_from_slice(&garbage.repeat(20)[..middle - 4096]);
    std::fs::write(&path, &bytes).unwrap();
    let mut store = Store::open(&path).unwrap();
    let why = store::damage(&path).expect("it is damaged");
    store.replace(&why).unwrap();
    assert!(aside(&bytes), "nothing of it is lost");
    store.write(&[row(7, 1.0)], &mut []).unwrap();
    assert_eq!(Reader::new(&path).steps(0, 100, 1, 9999).unwrap().len(), 1);
}

/// Damage while it is used shows when a page is read or written.
#[test]
fn damage_found_while_writing_is_told_from_other_failures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = Store::open(&path).unwrap();
    let rows: Vec<Row> = (0..20_000).map(|i| row(i, 1.0)).collect();
    store.write(&rows, &mut []).unwrap();
    drop(store);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[8192..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let mut store = Store::open(&path).unwrap();
    let error = store.thin(20_000, 0).unwrap_err();
    assert!(store::is_damage(&error) && !store::may_pass(&error), "{error}");
    store.replace(&error.to_string()).unwrap();
    store.write(&rows, &mut []).unwrap();
    assert_eq!(Reader::new(&path).steps(0, 30_000, 1, 99_999).unwrap().len(), 20_000);
}

#[test]
fn a_file_of_the_first_version_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = Store::open(&path).unwrap();
    store.write(&[row(7, 1.0)], &mut []).unwrap();
    drop(store);
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch("DROP TABLE clock; DROP INDEX readings_to_thin; PRAGMA user_version = 1;")
        .unwrap();
    drop(old);
    let mut store = Store::open(&path).unwrap();
    assert!(store.thin(3600, 0).unwrap());
    assert!(!store.thin(3600, 0).unwrap());
    let now = rusqlite::Connection::open(&path).unwrap();
    let plan: String = now
        .query_row(
            "EXPLAIN QUERY PLAN SELECT min(time) FROM readings WHERE seconds < 60 AND time < 9",
            [],
            |row| row.get(3),
        )
        .unwrap();
    assert!(plan.contains("readings_to_thin"), "{plan}");
}

#[test]
fn one_writer_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let store = Store::open(&path).unwrap();
    let error = Store::open(&path).err().unwrap().to_string();
    let id = std::process::id().to_string();
    assert!(error.contains(&id) && error.contains("--history off"), "{error}");
    assert_eq!(super::writer(&path), Some(std::process::id()));
    drop(store);
    assert_eq!(super::writer(&path), None);
    Store::open(&path).unwrap();
}

#[test]
fn a_full_disk_loses_nothing_that_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    let mut store = Store::open(&path).unwrap();
    store.write(&[row(1, 1.0)], &mut []).unwrap();
    store.limit_pages(12);
    let rows: Vec<Row> = (0..50_000).map(|i| row(i, 1.0)).collect();
    let error = store.write(&rows, &mut []).unwrap_err();
    assert!(store::may_pass(&error) && !store::is_damage(&error), "{error}");
    assert_eq!(Reader::new(&path).steps(0, 100, 1, 9999).unwrap().len(), 1, "all or nothing");
    // There is room again.
    store.limit_pages(1_000_000);
    store.write(&rows, &mut []).unwrap();
    assert_eq!(Reader::new(&path).steps(0, 9000, 1, 9999).unwrap().len(), 9000);
}

#[test]
fn a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.db");
    drop(Store::open(&path).unwrap());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let error = format!("{:#}", Store::open(&path).err().unwrap());
    assert!(error.contains("later Earworm"), "{error}");
    assert!(path.exists());
}
