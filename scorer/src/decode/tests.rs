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

#[test]
fn a_truncated_wav_gives_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cut.wav");
    let spec = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(&path, spec).unwrap();
    for i in 0..96_000i32 {
        wav.write_sample((i % 100) as i16).unwrap();
    }
    wav.finalize().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let cut = write(dir.path(), "cut.wav", &bytes[..bytes.len() / 2]);
    let mut file = AudioFile::open(&cut).unwrap();
    assert_eq!(file.format(), AudioFormat { sample_rate: 48_000, channels: 2 });
    let mut samples = 0;
    while let Some(block) = file.next_block().unwrap() {
        samples += block.len();
    }
    assert!((40_000..=48_000).contains(&samples), "{samples}");
}
