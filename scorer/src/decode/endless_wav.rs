//! WAV from a pipe, whose writer cannot know how long it will be and cannot come back to note it: sox announces
//! 2 GiB then, others nothing at all. What is announced is no end of what is heard.

use std::io::{self, Read};

/// Most bytes before the audio; where there are more, they stay as they are.
const MOST_HEAD: u64 = 64 << 10;

/// What announces no length, to symphonia as well.
const UNKNOWN: u32 = u32::MAX;

/// A reader that takes the length out of a WAV header, and gives all else as it is.
pub(super) struct EndlessWav<R> {
    reader: R,
    begun: bool,
    /// What was read to find the audio and is still to be given.
    head: Vec<u8>,
    given: usize,
}

impl<R: Read> EndlessWav<R> {
    /// One that reads from here.
    pub(super) fn new(reader: R) -> Self {
        Self { reader, begun: false, head: Vec::new(), given: 0 }
    }

    /// Reads to where the audio begins, and no further: of a pipe, the rest may come much later.
    fn read_head(&mut self) -> io::Result<()> {
        if !self.has(12)? || self.word(0) != *b"RIFF" || self.word(8) != *b"WAVE" {
            return Ok(());
        }
        let mut at = 12;
        while self.has(at + 8)? {
            if self.word(at) == *b"data" {
                if !self.has_chunks_behind(at) {
                    self.head[4..8].copy_from_slice(&UNKNOWN.to_le_bytes());
                    self.head[at + 4..at + 8].copy_from_slice(&UNKNOWN.to_le_bytes());
                }
                return Ok(());
            }
            let next = self.behind(at);
            if next > MOST_HEAD {
                return Ok(());
            }
            at = next as usize;
        }
        Ok(())
    }

    /// Whether so many bytes have been read, or can be.
    fn has(&mut self, bytes: usize) -> io::Result<bool> {
        let missing = bytes.saturating_sub(self.head.len()) as u64;
        self.reader.by_ref().take(missing).read_to_end(&mut self.head)?;
        Ok(self.head.len() >= bytes)
    }

    fn word(&self, at: usize) -> [u8; 4] {
        std::array::from_fn(|i| self.head[at + i])
    }

    /// Where the chunk at this place ends, as it announces.
    fn behind(&self, at: usize) -> u64 {
        let length = u64::from(u32::from_le_bytes(self.word(at + 4)));
        at as u64 + 8 + length.next_multiple_of(2)
    }

    /// Whether others are announced behind the audio at this place: then its length was known, and they are not
    /// to be heard.
    fn has_chunks_behind(&self, at: usize) -> bool {
        let (whole, audio) = (self.word(4), self.word(at + 4));
        let known = whole != UNKNOWN.to_le_bytes() && audio != [0; 4];
        known && self.behind(at) + 8 <= 8 + u64::from(u32::from_le_bytes(whole))
    }
}

impl<R: Read> Read for EndlessWav<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !std::mem::replace(&mut self.begun, true) {
            self.read_head()?;
        }
        if self.given == self.head.len() {
            self.head = Vec::new();
            self.given = 0;
            return self.reader.read(into);
        }
        let count = (&self.head[self.given..]).read(into)?;
        self.given += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::decode::AudioFile;

    const CHUNK_BEHIND: &[u8] = b"LIST\x04\0\0\0INFO";

    /// Mono 16-bit audio that announces so many bytes of it, and of the whole unless that follows; with a chunk
    /// of odd length before the audio.
    fn wav(announced: u32, whole: Option<u32>, samples: usize) -> Vec<u8> {
        let mut chunks = b"WAVEodd \x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        chunks.extend([8000u32.to_le_bytes(), 16_000u32.to_le_bytes()].concat());
        chunks.extend(b"\x02\0\x10\0data");
        chunks.extend(announced.to_le_bytes());
        let whole = whole.unwrap_or((chunks.len() as u32).saturating_add(announced));
        let mut all = b"RIFF".to_vec();
        all.extend(whole.to_le_bytes());
        all.extend(chunks);
        all.extend((0..samples).flat_map(|i| (i as i16).to_le_bytes()));
        all
    }

    /// The same with a chunk before the audio that notes so many samples.
    fn with_fact(mut bytes: Vec<u8>, samples: u32) -> Vec<u8> {
        let fact = [&b"fact\x04\0\0\0"[..], &samples.to_le_bytes()].concat();
        bytes.splice(12..12, fact);
        bytes
    }

    /// Gives few bytes at a time, as pipes may.
    struct Dribble(Cursor<Vec<u8>>);

    impl Read for Dribble {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let most = into.len().min(5);
            self.0.read(&mut into[..most])
        }
    }

    /// The samples that are heard of a pipe, and what is said of damage.
    fn heard(bytes: Vec<u8>) -> (usize, u64) {
        heard_of(AudioFile::from_reader(Dribble(Cursor::new(bytes)), "pipe").unwrap())
    }

    fn heard_of(mut file: AudioFile) -> (usize, u64) {
        let mut samples = 0;
        while let Some(block) = file.next_block().unwrap() {
            samples += block.len();
        }
        (samples, file.damaged_packets())
    }

    #[test]
    fn what_is_announced_is_no_end_of_a_pipe() {
        for announced in [0, 2000, 0x7fff_f000, 0xffff_fff0, UNKNOWN] {
            assert_eq!(heard(wav(announced, None, 9000)), (9000, 0), "{announced} bytes");
        }
        for whole in [0, UNKNOWN] {
            assert_eq!(heard(wav(2000, Some(whole), 9000)), (9000, 0), "{whole} bytes in all");
        }
    }

    #[test]
    fn what_is_noted_beside_the_audio_is_no_end_of_it_either() {
        for announced in [0, 18_000, UNKNOWN] {
            for noted in [0, 9000, 9001] {
                let bytes = with_fact(wav(announced, None, 9000), noted);
                let file = AudioFile::from_reader(Cursor::new(bytes.clone()), "pipe").unwrap();
                assert_eq!(file.expected_frames(), None, "{announced} bytes, {noted} samples");
                assert_eq!(heard(bytes), (9000, 0), "{announced} bytes, {noted} samples");
            }
        }
        // As it is on the disk after it was written there through a pipe.
        let bytes = with_fact(wav(UNKNOWN, None, 9000), 0);
        let file = AudioFile::from_bytes(bytes, "stream.wav").unwrap();
        assert_eq!(file.expected_frames(), None);
        assert_eq!(heard_of(file), (9000, 0));
    }

    #[test]
    fn what_stands_behind_the_audio_is_not_heard() {
        let whole = 48 + 18_000 + CHUNK_BEHIND.len() as u32;
        let mut bytes = wav(18_000, Some(whole), 9000);
        bytes.extend(CHUNK_BEHIND);
        assert_eq!(bytes.len() as u32, 8 + whole);
        assert_eq!(heard(bytes), (9000, 0));
    }

    #[test]
    fn all_else_is_given_as_it_is() {
        let mut far = b"RIFF\0\0\0\0WAVEJUNK\0\0\x02\0".to_vec();
        far.extend(wav(7, None, 9));
        let cut = wav(7, None, 9);
        let others = [&b""[..], b"RIFF", b"OggS and so on", b"RIFF1234AVI LIST", &far, &cut[..30]];
        for bytes in others {
            let mut given = Vec::new();
            EndlessWav::new(Dribble(Cursor::new(bytes.to_vec()))).read_to_end(&mut given).unwrap();
            assert_eq!(given, bytes);
        }
    }
}
