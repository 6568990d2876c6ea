//! What is put down, and what is not.

use earworm_scorer::Model;
use earworm_scorer::live::{Tap, Worker};

use super::*;
use crate::distinct;
use crate::history::calendar::Noted;
use crate::history::{Reader, sample};
use crate::station::Source;

/// Samples a second.
const RATE: u32 = 48_000;

/// A desk whose station listens to a tap, and a clock of its own.
struct Hearing {
    desk: Desk,
    tap: Tap,
    second: Vec<f32>,
    now_s: f64,
}

impl Hearing {
    fn new(history: &Path) -> Self {
        let (station, tap) = Station::new(Model::embedded(), RATE).unwrap();
        station.set_source(Source { state: SourceState::Running, ..Source::default() });
        let keep = Arc::new(Mutex::new(Keep { seconds_days: 7, all_days: 30 }));
        let desk = Desk::new(station, history, Store::open(history), keep);
        let second = (0..RATE).map(|i| 0.5 * (i as f32 * 0.05).sin()).collect();
        Self { desk, tap, second, now_s: 0.0 }
    }

    /// So many seconds pass.
    fn pass(&mut self, seconds: u32, with_sound: bool) {
        for _ in 0..seconds {
            // As the audio thread does.
            if self.desk.station.take_reset() {
                self.tap.reset();
            }
            if with_sound {
                self.tap.push_interleaved(&self.second, 1);
                Worker::shared().drain();
            }
            self.now_s += 1.0;
            self.desk.look(self.now_s);
            self.desk.note_second(self.now_s);
        }
    }

    /// Seconds heard of all songs.
    fn heard_s(&self) -> f64 {
        self.desk.songs.iter().map(|song| song.heard_s).sum()
    }
}

/// A sink that sleeps while a player keeps its stream: the device is open and gives nothing.
#[test]
fn a_reading_that_stands_still_is_no_sound() {
    let folder = tempfile::tempdir().unwrap();
    let mut hearing = Hearing::new(&folder.path().join("history.db"));
    hearing.pass(20, true);
    let (rows, heard_s) = (hearing.desk.rows.len(), hearing.heard_s());
    assert_eq!(rows, 20, "a row for every second of sound");
    assert!(heard_s >= 18.0, "{heard_s}");

    hearing.pass(100, false);
    let (still_rows, still_s) = (hearing.desk.rows.len(), hearing.heard_s());
    assert!(still_rows <= rows + 2, "{still_rows} rows");
    assert!(still_s <= heard_s + 2.0, "{still_s} s heard");
    assert_eq!(hearing.desk.songs.len(), 1);

    // What comes afterwards is heard as before, as another song.
    hearing.pass(20, true);
    assert_eq!(hearing.desk.rows.len(), still_rows + 20);
    assert_eq!(hearing.desk.songs.len(), 2);
}

/// What is written to a file that was removed is lost as soon as it is closed.
#[cfg(unix)]
#[test]
fn a_file_that_is_removed_or_replaced_is_opened_anew() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let heard = || Reader::new(&history).songs(0.0, 1e12, 9).unwrap();
    let mut hearing = Hearing::new(&history);
    hearing.pass(12, true);
    hearing.desk.write();
    hearing.desk.find();
    assert_eq!(heard().len(), 1, "it is in place");

    std::fs::remove_file(&history).unwrap();
    hearing.desk.find();
    hearing.pass(1, true);
    hearing.desk.write();
    let songs = heard();
    assert!(songs.len() == 1 && songs[0].heard_s > 11.0, "the song goes on in the new file");
    assert_eq!(*hearing.desk.station.memory(), Memory::Writing);

    // One from elsewhere, with a song of its own.
    let other = folder.path().join("other.db");
    let _ = sample::write(&other).unwrap();
    std::fs::rename(&other, &history).unwrap();
    hearing.desk.find();
    hearing.pass(1, true);
    hearing.desk.write();
    assert_eq!(heard().len(), 2, "nothing of it is written over");
    assert!(hearing.desk.store.as_ref().unwrap().is_in_place());
}

#[test]
fn each_score_is_put_down_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let mut store = Store::open(&history).unwrap();
    store.write(&[row(60, &distinct::reading())], &mut []).unwrap();
    let written = || {
        let steps = Reader::new(&history).steps(0, 600, 1, 9).unwrap();
        let [step] = steps.as_slice() else { panic!("{steps:?}") };
        [step.momentary, step.window, step.integrated, Some(step.level_db)]
    };
    let heard = [Some(11.0), Some(22.0), Some(33.0), Some(-7.0)];
    assert_eq!(written(), heard);
    assert!(store.thin(600, 0).unwrap(), "it becomes a minute");
    assert_eq!(written(), heard);
}

/// A desk on a file with a minute and a song of 40 days ago, of 10 days ago and of now, which keeps seconds
/// for a week and all for a month. The clock was looked at last so many days ago.
fn desk_with_a_past(history: &Path, away_days: i64) -> Desk {
    let mut store = Store::open(history).unwrap();
    let now = now_s() as i64;
    for days in [40, 10, 0] {
        let start = (now / 60 - 2) * 60 - days * DAY_S;
        let rows: Vec<Row> = (0..60).map(|second| sample::row(start + second, 50.0)).collect();
        store.write(&rows, &mut [sample::song(start as f64)]).unwrap();
    }
    let before = Noted { time_s: (now - away_days * DAY_S) as f64, doubt_left_s: 0.0 };
    store.note_clock(before).unwrap();
    let (station, _tap) = Station::new(Model::embedded(), RATE).unwrap();
    let keep = Arc::new(Mutex::new(Keep { seconds_days: 7, all_days: 30 }));
    Desk::new(station, history, Ok(store), keep)
}

/// Days since, number of rows and seconds that they stand for, oldest first; and how many songs there are.
fn left(history: &Path) -> (Vec<(i64, i64, i64)>, usize) {
    let connection = store::open_to_read(history).unwrap().unwrap();
    let sql = "SELECT (?1 - time) / 86400 AS days, count(*), sum(seconds) FROM readings
               GROUP BY days ORDER BY days DESC";
    let mut by_age = connection.prepare(sql).unwrap();
    let by_age: Vec<(i64, i64, i64)> = by_age
        .query_map([now_s() as i64], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    (by_age, Reader::new(history).songs(0.0, 1e12, 9).unwrap().len())
}

#[test]
fn what_is_old_becomes_minutes_and_what_is_older_goes() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let mut desk = desk_with_a_past(&history, 0);
    // A part at a time; there are far fewer.
    (0..9).for_each(|_| desk.thin());
    assert!(desk.thinned.is_some(), "nothing is left to do");
    assert_eq!(left(&history), (vec![(10, 1, 60), (0, 60, 60)], 2));
}

/// Whether it was away so long or its clock is wrong, nobody knows.
#[test]
fn a_clock_that_is_not_believed_thins_and_forgets_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let mut desk = desk_with_a_past(&history, 400);
    (0..9).for_each(|_| desk.thin());
    assert!(desk.thinned.is_some(), "it is looked at again later");
    assert_eq!(left(&history), (vec![(40, 60, 60), (10, 60, 60), (0, 60, 60)], 3));
}
