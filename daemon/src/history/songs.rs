//! Where one song ends and the next begins: by what the player says, or else by silence. A plain
//! state machine without a clock.

use std::collections::BTreeMap;

use earworm_scorer::{Hook, Reading, Status};

use crate::station::Track;

/// Silence that ends a song, in seconds, where no player says what plays.
const SILENCE_S: f64 = 4.0;
/// Sound that is not the player's, in seconds, if so much of it is heard while the player holds its
/// song: it takes a moment until the last of the song has come through.
const FOREIGN_S: f64 = 4.0;
/// What is shorter than this is no song: a notification, say.
const LEAST_S: f64 = 10.0;

/// A song as far as it was heard.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Song {
    /// Its number in the history, once it has one.
    pub(crate) id: Option<i64>,
    /// What the player says of it.
    pub(crate) track: Option<Track>,
    /// When it was heard first and last, in seconds since 1970.
    pub(crate) start: f64,
    pub(crate) end: f64,
    /// What lies `t` seconds after the scorer's start was heard at this time plus `t`.
    pub(crate) began: f64,
    /// How much of it was heard, in seconds.
    pub(crate) heard_s: f64,
    /// Its integrated score, 0 to 100.
    pub(crate) score: Option<f32>,
    /// Its best window.
    pub(crate) hook: Option<Hook>,
    /// The value of each class.
    pub(crate) details: BTreeMap<String, f32>,
}

/// What is heard at one moment.
#[derive(Debug, Clone)]
pub(super) struct Moment<'a> {
    /// On a clock that does not go back, in seconds.
    pub(super) now_s: f64,
    /// Seconds since 1970, which may jump.
    pub(super) time: f64,
    /// What the scorer says, and what changes when it starts anew.
    pub(super) reading: &'a Reading,
    pub(super) epoch: (u64, u64),
    /// The names of the model's classes.
    pub(super) classes: &'a [String],
    /// Whether audio comes in.
    pub(super) running: bool,
    /// What a player says that it plays.
    pub(super) track: Option<&'a Track>,
}

/// What follows from a moment.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Step {
    /// Songs to put down: the present one, and one that has just ended.
    pub(super) songs: Vec<Song>,
    /// Whether the scorer is to start anew, as another song begins.
    pub(super) reset: bool,
}

/// Splits what is heard into songs.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    song: Option<Song>,
    /// When anything was last audible.
    audible_s: f64,
    /// Since when something is heard although the player holds its song.
    foreign_s: Option<f64>,
    last_s: Option<f64>,
    /// The scorer has been told to start anew, and this is how it was before.
    resetting: Option<(u64, u64)>,
    /// Whether anything has been scored since the scorer's start.
    used: bool,
    epoch: Option<(u64, u64)>,
}

impl Splitter {
    /// The number that the history gave to the present song.
    pub(super) fn note_id(&mut self, songs: &[Song]) {
        if let (Some(song), Some(put)) = (&mut self.song, songs.last())
            && song.start == put.start
        {
            song.id = put.id;
        }
    }

    /// Takes in a moment.
    pub(super) fn take(&mut self, moment: &Moment<'_>) -> Step {
        let mut step = Step::default();
        let since_s = self.last_s.map_or(0.0, |last| moment.now_s - last);
        self.last_s = Some(moment.now_s);
        if self.epoch.replace(moment.epoch) != Some(moment.epoch) {
            self.used = false;
        }
        let audible = moment.running
            && moment.reading.status != Status::Silence
            && moment.reading.time_s > 0.0;
        if audible {
            self.audible_s = moment.now_s;
        }
        let silent_s = moment.now_s - self.audible_s;
        let held = moment.track.is_some_and(|track| track.paused);
        self.foreign_s = self.foreign_s.filter(|_| held && audible);
        if held && audible {
            self.foreign_s.get_or_insert(moment.now_s);
        }
        let foreign = self.foreign_s.is_some_and(|since| moment.now_s - since >= FOREIGN_S);
        let playing = moment.track.filter(|track| !track.paused);
        let ended = self.song.as_ref().is_some_and(|song| match (&song.track, playing) {
            // A pause is part of the song; another one ends it.
            (Some(old), Some(new)) => old.id != new.id,
            (None, Some(_)) => audible,
            (Some(_), None) if held => foreign,
            (Some(_), None) => silent_s >= SILENCE_S || audible && since_s > 0.0,
            (None, None) => silent_s >= SILENCE_S,
        });
        if ended && let Some(song) = self.song.take() {
            step.songs.extend(Some(song).filter(is_song));
        }
        // What it says until it has started anew belongs to the song before.
        if let Some(before) = self.resetting {
            if moment.epoch == before {
                return step;
            }
            self.resetting = None;
        }
        if audible && self.song.is_none() && (!held || foreign) {
            self.song = Some(begin(moment));
            if self.used {
                self.resetting = Some(moment.epoch);
                step.reset = true;
                return step;
            }
        }
        if let Some(song) = &mut self.song
            && audible
        {
            self.used = true;
            update(song, moment, since_s);
            step.songs.extend(Some(song.clone()).filter(is_song));
        }
        step
    }
}

fn is_song(song: &Song) -> bool {
    song.heard_s >= LEAST_S
}

fn begin(moment: &Moment<'_>) -> Song {
    Song {
        id: None,
        track: moment.track.filter(|track| !track.paused).cloned(),
        start: moment.time,
        end: moment.time,
        began: moment.time - moment.reading.time_s,
        heard_s: 0.0,
        score: None,
        hook: None,
        details: BTreeMap::new(),
    }
}

fn update(song: &mut Song, moment: &Moment<'_>, since_s: f64) {
    let reading = moment.reading;
    song.heard_s += since_s;
    song.end = moment.time.max(song.start);
    song.began = moment.time - reading.time_s;
    song.score = reading.integrated;
    song.hook = reading.hook;
    let values = reading.integrated_details.iter().copied();
    song.details = moment.classes.iter().cloned().zip(values).collect();
    // A player may learn the title late.
    let playing = moment.track.filter(|track| !track.paused);
    if let (Some(known), Some(track)) = (&mut song.track, playing) {
        known.clone_from(track);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A scorer and a clock, as far as songs are concerned.
    struct Desk {
        splitter: Splitter,
        now_s: f64,
        jump_s: f64,
        t: f64,
        resets: u64,
        asked: bool,
        songs: Vec<Song>,
    }

    impl Desk {
        fn new() -> Self {
            let splitter = Splitter::default();
            Self {
                splitter,
                now_s: 0.0,
                jump_s: 0.0,
                t: 0.0,
                resets: 0,
                asked: false,
                songs: vec![],
            }
        }

        fn play(&mut self, seconds: u32, status: Status, title: Option<&str>) {
            self.play_or_hold(seconds, status, title, false);
        }

        fn play_or_hold(
            &mut self,
            seconds: u32,
            status: Status,
            title: Option<&str>,
            paused: bool,
        ) {
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
                self.t += 0.5;
                let reading = Reading {
                    time_s: self.t,
                    status,
                    integrated: Some(self.t as f32),
                    hook: Some(Hook { score: 9.0, start_s: 1.0, end_s: 3.0 }),
                    integrated_details: vec![0.25],
                    ..Reading::default()
                };
                let step = self.splitter.take(&Moment {
                    now_s: self.now_s,
                    time: 1000.0 + self.now_s + self.jump_s,
                    reading: &reading,
                    epoch: (0, self.resets),
                    classes: &["joy".into()],
                    running: true,
                    track: track.as_ref(),
                });
                self.asked = step.reset;
                let mut put = step.songs;
                for song in &mut put {
                    let same = |old: &&Song| old.start == song.start;
                    let id = self.songs.iter().find(same).and_then(|old| old.id);
                    song.id = id.or(Some(self.songs.len() as i64));
                    self.songs.retain(|old| old.start != song.start);
                    self.songs.push(song.clone());
                }
                self.splitter.note_id(&put);
            }
        }

        fn titles(&self) -> Vec<Option<&str>> {
            let title = |song: &'_ Song| song.track.as_ref()?.title.clone();
            self.songs
                .iter()
                .map(|song| title(song).map(|t| &*Box::leak(t.into_boxed_str())))
                .collect()
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
        for jump_s in [-7200.0, 7200.0] {
            let mut desk = Desk::new();
            desk.play(20, Status::Scoring, Some("one"));
            desk.jump_s = jump_s;
            desk.play(20, Status::Scoring, Some("one"));
            assert_eq!(desk.songs.len(), 1);
            let song = &desk.songs[0];
            assert!((song.heard_s - 40.0).abs() < 1.0, "{song:?}");
            assert!(song.end >= song.start, "{song:?}");
        }
    }

    #[test]
    fn a_song_keeps_its_number() {
        let mut desk = Desk::new();
        desk.play(60, Status::Scoring, Some("one"));
        desk.play(60, Status::Scoring, Some("two"));
        let ids: Vec<_> = desk.songs.iter().map(|song| song.id).collect();
        assert_eq!(ids, [Some(0), Some(1)]);
    }
}
