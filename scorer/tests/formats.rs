//! Every supported format decodes to the tone that was put in; `fixtures/make_audio.sh` made the files.

mod common;

use common::fixture;
use earworm_scorer::decode::{AudioFile, AudioFormat};

#[test]
fn each_format_gives_the_tone_that_was_put_in() {
    for format in ["wav", "flac", "mp3", "ogg", "m4a", "aac"] {
        let mut file = AudioFile::open(fixture(&format!("tone.{format}"))).unwrap();
        assert_eq!(file.format(), AudioFormat { sample_rate: 22_050, channels: 1 }, "{format}");
        let mut samples = Vec::new();
        while let Some(block) = file.next_block().unwrap() {
            samples.extend_from_slice(block);
        }
        assert_eq!(file.damaged_packets(), 0, "{format}");
        // Codecs with padding give up to a few frames of silence more than went in.
        assert!((22_050..26_000).contains(&samples.len()), "{format}: {} samples", samples.len());

        // In the middle, away from the padding: the level and the pitch of the tone.
        let middle = &samples[6_000..6_000 + 11_025];
        let power: f32 = middle.iter().map(|s| s * s).sum::<f32>() / middle.len() as f32;
        // LAME turns everything down to 0.95.
        let expected = if format == "mp3" { 0.95 } else { 1.0 } * 0.5 / 2f32.sqrt();
        assert!((power.sqrt() - expected).abs() < 0.01, "{format}: {}", power.sqrt());
        let rises = middle.windows(2).filter(|pair| pair[0] < 0.0 && pair[1] >= 0.0).count();
        assert!((219..=222).contains(&rises), "{format}: {rises} periods in half a second");
    }
}

/// The codec is what the file holds, not what it is called or wrapped in.
#[test]
fn codecs_are_told_whatever_files_are_called() {
    let codec = |path: &str| {
        let bytes = std::fs::read(fixture(path)).unwrap();
        AudioFile::from_bytes(bytes, "123").unwrap().codec()
    };
    for (name, expected) in [
        ("tone.wav", "pcm_s16le"),
        ("tone.flac", "flac"),
        ("tone.mp3", "mp3"),
        ("tone.ogg", "vorbis"),
        ("tone.m4a", "aac"),
        ("tone.aac", "aac"),
        ("../../../tests/fuzz/corpus/decode/alac.m4a", "alac"),
        ("../../../tests/fuzz/corpus/decode/flac.ogg", "flac"),
    ] {
        assert_eq!(codec(name), expected, "{name}");
    }
}

/// The samples of a file that is made of these bytes, and whether it announced their number.
fn heard(bytes: Vec<u8>) -> (usize, Option<u64>) {
    let mut file = AudioFile::from_bytes(bytes, "made.mp3").unwrap();
    let mut samples = 0;
    while let Some(block) = file.next_block().unwrap() {
        samples += block.len();
    }
    (samples, file.expected_frames())
}

/// The packets of an mp3 that follow the first one, in which encoders note how long it is.
fn without_its_note(mp3: &[u8]) -> Vec<u8> {
    // From one header to the next of the same kind.
    let begins = |at: &usize| mp3[*at] == 0xff && mp3[at + 1] & 0xe0 == 0xe0;
    let first = (0..mp3.len() - 1).find(begins).unwrap();
    let next = (first + 24..mp3.len() - 1).find(|at| mp3[*at..at + 2] == mp3[first..first + 2]);
    mp3[next.unwrap()..].to_vec()
}

/// What the first packets announce is not the end of the audio.
#[test]
fn mp3_files_are_heard_to_their_last_packet() {
    let tone = std::fs::read(fixture("tone.mp3")).unwrap();
    let (once, announced) = heard(tone.clone());
    assert_eq!(announced, Some(once as u64));
    // One behind the other, as people join files.
    let (thrice, announced) = heard(tone.repeat(3));
    assert!(thrice as f64 > 2.7 * once as f64, "{thrice} of three times {once}");
    assert_eq!(announced, None);
    // Without a note of the encoder.
    let plain = without_its_note(&tone);
    let (alone, announced) = heard(plain.clone());
    assert!(alone >= once && announced.is_none(), "{alone} of {once}, {announced:?}");
    let (thrice, _) = heard(plain.repeat(3));
    assert!(thrice >= 3 * once, "{thrice} of three times {once}");
    // One that says that there is less than there is.
    let mut wrong = tone.clone();
    let note = wrong.windows(4).position(|word| word == b"Info" || word == b"Xing").unwrap();
    wrong[note + 8..note + 12].copy_from_slice(&10u32.to_be_bytes());
    let (all, _) = heard(wrong);
    assert!(all as f64 > 0.7 * once as f64, "{all} of {once}");
}
