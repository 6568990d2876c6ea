//! A song while it plays. The scorer may start anew in the middle of it, as when the device moves to
//! one of another rate: what was said of the part before is kept.

use std::collections::BTreeMap;

use earworm_scorer::Hook;

use super::{LEAST_S, Moment, Song};

/// What the scorer says of a part of a song.
#[derive(Debug, Clone, Default)]
struct Part {
    heard_s: f64,
    score: Option<f32>,
    details: BTreeMap<String, f32>,
}

impl Part {
    /// Both parts as one, each counting for as long as it was heard; one without a score does not
    /// count.
    fn with(&self, next: &Self) -> Self {
        let (Some(score), Some(next_score)) = (self.score, next.score) else {
            return if next.score.is_some() { next.clone() } else { self.clone() };
        };
        let heard_s = self.heard_s + next.heard_s;
        let share = if heard_s > 0.0 { (next.heard_s / heard_s) as f32 } else { 0.5 };
        let mean = |old: f32, new: f32| old + share * (new - old);
        let of_class = |(class, &new): (&String, &f32)| {
            let old = self.details.get(class).copied().unwrap_or(new);
            (class.clone(), mean(old, new))
        };
        Self {
            heard_s,
            score: Some(mean(score, next_score)),
            details: next.details.iter().map(of_class).collect(),
        }
    }
}

/// A song that goes on.
#[derive(Debug)]
pub(super) struct Playing {
    pub(super) song: Song,
    /// What was said until the scorer started anew last, and since then.
    past: Part,
    part: Part,
    /// Where in the song the scorer started last, in seconds; negative if it had heard something
    /// else before the song.
    offset_s: f64,
    /// How far the scorer has come since.
    time_s: f64,
}

impl Playing {
    /// One that begins now. The scorer had heard `before_s` seconds until then that are not part of
    /// it.
    pub(super) fn begin(moment: &Moment<'_>, nth: u64, before_s: f64) -> Self {
        let song = Song {
            id: None,
            nth,
            track: moment.track.filter(|track| !track.paused).cloned(),
            start: moment.time,
            end: moment.time,
            began: moment.time,
            heard_s: 0.0,
            score: None,
            hook: None,
            details: BTreeMap::new(),
        };
        Self {
            song,
            past: Part::default(),
            part: Part::default(),
            offset_s: -before_s,
            time_s: 0.0,
        }
    }

    /// The song, unless too little of it was heard.
    pub(super) fn heard(self) -> Option<Song> {
        Some(self.song).filter(is_song)
    }

    /// The song as it is now, unless too little of it has been heard yet.
    pub(super) fn so_far(&self) -> Option<Song> {
        Some(&self.song).filter(|song| is_song(song)).cloned()
    }

    /// The scorer has started anew.
    pub(super) fn start_anew(&mut self) {
        self.past = self.past.with(&self.part);
        self.part = Part::default();
        self.offset_s += std::mem::take(&mut self.time_s);
    }

    /// The clock was put right by so many seconds: what it said of the song until now was as wrong.
    pub(super) fn put_right(&mut self, jump_s: f64) {
        for time in [&mut self.song.start, &mut self.song.end, &mut self.song.began] {
            *time += jump_s;
        }
    }

    /// So much more of it was heard.
    pub(super) fn hear(&mut self, moment: &Moment<'_>, since_s: f64) {
        self.part.heard_s += since_s;
        let song = &mut self.song;
        song.heard_s += since_s;
        song.end = moment.time.max(song.start);
        // A player may learn the title late.
        let playing = moment.track.filter(|track| !track.paused);
        if let (Some(known), Some(track)) = (&mut song.track, playing) {
            known.clone_from(track);
        }
    }

    /// Takes in what the scorer says. What it has said stays when it says nothing.
    pub(super) fn take(&mut self, moment: &Moment<'_>) {
        let reading = moment.reading;
        self.time_s = self.time_s.max(reading.time_s);
        let song = &mut self.song;
        if let Some(score) = reading.integrated {
            self.part.score = Some(score);
            let values = reading.integrated_details.iter().copied();
            self.part.details = moment.classes.iter().cloned().zip(values).collect();
            let all = self.past.with(&self.part);
            (song.score, song.details) = (all.score, all.details);
        }
        if let Some(hook) = reading.hook
            && song.hook.is_none_or(|best| hook.score > best.score)
        {
            // Now, and never again: while the device is let go, the clock goes on and the scorer's
            // time does not.
            song.began = moment.time - reading.time_s - self.offset_s;
            let in_song = |t: f64| (t + self.offset_s).max(0.0);
            let (start_s, end_s) = (in_song(hook.start_s), in_song(hook.end_s));
            song.hook = Some(Hook { score: hook.score, start_s, end_s });
        }
    }
}

fn is_song(song: &Song) -> bool {
    song.heard_s >= LEAST_S
}
