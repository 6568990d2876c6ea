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
