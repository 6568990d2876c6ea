//! Songs, told apart.

use super::*;

/// A scorer and a clock, as far as songs are concerned.
struct Desk {
    splitter: Splitter,
    now_s: f64,
    /// By how much the clock was put right, and how long the computer slept.
    jump_s: f64,
    slept_s: f64,
    t: f64,
    meters: u64,
    resets: u64,
    asked: bool,
    /// Whether audio comes in.
    running: bool,
    /// What the scorer says so many seconds after its start.
    says: fn(f64) -> Reading,
    songs: Vec<Song>,
}

/// A score that grows, and a hook near the start.
fn usual(t: f64) -> Reading {
    reading(t as f32, 0.25, Some(Hook { score: 9.0, start_s: 1.0, end_s: 3.0 }))
}

fn reading(score: f32, joy: f32, hook: Option<Hook>) -> Reading {
    Reading { integrated: Some(score), integrated_details: vec![joy], hook, ..Reading::default() }
}

impl Desk {
    fn new() -> Self {
        let splitter = Splitter::default();
        Self {
            splitter,
            now_s: 0.0,
            jump_s: 0.0,
            slept_s: 0.0,
            t: 0.0,
            meters: 0,
            resets: 0,
            asked: false,
            running: true,
            says: usual,
            songs: vec![],
        }
    }

    fn play(&mut self, seconds: u32, status: Status, title: Option<&str>) {
        self.play_or_hold(seconds, status, title, false);
    }

    fn play_or_hold(&mut self, seconds: u32, status: Status, title: Option<&str>, paused: bool) {
        let track = title.map(|title| Track {
            id: title.into(),
            title: Some(title.into()),
            paused,
            ..Track::default()
        });
        for _ in 0..2 * seconds {
            if std::mem::take(&mut self.asked) {
                (self.t, self.resets) = (0.0, self.resets + 1);
            }
            self.now_s += 0.5;
            if self.running {
                self.t += 0.5;
            }
            let reading = Reading { time_s: self.t, status, ..(self.says)(self.t) };
            let step = self.splitter.take(&Moment {
                now_s: self.now_s,
                time: 1000.0 + self.now_s + self.slept_s + self.jump_s,
                steady_s: self.now_s + self.slept_s,
                reading: &reading,
                epoch: (self.meters, self.resets),
                classes: &["joy".into()],
                running: self.running,
                track: track.as_ref(),
            });
            self.asked = step.reset;
            let mut put = step.songs;
            for song in &mut put {
                let same = |old: &&Song| old.nth == song.nth;
                let id = self.songs.iter().find(same).and_then(|old| old.id);
                song.id = id.or(Some(self.songs.len() as i64));
                song.clone().join(&mut self.songs);
            }
            self.splitter.note_id(&put);
        }
    }

    /// As when the device moves to one of another rate.
    fn change_meter(&mut self, says: fn(f64) -> Reading) {
        (self.meters, self.t, self.says) = (self.meters + 1, 0.0, says);
    }

    fn titles(&self) -> Vec<Option<&str>> {
        let title = |song: &'_ Song| song.track.as_ref()?.title.clone();
        self.songs.iter().map(|song| title(song).map(|t| &*Box::leak(t.into_boxed_str()))).collect()
    }
}

#[test]
fn the_player_says_where_songs_end() {
    let mut desk = Desk::new();
    desk.play(60, Status::Scoring, Some("one"));
    desk.play(30, Status::Scoring, Some("two"));
    desk.play(20, Status::Silence, Some("two"));
    desk.play(30, Status::Scoring, Some("two"));
    assert_eq!(desk.titles(), [Some("one"), Some("two")]);
    let (one, two) = (&desk.songs[0], &desk.songs[1]);
    assert!((one.heard_s - 60.0).abs() < 1.0 && (two.heard_s - 60.0).abs() < 2.0, "{two:?}");
    assert_eq!(desk.resets, 1, "each has a score of its own");
    assert!((one.score.unwrap() - 60.0).abs() < 1.0, "{one:?}");
    assert_eq!(one.hook.map(|hook| one.began + hook.start_s), Some(1001.0));
    assert_eq!(one.details["joy"], 0.25);
}

#[test]
fn without_a_player_silence_does() {
    let mut desk = Desk::new();
    desk.play(5, Status::Silence, None);
    desk.play(60, Status::Scoring, None);
    desk.play(2, Status::Silence, None);
    desk.play(60, Status::Scoring, None);
    desk.play(6, Status::Silence, None);
    desk.play(20, Status::Scoring, None);
    let lengths: Vec<_> = desk.songs.iter().map(|song| song.heard_s.round()).collect();
    assert_eq!(lengths.len(), 2, "{lengths:?}");
    assert!((119.0..=121.0).contains(&lengths[0]), "a short pause is part of it: {lengths:?}");
    assert_eq!(desk.resets, 1);
}

#[test]
fn a_pause_is_part_of_the_song() {
    let mut desk = Desk::new();
    desk.play(30, Status::Scoring, Some("one"));
    // The last of it comes through after the player has said that it holds it.
    desk.play_or_hold(1, Status::Scoring, Some("one"), true);
    desk.play_or_hold(600, Status::Silence, Some("one"), true);
    desk.play(30, Status::Scoring, Some("one"));
    assert_eq!(desk.titles(), [Some("one")]);
    assert!((desk.songs[0].heard_s - 61.0).abs() < 2.0, "{:?}", desk.songs[0]);
    assert_eq!(desk.resets, 0, "its score goes on");
}

#[test]
fn what_is_heard_while_the_player_holds_its_song_is_not_that_song() {
    let mut desk = Desk::new();
    desk.play(30, Status::Scoring, Some("one"));
    desk.play_or_hold(10, Status::Silence, Some("one"), true);
    desk.play_or_hold(40, Status::Scoring, Some("one"), true);
    desk.play(30, Status::Scoring, Some("one"));
    assert_eq!(desk.titles(), [Some("one"), None, Some("one")]);
}

#[test]
fn a_notification_is_no_song() {
    let mut desk = Desk::new();
    desk.play(60, Status::Scoring, None);
    desk.play(10, Status::Silence, None);
    desk.play(3, Status::Listening, None);
    desk.play(10, Status::Silence, None);
    assert_eq!(desk.songs.len(), 1);
}

#[test]
fn players_come_and_go() {
    let mut desk = Desk::new();
    desk.play(30, Status::Scoring, None);
    desk.play(30, Status::Scoring, Some("one"));
    desk.play(30, Status::Scoring, None);
    assert_eq!(desk.titles(), [None, Some("one"), None]);
}

#[test]
fn a_clock_that_jumps_harms_nothing() {
    // An hour that was wrong, and a computer without a battery that learns the year.
    for jump_s in [-7200.0, 7200.0, 1.7e9] {
        for status in [Status::Scoring, Status::Silence] {
            let mut desk = Desk::new();
            desk.play(20, Status::Scoring, Some("one"));
            desk.jump_s = jump_s;
            desk.play(5, status, Some("one"));
            desk.play(20, Status::Scoring, Some("one"));
            assert_eq!(desk.songs.len(), 1);
            let song = &desk.songs[0];
            assert!((39.0..46.0).contains(&song.heard_s), "{song:?}");
            assert_eq!(song.start, 1000.5 + jump_s, "as if the clock had been right: {song:?}");
            assert_eq!(song.end, 1045.0 + jump_s, "{song:?}");
            assert_eq!(hook_heard(song), (1001.0 + jump_s, 1003.0 + jump_s), "{song:?}");
        }
    }
}

#[test]
fn neither_sleep_nor_a_small_correction_moves_a_song() {
    let mut desk = Desk::new();
    desk.play(20, Status::Scoring, Some("one"));
    desk.slept_s = 36_000.0;
    desk.play(20, Status::Scoring, Some("one"));
    desk.jump_s = 2.0;
    desk.play(20, Status::Scoring, Some("one"));
    assert_eq!(desk.songs.len(), 1);
    let song = &desk.songs[0];
    assert_eq!((song.start, song.end), (1000.5, 37_062.0), "{song:?}");
}

#[test]
fn a_song_keeps_its_number() {
    let mut desk = Desk::new();
    desk.play(60, Status::Scoring, Some("one"));
    desk.play(60, Status::Scoring, Some("two"));
    let ids: Vec<_> = desk.songs.iter().map(|song| song.id).collect();
    assert_eq!(ids, [Some(0), Some(1)]);
}

/// When the hook of a song was heard, in seconds since 1970.
fn hook_heard(song: &Song) -> (f64, f64) {
    let hook = song.hook.expect("it has a hook");
    (song.began + hook.start_s, song.began + hook.end_s)
}

#[test]
fn a_new_meter_in_the_middle_of_a_song_keeps_what_was_said() {
    fn first(_: f64) -> Reading {
        reading(60.0, 0.8, Some(Hook { score: 70.0, start_s: 10.0, end_s: 40.0 }))
    }
    fn second(_: f64) -> Reading {
        reading(30.0, 0.2, Some(Hook { score: 50.0, start_s: 20.0, end_s: 50.0 }))
    }
    fn better_hook(_: f64) -> Reading {
        reading(30.0, 0.2, Some(Hook { score: 90.0, start_s: 100.0, end_s: 130.0 }))
    }
    let mut desk = Desk::new();
    desk.says = first;
    desk.play(180, Status::Scoring, Some("one"));
    // The new one says nothing yet.
    desk.change_meter(|_| Reading::default());
    desk.play(20, Status::Listening, Some("one"));
    assert_eq!((desk.songs.len(), desk.resets), (1, 0));
    let song = &desk.songs[0];
    assert!((song.heard_s - 200.0).abs() < 1.0, "{song:?}");
    assert_eq!((song.score, song.details["joy"]), (Some(60.0), 0.8), "{song:?}");
    assert_eq!(hook_heard(song), (1010.0, 1040.0), "{song:?}");

    // Both parts count for as long as they were heard.
    desk.says = second;
    desk.play(160, Status::Scoring, Some("one"));
    let song = &desk.songs[0];
    assert!((song.score.unwrap() - 45.0).abs() < 0.5, "{song:?}");
    assert!((song.details["joy"] - 0.5).abs() < 0.01, "{song:?}");
    assert_eq!(hook_heard(song), (1010.0, 1040.0), "the better one stays: {song:?}");

    // A third part: the mean is one of all of them.
    desk.change_meter(second);
    desk.play(180, Status::Scoring, Some("one"));
    let song = &desk.songs[0];
    assert!((song.score.unwrap() - 40.0).abs() < 0.5, "{song:?}");
    desk.says = better_hook;
    desk.play(1, Status::Scoring, Some("one"));
    let song = &desk.songs[0];
    assert_eq!(hook_heard(song), (1460.0, 1490.0), "{song:?}");
    let hook = song.hook.unwrap();
    assert_eq!((hook.score, hook.start_s, hook.end_s), (90.0, 460.0, 490.0), "in the song");
    assert_eq!((desk.songs.len(), desk.resets), (1, 0));
}

/// A reading may come from the new meter before it is known that there is one, and from before a
/// reset when it is known already.
#[test]
fn what_is_read_between_two_meters_harms_nothing() {
    let mut desk = Desk::new();
    desk.says = |_| reading(60.0, 0.8, None);
    desk.play(60, Status::Scoring, Some("one"));
    desk.t = 0.0;
    desk.says = |_| Reading::default();
    desk.play(1, Status::Listening, Some("one"));
    desk.change_meter(|_| Reading::default());
    desk.play(5, Status::Listening, Some("one"));
    assert_eq!(desk.songs[0].score, Some(60.0));

    let mut desk = Desk::new();
    desk.play(60, Status::Scoring, Some("one"));
    // As soon as it has started anew, it still says what it said of the song before.
    desk.says = |t| if t < 1.0 { usual(60.0) } else { Reading::default() };
    desk.play(20, Status::Scoring, Some("two"));
    assert_eq!(desk.titles(), [Some("one"), Some("two")]);
    let two = &desk.songs[1];
    assert_eq!((two.score, two.hook), (None, None), "{two:?}");
}

#[test]
fn a_hook_stays_where_it_was_heard() {
    let mut desk = Desk::new();
    desk.says = |t| {
        let hook = Hook { score: 60.0, start_s: 10.0, end_s: 40.0 };
        reading(50.0, 0.5, Some(hook).filter(|hook| t >= hook.end_s))
    };
    desk.play(60, Status::Scoring, Some("one"));
    // The device is let go meanwhile, so that the scorer's time stands still.
    desk.running = false;
    desk.play_or_hold(600, Status::Scoring, Some("one"), true);
    desk.running = true;
    desk.play(30, Status::Scoring, Some("one"));
    assert_eq!(desk.songs.len(), 1);
    let song = &desk.songs[0];
    assert!((song.heard_s - 90.0).abs() < 2.0, "{song:?}");
    assert_eq!(hook_heard(song), (1010.0, 1040.0), "{song:?}");
}

#[test]
fn silence_before_the_first_song_is_not_part_of_it() {
    let mut desk = Desk::new();
    desk.says = |t| {
        let hook = Hook { score: 60.0, start_s: 70.0, end_s: 100.0 };
        reading(50.0, 0.5, Some(hook).filter(|hook| t >= hook.end_s))
    };
    desk.play(60, Status::Silence, None);
    desk.play(60, Status::Scoring, Some("one"));
    let hook = desk.songs[0].hook.unwrap();
    assert_eq!((hook.start_s, hook.end_s), (10.0, 40.0), "in the song");
    assert_eq!(hook_heard(&desk.songs[0]), (1070.0, 1100.0));
    assert_eq!(desk.resets, 0, "nothing but silence was scored before");
}
