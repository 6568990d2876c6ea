use super::*;

fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn bad_files_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let empty = write(dir.path(), "empty.mp3", b"");
    let text = write(dir.path(), "text.mp3", "not music at all\n".repeat(500).as_bytes());
    assert!(matches!(AudioFile::open(&empty), Err(DecodeError::Empty(_))));
    assert!(matches!(AudioFile::open(dir.path()), Err(DecodeError::Directory(_))));
    assert!(matches!(AudioFile::open(dir.path().join("none.wav")), Err(DecodeError::Io { .. })));
    let message = AudioFile::open(&text).err().unwrap().to_string();
    assert!(message.contains("text.mp3"), "{message}");
}

/// A second of stereo, as a file.
fn second(path: &Path) {
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    for i in 0..96_000i32 {
        wav.write_sample((i % 100) as i16).unwrap();
    }
    wav.finalize().unwrap();
}

fn samples_of(file: &mut AudioFile) -> usize {
    let mut samples = 0;
    while let Some(block) = file.next_block().unwrap() {
        samples += block.len();
    }
    samples
}

#[test]
fn a_truncated_wav_gives_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.wav");
    second(&path);
    let bytes = std::fs::read(&path).unwrap();
    let cut = write(dir.path(), "cut.wav", &bytes[..bytes.len() / 2]);
    let mut file = AudioFile::open(&cut).unwrap();
    assert_eq!(file.format(), AudioFormat { sample_rate: 48_000, channels: 2 });
    let samples = samples_of(&mut file);
    assert!((40_000..=48_000).contains(&samples), "{samples}");
}

/// Some programs put tags behind all that a WAV announces.
#[test]
fn a_file_that_is_open_already_is_no_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tagged.wav");
    second(&path);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend([b'T'; 4000]);
    std::fs::write(&path, bytes).unwrap();
    let mut file = AudioFile::from_file(File::open(&path).unwrap(), "standard input").unwrap();
    assert_eq!(file.path(), Path::new("standard input"));
    assert_eq!(file.expected_frames(), Some(48_000));
    assert_eq!((samples_of(&mut file), file.damaged_packets()), (96_000, 0));
    let empty = File::open(write(dir.path(), "empty.wav", b"")).unwrap();
    assert!(matches!(AudioFile::from_file(empty, "nothing"), Err(DecodeError::Empty(_))));
}
