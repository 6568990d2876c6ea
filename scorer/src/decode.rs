//! Audio files as a stream of blocks: wav, flac, mp3, ogg and m4a/aac through symphonia.

mod endless_wav;

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP1, CODEC_ID_MP2, CODEC_ID_MP3};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known::FORMAT_ID_WAVE;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSourceStream, ReadOnlySource};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;
use symphonia::core::units::Duration;

use crate::guard::guarded;
use endless_wav::EndlessWav;

/// What is said to have given up where symphonia panics.
const DECODER: &str = "the decoder";

/// Most links without audio that may follow each other in a chained file: to begin one takes far longer
/// than its few bytes suggest.
const MOST_EMPTY_LINKS: u32 = 64;

/// Most samples that an encoder of mp3 adds at the end, to fill its last packet.
const MOST_PADDING: u64 = 4096;

/// Why a file gives no audio.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The file cannot be opened or read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The path names a folder.
    #[error("{0}: is a folder; name the audio files in it")]
    Directory(PathBuf),
    /// The file holds no bytes.
    #[error("{0}: the file is empty")]
    Empty(PathBuf),
    /// The content is no audio format that can be read.
    #[error(
        "{path}: not a readable audio file ({reason}); wav, flac, mp3, ogg and m4a are supported"
    )]
    NotAudio {
        /// The file.
        path: PathBuf,
        /// What the decoder made of it.
        reason: String,
    },
    /// The format was recognised, but not one sample could be decoded.
    #[error("{0}: no audio could be decoded; the file may be cut off or damaged")]
    NoAudio(PathBuf),
}

/// Shape of the audio in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFormat {
    /// Samples a second of each channel, in Hz.
    pub sample_rate: u32,
    /// Number of channels.
    pub channels: usize,
}

/// An open audio file, decoded block by block so that memory stays bounded whatever its length.
pub struct AudioFile {
    path: PathBuf,
    reader: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    format: Option<AudioFormat>,
    block: Vec<f32>,
    pending: bool,
    ended: bool,
    damaged: u64,
    /// Links of a chained file that began since there was audio.
    empty_links: u32,
    expected_frames: Option<u64>,
    /// From this sample on, nothing is taken for padding, whatever the reader says.
    no_padding_from: Option<u64>,
}

impl AudioFile {
    /// Opens a file and decodes as far as its first block, so that its format is known.
    ///
    /// # Errors
    /// See [`DecodeError`]; every variant names the file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DecodeError> {
        let path = path.as_ref();
        let io = |source| DecodeError::Io { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(io)?.is_dir() {
            return Err(DecodeError::Directory(path.to_owned()));
        }
        let file = File::open(path).map_err(io)?;
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
        Self::from_opened(file, path.to_owned(), extension)
    }

    /// Decodes a file that is open already, and stands at its beginning. `name` is used in messages.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn from_file(file: File, name: &str) -> Result<Self, DecodeError> {
        Self::from_opened(file, PathBuf::from(name), "")
    }

    fn from_opened(file: File, path: PathBuf, extension: &str) -> Result<Self, DecodeError> {
        let meta = file.metadata();
        let meta = meta.map_err(|source| DecodeError::Io { path: path.clone(), source })?;
        if !meta.is_file() {
            return Self::from_stream(piped(file), path, extension);
        }
        if meta.len() == 0 {
            return Err(DecodeError::Empty(path));
        }
        let stream = MediaSourceStream::new(Box::new(file), Default::default());
        Self::from_stream(stream, path, extension)
    }

    /// Decodes from a pipe, such as standard input, that cannot seek. `name` is used in messages. A length that
    /// a WAV header announces is not believed: the pipe ends where it ends.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn from_reader(
        reader: impl Read + Send + Sync + 'static,
        name: &str,
    ) -> Result<Self, DecodeError> {
        Self::from_stream(piped(reader), PathBuf::from(name), "")
    }

    /// Decodes a whole file that is in memory already. `name` is used in messages, and its ending as that of
    /// a file.
    ///
    /// # Errors
    /// See [`DecodeError`].
    pub fn from_bytes(bytes: Vec<u8>, name: &str) -> Result<Self, DecodeError> {
        let path = PathBuf::from(name);
        if bytes.is_empty() {
            return Err(DecodeError::Empty(path));
        }
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("").to_owned();
        let stream = MediaSourceStream::new(Box::new(Cursor::new(bytes)), Default::default());
        Self::from_stream(stream, path, &extension)
    }

    fn from_stream(
        stream: MediaSourceStream<'static>,
        path: PathBuf,
        extension: &str,
    ) -> Result<Self, DecodeError> {
        let not_audio = |reason: String| DecodeError::NotAudio { path: path.clone(), reason };
        let (reader, track) = guarded(DECODER, || probe(stream, extension)).map_err(not_audio)?;
        let mut file = Self {
            track: track.id,
            expected_frames: track.frames,
            no_padding_from: track.no_padding_from,
            decoder: track.decoder,
            path,
            reader,
            format: None,
            block: Vec::new(),
            pending: false,
            ended: false,
            damaged: 0,
            empty_links: 0,
        };
        file.pending = file.decode_next()?;
        if file.format.is_none() {
            return Err(DecodeError::NoAudio(file.path));
        }
        Ok(file)
    }

    /// Sample rate and channel count.
    pub fn format(&self) -> AudioFormat {
        self.format.expect("open() decodes until the format is known")
    }

    /// What the audio is coded with, whatever the file is called: `mp3`, `flac`, `vorbis`, `aac`, `alac`,
    /// `pcm_s16le` and so on. Of a chained Ogg file, that of the link it has come to.
    pub fn codec(&self) -> &'static str {
        self.decoder.codec_info().short_name
    }

    /// Number of frames the container announces, where it does; of mp3 only where its encoder's own count is
    /// there, as all else are guesses, and none once there are more. The links of a chained Ogg file, such as a
    /// recorded broadcast, announce their own: then it is the first one's.
    pub fn expected_frames(&self) -> Option<u64> {
        self.expected_frames
    }

    /// Packets that could not be decoded so far and were skipped, and a rest that could not be read.
    pub fn damaged_packets(&self) -> u64 {
        self.damaged
    }

    /// The file's path, or the name the pipe was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next block of interleaved samples, `None` at the end and whenever asked again.
    ///
    /// # Errors
    /// When the file can no longer be read, or changes its sample rate or channels midway.
    pub fn next_block(&mut self) -> Result<Option<&[f32]>, DecodeError> {
        if !std::mem::take(&mut self.pending) {
            // The end is the end: behind damage a reader may find its way again.
            if self.ended {
                return Ok(None);
            }
            let decoded = self.decode_next();
            self.ended = !matches!(decoded, Ok(true));
            if !decoded? {
                return Ok(None);
            }
        }
        Ok(Some(&self.block))
    }

    /// Decodes one packet that holds audio into `block`; false at the end. A decoder that gives up ends the
    /// audio there, as other damage does.
    fn decode_next(&mut self) -> Result<bool, DecodeError> {
        guarded(DECODER, || Ok(self.decode_next_unguarded())).unwrap_or_else(|reason| {
            tracing::debug!(path = %self.path.display(), reason, "the rest is not heard");
            self.damaged += 1;
            Ok(false)
        })
    }

    fn decode_next_unguarded(&mut self) -> Result<bool, DecodeError> {
        loop {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => self.untrimmed(packet),
                Ok(None) => return Ok(false),
                // A file cut off in the middle of a packet ends where its last whole packet ends.
                Err(SymphoniaError::IoError(e)) if e.kind() == ErrorKind::UnexpectedEof => {
                    self.damaged += u64::from(!self.may_end_anywhere());
                    return Ok(false);
                }
                Err(SymphoniaError::IoError(source)) => {
                    return Err(DecodeError::Io { path: self.path.clone(), source });
                }
                Err(SymphoniaError::ResetRequired) => match self.begin_link() {
                    Ok(()) => continue,
                    Err(reason) if self.format.is_none() => {
                        return Err(DecodeError::NotAudio { path: self.path.clone(), reason });
                    }
                    Err(reason) => {
                        tracing::debug!(path = %self.path.display(), reason, "the rest is not heard");
                        self.damaged += 1;
                        return Ok(false);
                    }
                },
                Err(e) if self.format.is_none() => {
                    return Err(DecodeError::NotAudio {
                        path: self.path.clone(),
                        reason: describe(&e),
                    });
                }
                Err(_) => {
                    self.damaged += 1;
                    return Ok(false);
                }
            };
            if packet.track_id != self.track {
                continue;
            }
            let decoded = match self.decoder.decode(&packet) {
                Ok(decoded) => decoded,
                Err(_) => {
                    self.damaged += 1;
                    continue;
                }
            };
            if decoded.frames() == 0 || decoded.num_planes() == 0 {
                continue;
            }
            let format =
                AudioFormat { sample_rate: decoded.spec().rate(), channels: decoded.num_planes() };
            if *self.format.get_or_insert(format) != format {
                return Err(DecodeError::NotAudio {
                    path: self.path.clone(),
                    reason: "its sample rate or channels change midway".into(),
                });
            }
            decoded.copy_to_vec_interleaved(&mut self.block);
            self.empty_links = 0;
            return Ok(true);
        }
    }

    /// Whether it does not say where it ends, so that nothing is missing there: WAV that was written to a pipe.
    fn may_end_anywhere(&self) -> bool {
        self.expected_frames.is_none() && is_wav(&*self.reader)
    }

    /// Keeps symphonia from throwing away all that lies behind an announced end of an mp3, which may be a guess
    /// from the first packets, or that of the first of several files one behind the other.
    fn untrimmed(&mut self, mut packet: Packet) -> Packet {
        let at = u64::try_from(packet.pts.get()).unwrap_or(0);
        if self.no_padding_from.is_some_and(|from| at >= from) && !packet.trim_end.is_zero() {
            packet.trim_end = Duration::ZERO;
            self.expected_frames = None;
        }
        packet
    }

    /// Turns to the next link of a chained file, which is as a file of its own.
    fn begin_link(&mut self) -> Result<(), String> {
        if self.empty_links == MOST_EMPTY_LINKS {
            return Err(format!("{MOST_EMPTY_LINKS} links in a row hold no audio"));
        }
        self.empty_links += 1;
        let track = find_track(&*self.reader)?;
        (self.track, self.decoder) = (track.id, track.decoder);
        // What links say about themselves, pictures too, would be kept for all of a broadcast.
        self.reader.metadata().skip_to_latest();
        Ok(())
    }
}

/// What comes through a pipe.
fn piped(reader: impl Read + Send + Sync + 'static) -> MediaSourceStream<'static> {
    let source = ReadOnlySource::new(EndlessWav::new(reader));
    MediaSourceStream::new(Box::new(source), Default::default())
}

/// An audio track: its number, its announced length, and what decodes it.
struct Track {
    id: u32,
    frames: Option<u64>,
    no_padding_from: Option<u64>,
    decoder: Box<dyn AudioDecoder>,
}

/// What reads a stream, and the audio in it.
fn probe(
    stream: MediaSourceStream<'static>,
    extension: &str,
) -> Result<(Box<dyn FormatReader>, Track), String> {
    let mut hint = Hint::new();
    hint.with_extension(extension);
    let reader = symphonia::default::get_probe()
        .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
        .map_err(|e| describe(&e))?;
    let track = find_track(&*reader)?;
    Ok((reader, track))
}

/// The audio that a reader has come to.
fn find_track(reader: &dyn FormatReader) -> Result<Track, String> {
    let track = reader.default_track(TrackType::Audio).ok_or("it has no audio track")?;
    let parameters = track.codec_params.as_ref().and_then(|p| p.audio());
    let parameters = parameters.ok_or("its audio track has no known codec")?;
    let decoder = symphonia::default::get_codecs()
        .make_audio_decoder(parameters, &AudioDecoderOptions::default())
        .map_err(|e| describe(&e))?;
    let (frames, no_padding_from) = match parameters.codec {
        // Without the encoder's own note there is nothing to know of padding, and the length is a guess.
        CODEC_ID_MP1 | CODEC_ID_MP2 | CODEC_ID_MP3 => match (track.padding, track.num_frames) {
            (Some(_), Some(frames)) => (Some(frames), Some(frames.saturating_add(MOST_PADDING))),
            _ => (None, Some(0)),
        },
        // Its audio has no length of its own, and what is noted beside it was noted before there was any.
        _ if is_wav(reader) && track.duration.is_none() => (None, None),
        _ => (track.num_frames, None),
    };
    Ok(Track { id: track.id, frames, no_padding_from, decoder })
}

fn is_wav(reader: &dyn FormatReader) -> bool {
    reader.format_info().format == FORMAT_ID_WAVE
}

fn describe(error: &SymphoniaError) -> String {
    match error {
        SymphoniaError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            "it ends before any audio".into()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
