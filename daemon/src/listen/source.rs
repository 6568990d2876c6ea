//! Where the audio comes from: a file, an encoded stream, or raw samples.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek};
use std::path::Path;

use anyhow::{Context, bail};
use earworm_scorer::decode::{AudioFile, AudioFormat};

use super::args::{ListenArgs, RawFormat};

/// Bytes of raw audio that are read at a time, if so many are there.
const RAW_BLOCK: usize = 16 << 10;

/// What standard input is called in messages.
const STDIN: &str = "standard input";

/// An open source of audio.
pub(super) enum Source {
    /// Decoded by the scorer.
    Encoded(Box<AudioFile>),
    /// Samples as they are.
    Raw(RawStream),
}

impl Source {
    /// Opens what the command line names.
    ///
    /// # Errors
    /// When it cannot be opened or holds no audio.
    pub(super) fn open(path: &Path, args: &ListenArgs) -> anyhow::Result<Self> {
        match args.raw {
            Some(format) if args.is_stdin() => {
                Ok(Self::Raw(RawStream::new(std::io::stdin(), format, STDIN)))
            }
            Some(format) => {
                let name = path.display().to_string();
                let file = File::open(path).with_context(|| name.clone())?;
                Ok(Self::Raw(RawStream::new(file, format, &name)))
            }
            None if args.is_stdin() => {
                let file = match waiting_stdin() {
                    Some(file) => AudioFile::from_file(file, STDIN),
                    None => AudioFile::from_reader(std::io::stdin(), STDIN),
                };
                let file = file.context(
                    "give an encoded stream, or --raw RATE:CHANNELS for raw 32-bit floats",
                )?;
                Ok(Self::Encoded(Box::new(file)))
            }
            None => Ok(Self::Encoded(Box::new(AudioFile::open(path)?))),
        }
    }

    /// Sample rate and channels.
    pub(super) fn format(&self) -> AudioFormat {
        match self {
            Self::Encoded(file) => file.format(),
            Self::Raw(raw) => {
                let RawFormat { sample_rate, channels } = raw.format;
                AudioFormat { sample_rate, channels }
            }
        }
    }

    /// Its length, where it is known.
    pub(super) fn expected_s(&self) -> Option<f64> {
        match self {
            Self::Encoded(file) => {
                let frames = file.expected_frames()?;
                Some(frames as f64 / f64::from(file.format().sample_rate))
            }
            Self::Raw(_) => None,
        }
    }

    /// The next interleaved samples, `None` at the end.
    ///
    /// # Errors
    /// When it cannot be read any more.
    pub(super) fn next_block(&mut self) -> anyhow::Result<Option<&[f32]>> {
        match self {
            Self::Encoded(file) => Ok(file.next_block()?),
            Self::Raw(raw) => raw.next_block(),
        }
    }
}

/// Whether what the command line names comes as it is played somewhere, from a pipe or device, and is no file
/// that waits for us.
pub(super) fn is_live(path: &Path) -> bool {
    let found = if path == Path::new("-") {
        stdin().and_then(|file| file.metadata())
    } else {
        std::fs::metadata(path)
    };
    !found.is_ok_and(|found| found.is_file())
}

/// Standard input where it is a file that nobody has read of before: its end is known, and what it announces
/// holds.
fn waiting_stdin() -> Option<File> {
    let mut file = stdin().ok()?;
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    (is_file && file.stream_position().is_ok_and(|at| at == 0)).then_some(file)
}

/// Standard input as a file, whatever it is.
#[cfg(unix)]
fn stdin() -> std::io::Result<File> {
    use std::os::fd::AsFd as _;
    Ok(File::from(std::io::stdin().as_fd().try_clone_to_owned()?))
}

/// Standard input as a file, whatever it is.
#[cfg(windows)]
fn stdin() -> std::io::Result<File> {
    use std::os::windows::io::AsHandle as _;
    Ok(File::from(std::io::stdin().as_handle().try_clone_to_owned()?))
}

/// Interleaved little-endian 32-bit floats.
pub(super) struct RawStream {
    reader: Box<dyn Read + Send>,
    format: RawFormat,
    name: String,
    bytes: Vec<u8>,
    /// Bytes at the front that belong to a frame that is not yet whole.
    kept: usize,
    samples: Vec<f32>,
    begun: bool,
}

impl RawStream {
    fn new(reader: impl Read + Send + 'static, format: RawFormat, name: &str) -> Self {
        let frame = 4 * format.channels;
        Self {
            reader: Box::new(reader),
            format,
            name: name.to_owned(),
            bytes: vec![0; RAW_BLOCK.next_multiple_of(frame)],
            kept: 0,
            samples: Vec::new(),
            begun: false,
        }
    }

    /// Gives what has come in, at least one frame.
    fn next_block(&mut self) -> anyhow::Result<Option<&[f32]>> {
        let frame = 4 * self.format.channels;
        loop {
            let read = match self.reader.read(&mut self.bytes[self.kept..]) {
                Ok(0) if !self.begun => bail!("{}: there is no audio in it", self.name),
                Ok(0) => {
                    if self.kept > 0 {
                        tracing::warn!(bytes = self.kept, "the raw audio ends within a frame");
                    }
                    return Ok(None);
                }
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).with_context(|| self.name.clone()),
            };
            let there = self.kept + read;
            let whole = there / frame * frame;
            self.samples.clear();
            self.samples.extend(
                self.bytes[..whole]
                    .as_chunks::<4>()
                    .0
                    .iter()
                    .map(|&sample| f32::from_le_bytes(sample)),
            );
            self.bytes.copy_within(whole..there, 0);
            self.kept = there - whole;
            if whole > 0 {
                self.begun = true;
                return Ok(Some(&self.samples));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, as pipes may.
    struct Dribble(Vec<u8>, usize);

    impl Read for Dribble {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(into.len());
            into[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    #[test]
    fn raw_samples_survive_any_cut() {
        let samples: Vec<f32> = (0..202).map(|i| i as f32 / 100.0).collect();
        let mut bytes: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
        bytes.extend([1, 2, 3]);
        for cut in [1, 3, 7, 8, 1000] {
            let format = RawFormat { sample_rate: 48_000, channels: 2 };
            let mut raw = RawStream::new(Dribble(bytes.clone(), cut), format, "test");
            let mut got = Vec::new();
            while let Some(block) = raw.next_block().unwrap() {
                assert!(block.len() % 2 == 0);
                got.extend_from_slice(block);
            }
            assert_eq!(got, samples, "cut {cut}");
        }
    }

    #[test]
    fn a_file_is_not_live_and_what_is_none_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("song.wav");
        std::fs::write(&file, "").unwrap();
        assert!(!is_live(&file));
        assert!(is_live(&folder.path().join("gone.wav")));
        #[cfg(unix)]
        assert!(is_live(Path::new("/dev/zero")));
    }

    #[test]
    fn no_raw_audio_is_an_error() {
        let format = RawFormat { sample_rate: 48_000, channels: 2 };
        let mut raw = RawStream::new(Dribble(vec![0; 7], 7), format, "test");
        assert!(raw.next_block().unwrap_err().to_string().contains("no audio"));
    }
}
