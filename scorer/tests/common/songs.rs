//! Made songs whose structure is known: chords, bass, melody, drums and noise, in sections.

use std::f64::consts::TAU;
use std::ops::Range;

/// Samples a second.
pub const RATE: u32 = 22_050;
/// Bars of a chorus and of a verse; four beats a bar, one chord a bar.
const BARS: usize = 8;
const BEATS: usize = 4;

/// A made song.
pub struct Song {
    /// One channel at [`RATE`].
    pub samples: Vec<f32>,
    /// Where each chorus begins and ends, in seconds.
    pub choruses: Vec<Range<f64>>,
}

/// Numbers from 0 to 1 that are the same on every run (a linear congruential generator).
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f64 / (1u64 << 24) as f64
    }

    fn below(&mut self, n: usize) -> usize {
        (self.unit() * n as f64) as usize % n
    }
}

/// Chords as degrees of the scale, and a melody of one note a beat (or a rest).
struct Section {
    chords: Vec<usize>,
    melody: Vec<Option<usize>>,
}

impl Section {
    /// `edge` is the melody's first and last note. Where it differs from section to section, no
    /// section begins or ends as another does, so that it is plain where a repetition begins.
    fn new(dice: &mut Dice, progression: [usize; 4], bars: usize, edge: usize) -> Self {
        let chords = (0..bars).map(|bar| progression[bar % 4]).collect();
        let note = |_| (dice.unit() < 0.85).then(|| dice.below(10));
        let mut melody: Vec<_> = (0..bars * BEATS).map(note).collect();
        melody[0] = Some(edge);
        melody[bars * BEATS - 1] = Some(edge);
        Self { chords, melody }
    }
}

const MAJOR: [usize; 7] = [0, 2, 4, 5, 7, 9, 11];

fn pitch(key: usize, degree: usize, octave: usize) -> f64 {
    let semitone = key + MAJOR[degree % 7] + 12 * (degree / 7 + octave);
    32.703 * (semitone as f64 / 12.0).exp2()
}

/// A song: intro, verses with different melodies, a chorus that comes again, sometimes a bridge,
/// and an outro. Tempo, key, chords, structure, noise and the mix differ from seed to seed.
pub fn make(seed: u64) -> Song {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xabcd);
    for _ in 0..8 {
        dice.unit();
    }
    let beat = 60.0 / (92.0 + 56.0 * dice.unit());
    let key = dice.below(12);
    let verse_chords = [[0, 5, 3, 4], [0, 3, 0, 4], [5, 4, 3, 4]][dice.below(3)];
    let chorus_chords = [[3, 0, 4, 5], [3, 4, 2, 5], [1, 4, 0, 3]][dice.below(3)];
    let intro = Section::new(&mut dice, [0, 0, 4, 4], 4, 0);
    let verses = [1, 3].map(|edge| Section::new(&mut dice, verse_chords, BARS, edge));
    let outro = Section::new(&mut dice, [0, 3, 0, 0], 4, 6);
    let bridge = Section::new(&mut dice, [2, 5, 1, 6], 4, 7);
    let chorus = Section::new(&mut dice, chorus_chords, BARS, 2);
    let order: &[&Section] = match seed % 3 {
        0 => &[&intro, &verses[0], &chorus, &verses[1], &chorus, &outro],
        1 => &[&intro, &verses[0], &chorus, &verses[1], &chorus, &bridge, &chorus, &outro],
        _ => &[&intro, &verses[0], &chorus, &verses[1], &chorus, &bridge, &outro],
    };
    let noise = 0.004 + 0.02 * dice.unit();
    let bars: usize = order.iter().map(|section| section.chords.len()).sum();
    let length = ((bars * BEATS) as f64 * beat + 1.0) * f64::from(RATE);
    let mut samples = vec![0.0f32; length as usize];
    let (mut at, mut choruses) = (0.0, Vec::new());
    for section in order {
        let from = at;
        at = play(section, &mut samples, &mut dice, from, beat, key);
        if std::ptr::eq(*section, &chorus) {
            choruses.push(from..at);
        }
    }
    for x in &mut samples {
        *x += (noise * (2.0 * dice.unit() - 1.0)) as f32;
    }
    Song { samples, choruses }
}

/// Adds a section from `start` seconds on, and gives its end.
fn play(
    section: &Section,
    out: &mut [f32],
    dice: &mut Dice,
    start: f64,
    beat: f64,
    key: usize,
) -> f64 {
    let bar = beat * BEATS as f64;
    for (i, &degree) in section.chords.iter().enumerate() {
        let from = start + i as f64 * bar;
        for third in [0, 2, 4] {
            tone(out, from, bar, pitch(key, degree + third, 3), 0.05, 1.0);
        }
        for half in [0.0, 0.5] {
            tone(out, from + half * bar, bar / 2.0, pitch(key, degree, 1), 0.12, 2.0);
        }
    }
    for (i, note) in section.melody.iter().enumerate() {
        let from = start + i as f64 * beat;
        // No performance is quite like another.
        let loud = 0.07 + 0.04 * dice.unit();
        if let Some(degree) = note {
            tone(out, from, beat, pitch(key, *degree, 4), loud, 1.5);
        }
        drum(out, dice, from, if i % 2 == 0 { 0.15 } else { 0.25 }, 0.05);
        drum(out, dice, from + beat / 2.0, 0.08, 0.02);
    }
    start + section.chords.len() as f64 * bar
}

/// A plucked tone of five harmonics.
fn tone(out: &mut [f32], start: f64, seconds: f64, hz: f64, loud: f64, decay: f64) {
    let rate = f64::from(RATE);
    let first = (start * rate) as usize;
    for (i, x) in out.iter_mut().skip(first).take((seconds * rate) as usize).enumerate() {
        let t = i as f64 / rate;
        let envelope = (t / 0.005).min(1.0) * ((seconds - t) / 0.01).min(1.0) * (-decay * t).exp();
        let wave: f64 = (1..=5).map(|h| (TAU * hz * f64::from(h) * t).sin() / f64::from(h)).sum();
        *x += (loud * envelope * wave) as f32;
    }
}

/// A burst of noise.
fn drum(out: &mut [f32], dice: &mut Dice, start: f64, loud: f64, seconds: f64) {
    let rate = f64::from(RATE);
    let first = (start * rate) as usize;
    for (i, x) in out.iter_mut().skip(first).take((4.0 * seconds * rate) as usize).enumerate() {
        let envelope = (-(i as f64) / rate / seconds).exp();
        *x += (loud * envelope * (2.0 * dice.unit() - 1.0)) as f32;
    }
}
