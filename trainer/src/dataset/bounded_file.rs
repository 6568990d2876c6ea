//! A Parquet file that is read at most as often as it has bytes, and not beyond its end: of damaged ones the
//! Parquet crate may look for the next page in the same place, or for two thousand million items behind the
//! last byte.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

/// Reads that any file may take, however short it is.
const FREE: u64 = 1000;

/// The file, and how many more reads it may take.
pub(super) struct BoundedFile {
    file: File,
    left: AtomicU64,
}

impl BoundedFile {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        // A page, and so a read, takes some bytes.
        let left = AtomicU64::new(file.metadata()?.len().saturating_add(FREE));
        Ok(Self { file, left })
    }

    fn count(&self) -> Result<()> {
        let fewer = |left: u64| left.checked_sub(1);
        match self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer) {
            Ok(_) => Ok(()),
            Err(_) => Err(ParquetError::General("its pages have no end".into())),
        }
    }
}

impl Length for BoundedFile {
    fn len(&self) -> u64 {
        Length::len(&self.file)
    }
}

/// A reader that says so when nothing is left, where others give nothing as often as they are asked.
pub(super) struct UpToTheEnd(BufReader<File>);

impl Read for UpToTheEnd {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        match self.0.read(into)? {
            0 if !into.is_empty() => Err(ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

impl ChunkReader for BoundedFile {
    type T = UpToTheEnd;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.count()?;
        self.file.get_read(start).map(UpToTheEnd)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.count()?;
        self.file.get_bytes(start, length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_counted_and_end_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, [7; 10]).unwrap();
        let file = BoundedFile::open(&path).unwrap();
        for _ in 0..FREE + 10 {
            assert_eq!(file.get_bytes(3, 2).unwrap()[..], [7, 7]);
        }
        let mut rest = Vec::new();
        let ended = BoundedFile::open(&path).unwrap().get_read(8).unwrap().read_to_end(&mut rest);
        assert_eq!((ended.unwrap_err().kind(), &rest[..]), (ErrorKind::UnexpectedEof, &[7, 7][..]));
        let refused = file.get_bytes(3, 2).unwrap_err().to_string();
        assert!(refused.contains("no end"), "{refused}");
        assert!(file.get_read(0).is_err());
    }
}
