//! Audio files, whole and from a pipe.

use std::io::Cursor;

use earworm_scorer::decode::{AudioFile, DecodeError};
use earworm_scorer::downmix_interleaved;

use super::check_message;

/// Samples that are taken of an input. Silence can be written in next to nothing, and to decode hours of
/// it is not a fault.
const MOST_SAMPLES: usize = 1 << 21;

/// Samples that a byte of a file can stand for at most: a FLAC frame of eight channels in ten bytes.
const SAMPLES_A_BYTE: usize = 65_536 * 8 / 10;

/// Reads all blocks of an audio file.
pub(super) fn decode(bytes: &[u8]) {
    listen(AudioFile::from_bytes(bytes.to_owned(), "fuzz"), bytes.len());
    listen(AudioFile::from_reader(Cursor::new(bytes.to_owned()), "fuzz"), bytes.len());
}

fn listen(opened: Result<AudioFile, DecodeError>, bytes: usize) {
    let mut file = match opened {
        Ok(file) => file,
        Err(error) => return check(&error),
    };
    let format = file.format();
    assert!(format.channels > 0, "audio without channels");
    let (mut samples, mut mono) = (0, Vec::new());
    loop {
        let block = match file.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) => return check(&error),
        };
        assert!(!block.is_empty(), "a block without samples");
        assert_eq!(block.len() % format.channels, 0, "a block with half a frame");
        samples += block.len();
        downmix_interleaved(block, format.channels, &mut mono);
        assert_eq!(mono.len(), block.len() / format.channels);
        assert!(mono.iter().all(|sample| sample.is_finite()), "the meter would hear no number");
        assert!(samples / SAMPLES_A_BYTE <= bytes, "{samples} samples of {bytes} bytes");
        if samples > MOST_SAMPLES {
            return;
        }
    }
    assert!(samples > 0, "a file was opened, but has no audio");
    let format_then = file.format();
    assert_eq!(format_then, format, "the format has changed");
    assert!(matches!(file.next_block(), Ok(None)), "there is audio behind the end");
}

fn check(error: &DecodeError) {
    let message = error.to_string();
    check_message(&message);
    assert!(message.starts_with("fuzz: "), "the file is not named: {message}");
}
