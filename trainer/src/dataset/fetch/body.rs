//! What a server sends: checked, and written as a file that gets its name when it is whole.

use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::{files, interrupt};

/// Bytes that are read at a time.
const BLOCK: usize = 1 << 16;
/// Fewest bytes a second, on the whole: a server that now and then sends one would hold a job for ever.
const SLOWEST: f64 = 1024.0;

/// Why a try failed.
pub(super) enum Failure {
    /// Another try may help.
    Passing(anyhow::Error),
    /// It will not.
    Lasting(anyhow::Error),
    /// Nothing can be written, of this file or of any other.
    Disk(anyhow::Error),
    /// Ctrl-C came between: nothing is wrong with it.
    Stopped,
}

/// Reads a body into a file that gets its name when it is whole. After `patience` it must not have come
/// slower than [`SLOWEST`].
pub(super) fn save(
    mut body: impl Read,
    path: &Path,
    most: u64,
    told: Option<u64>,
    patience: Duration,
) -> Result<u64, Failure> {
    use Failure::{Disk, Lasting, Passing, Stopped};
    let disk = |e: std::io::Error| {
        // Only the name may be at fault: then others can be written.
        let name = matches!(
            e.kind(),
            ErrorKind::InvalidFilename
                | ErrorKind::InvalidInput
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
                | ErrorKind::AlreadyExists
        );
        let error = anyhow::Error::from(e).context(format!("cannot write {}", path.display()));
        if name { Lasting(error) } else { Disk(error) }
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(disk)?;
    let mut file = files::temporary_for(path).map_err(disk)?;
    let (mut bytes, mut block, mut begun) = (0u64, vec![0u8; BLOCK], Vec::new());
    let since = Instant::now();
    loop {
        if interrupt::requested() {
            return Err(Stopped);
        }
        let count = match body.read(&mut block) {
            Ok(0) => break,
            Ok(count) => count,
            Err(e) => return Err(Passing(anyhow::Error::from(e).context("it broke off"))),
        };
        bytes += count as u64;
        if bytes > most {
            return Err(Lasting(anyhow::anyhow!("it has more than {most} bytes")));
        }
        let time = since.elapsed();
        if time > patience && (bytes as f64) < SLOWEST * time.as_secs_f64() {
            let seconds = time.as_secs();
            return Err(Passing(anyhow::anyhow!(
                "it comes too slowly: {bytes} bytes in {seconds} s"
            )));
        }
        let wanted = 16usize.saturating_sub(begun.len()).min(count);
        begun.extend_from_slice(&block[..wanted]);
        file.write_all(&block[..count]).map_err(disk)?;
    }
    if let Some(told) = told.filter(|&told| told != bytes) {
        return Err(Passing(anyhow::anyhow!("it broke off: {bytes} of {told} bytes came")));
    }
    if bytes == 0 {
        return Err(Lasting(anyhow::anyhow!("it is empty")));
    }
    if !begins_like_audio(&begun) {
        return Err(Lasting(anyhow::anyhow!(
            "it does not begin like wav, flac, mp3, ogg or m4a, whatever the server calls it"
        )));
    }
    file.as_file().sync_all().map_err(disk)?;
    file.persist(path).map_err(|e| disk(e.error))?;
    files::sync_folder(folder);
    Ok(bytes)
}

/// Audio, or what servers call files that they do not know.
pub(super) fn is_audio_type(kind: &str) -> bool {
    kind.starts_with("audio/")
        || matches!(
            kind,
            "" | "application/octet-stream"
                | "binary/octet-stream"
                | "application/ogg"
                | "video/mp4"
                | "application/mp4"
        )
}

/// The first bytes of the formats that can be decoded.
fn begins_like_audio(begun: &[u8]) -> bool {
    let at = |place: usize, magic: &[u8]| begun.get(place..place + magic.len()) == Some(magic);
    let mpeg = begun.len() > 1 && begun[0] == 0xff && begun[1] & 0xe0 == 0xe0;
    at(0, b"RIFF") && at(8, b"WAVE")
        || at(0, b"fLaC")
        || at(0, b"OggS")
        || at(0, b"ID3")
        || at(4, b"ftyp")
        || mpeg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_their_first_bytes() {
        for begun in [
            &b"RIFF\x24\0\0\0WAVEfmt "[..],
            b"fLaC\0\0\0\x22",
            b"OggS\0\x02",
            b"ID3\x04\0",
            b"\xff\xfb\x90\0",
            b"\0\0\0\x20ftypM4A ",
        ] {
            assert!(begins_like_audio(begun), "{begun:?}");
        }
        for begun in [&b"<!DOCTYPE html>"[..], b"RIFF\x24\0\0\0AVI ", b"", b"\xff", b"{}"] {
            assert!(!begins_like_audio(begun), "{begun:?}");
        }
        assert!(is_audio_type("audio/mpeg") && !is_audio_type("text/html"));
    }

    /// One byte at a time, and long pauses between them.
    struct Dripping;

    impl Read for Dripping {
        fn read(&mut self, block: &mut [u8]) -> std::io::Result<usize> {
            std::thread::sleep(Duration::from_millis(5));
            block[0] = 0;
            Ok(1)
        }
    }

    #[test]
    fn a_body_that_only_drips_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("song.wav");
        let failure = save(Dripping, &path, 1000, None, Duration::from_millis(50)).err();
        let Some(Failure::Passing(error)) = failure else { panic!("it was not given up") };
        assert!(error.to_string().contains("too slowly"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
