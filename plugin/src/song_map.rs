//! From seconds of sound since the reset to seconds in the host's song.
//!
//! The audio thread notes an [`Anchor`] whenever the song is elsewhere than the last one says: at the start,
//! at a loop, at a jump, when the transport stops, and every few moments of a song that runs at another pace
//! than the sound. Between anchors both run alike.

/// Most anchors that are kept: hours of short loops. The oldest go first.
const MOST: usize = 4096;
/// Stretches no further apart than this are one: a song at another pace goes on in small steps.
const JOIN_S: f64 = 0.25;

/// A place in the sound and where in the song it lies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Anchor {
    /// Seconds of sound since the reset.
    pub sound_s: f64,
    /// Seconds in the song from here on; none while the transport stands or says nothing.
    pub song_s: Option<f64>,
    /// Whether the meter was reset here.
    pub reset: bool,
}

/// All anchors since the reset.
#[derive(Debug, Clone, Default)]
pub struct SongMap {
    anchors: Vec<Anchor>,
}

impl SongMap {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.anchors.clear();
    }

    /// Takes the next anchor, which lies behind the others.
    pub fn push(&mut self, anchor: Anchor) {
        if let Some(last) = self.anchors.last_mut()
            && last.sound_s >= anchor.sound_s
        {
            *last = anchor;
            return;
        }
        if self.anchors.len() == MOST {
            self.anchors.drain(..MOST / 2);
        }
        self.anchors.push(anchor);
    }

    fn before(&self, sound_s: f64) -> usize {
        self.anchors.partition_point(|anchor| anchor.sound_s <= sound_s)
    }

    /// Where in the song that sound was.
    pub fn song_at(&self, sound_s: f64) -> Option<f64> {
        let anchor = self.anchors.get(self.before(sound_s).checked_sub(1)?)?;
        Some(anchor.song_s? + sound_s - anchor.sound_s)
    }

    /// The stretches of the song that the sound from one moment to another covered: more than one
    /// where the host jumped meanwhile.
    pub fn stretches(&self, start_s: f64, end_s: f64) -> Vec<(f64, f64)> {
        let mut stretches: Vec<(f64, f64)> = Vec::new();
        let first = self.before(start_s);
        let edges = self.anchors[first..].iter().map(|a| a.sound_s).take_while(|&s| s < end_s);
        let mut from = start_s;
        for to in edges.chain([end_s]) {
            if let Some(song) = self.song_at(from)
                && to > from
            {
                let end = song + to - from;
                match stretches.last_mut() {
                    Some((_, last)) if (song - *last).abs() <= JOIN_S => *last = last.max(end),
                    _ => stretches.push((song, end)),
                }
            }
            from = to;
        }
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn anchor(sound_s: f64, song_s: Option<f64>) -> Anchor {
        Anchor { sound_s, song_s, reset: false }
    }

    #[test]
    fn loops_and_jumps_are_followed() {
        let mut map = SongMap::default();
        assert_eq!(map.song_at(1.0), None);
        map.push(anchor(0.0, Some(60.0)));
        map.push(anchor(10.0, Some(60.0)));
        map.push(anchor(15.0, None));
        map.push(anchor(20.0, Some(5.0)));
        assert_eq!(map.song_at(9.0), Some(69.0));
        assert_eq!(map.song_at(12.0), Some(62.0));
        assert_eq!(map.song_at(17.0), None);
        assert_eq!(map.song_at(21.5), Some(6.5));
        assert_eq!(map.stretches(8.0, 12.0), [(68.0, 70.0), (60.0, 62.0)]);
        assert_eq!(map.stretches(14.0, 22.0), [(64.0, 65.0), (5.0, 7.0)]);
        assert_eq!(map.stretches(1.0, 2.0), [(61.0, 62.0)]);
    }

    #[test]
    fn a_song_at_another_pace_is_one_stretch() {
        for pace in [0.5, 0.97, 2.0] {
            let mut map = SongMap::default();
            for step in 0..2000 {
                let sound_s = f64::from(step) * 0.02;
                map.push(anchor(sound_s, Some(100.0 + sound_s * pace)));
            }
            let stretches = map.stretches(5.0, 35.0);
            let [(start, end)] = stretches[..] else { panic!("{} stretches", stretches.len()) };
            let (from, to) = (100.0 + 5.0 * pace, 100.0 + 35.0 * pace);
            assert!((start - from).abs() < 0.05 && (end - to).abs() < 0.05, "{start} to {end}");
        }
    }

    #[test]
    fn it_stays_small() {
        let mut map = SongMap::default();
        for i in 0..20_000 {
            map.push(anchor(f64::from(i), Some(0.0)));
        }
        assert!(map.anchors.len() <= MOST);
        assert_eq!(map.song_at(19_999.5), Some(0.5));
        map.push(anchor(19_999.0, Some(7.0)));
        assert_eq!(map.song_at(19_999.5), Some(7.5), "the later word counts");
    }
}
