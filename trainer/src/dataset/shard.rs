//! Shards: files that hold the frames of many songs, one after another.
//!
//! ```text
//! offset  size  content
//!      0     8  "EARWORMF"
//!      8     4  version of this layout, 1
//!     12     4  mel bands of every frame
//!     16     4  features of every song
//!     20     4  zero
//!     24    32  SHA-256 of the settings that frames and features were made with
//!     56     8  zero
//!     64     …  songs
//! ```
//!
//! A song of `n` frames is `n × bands` mel values in dB, frame after frame, then `n` levels in dBFS,
//! then its features (a missing one is NaN): all of them little-endian 32-bit floats, nothing between
//! them. Where a song begins and how many frames it has stands in the index alone. A shard only ever
//! grows; what the index does not name is waste that `dataset compact` frees.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use memmap2::Mmap;

use crate::files;

/// Bytes before the first song.
pub(super) const HEADER_BYTES: u64 = 64;
const MAGIC: &[u8; 8] = b"EARWORMF";
const VERSION: u32 = 1;

#[cfg(target_endian = "big")]
compile_error!("shards are mapped into memory as they are: little-endian machines only");

/// What every song of a shard has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Mel bands of every frame.
    pub(super) bands: u32,
    /// Features of every song.
    pub(super) features: u32,
    /// Hash of the settings.
    pub(super) settings: [u8; 32],
}

impl Layout {
    /// Bytes of a song; `None` where no file could hold it.
    pub(super) fn song_bytes(&self, frames: u64) -> Option<u64> {
        frames
            .checked_mul(u64::from(self.bands) + 1)?
            .checked_add(u64::from(self.features))?
            .checked_mul(4)
    }

    /// Where a song at `offset` ends; `None` where no file could hold it.
    pub(super) fn song_end(&self, offset: u64, frames: u64) -> Option<u64> {
        offset.checked_add(self.song_bytes(frames)?)
    }

    fn to_bytes(self) -> [u8; HEADER_BYTES as usize] {
        let mut bytes = [0; HEADER_BYTES as usize];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.bands.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.features.to_le_bytes());
        bytes[24..56].copy_from_slice(&self.settings);
        bytes
    }

    /// Whether a file begins as a shard of this layout does.
    fn check(self, start: &[u8]) -> Result<()> {
        let expected = self.to_bytes();
        ensure!(start.len() >= expected.len(), "it is cut off");
        ensure!(start[..8] == *MAGIC, "it is no shard of frames");
        ensure!(start[8..12] == expected[8..12], "it is of another version");
        ensure!(start[..expected.len()] == expected, "its frames were made with other settings");
        Ok(())
    }
}

/// The file of a shard.
pub(super) fn path_of(folder: &Path, number: u32, layout: &Layout) -> PathBuf {
    let settings = files::hex(&layout.settings[..4]);
    folder.join("shards").join(format!("shard-{number:05}-{settings}.frames"))
}

/// A song's mel frames as they lie in a shard.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FramesView<'a> {
    /// Power of each band in dB, `[frames, bands]`.
    pub mel_db: &'a [f32],
    /// Level of each frame in dBFS.
    pub level_db: &'a [f32],
    /// Mel bands of a frame.
    pub bands: usize,
}

impl<'a> FramesView<'a> {
    /// Number of frames.
    pub fn len(&self) -> usize {
        self.level_db.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.level_db.is_empty()
    }

    /// The frames one after another: mel bands in dB and level in dBFS.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [f32], f32)> {
        self.mel_db.chunks_exact(self.bands).zip(self.level_db.iter().copied())
    }
}

/// All values of one song in a shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) frames: FramesView<'a>,
    pub(super) features: &'a [f32],
    pub(super) bytes: &'a [u8],
}

/// A shard mapped into memory to be read.
#[derive(Debug)]
pub(super) struct Shard {
    layout: Layout,
    map: Mmap,
}

impl Shard {
    /// Maps a shard; only its header is looked at.
    pub(super) fn open(path: &Path, layout: Layout) -> Result<Self> {
        let open = || -> Result<Self> {
            let file = File::open(path)?;
            // SAFETY: the program never shortens or rewrites what an index names: builds append, and
            // cut off only what lies behind it; `compact` and `merge` write new files and remove old
            // ones, which leaves maps of them as they are. Another program that overwrites a shard
            // while it is mapped can change values or end this process, but the memory is only read
            // as floats, for which every bit pattern is valid.
            let map = unsafe { Mmap::map(&file)? };
            layout.check(&map)?;
            Ok(Self { layout, map })
        };
        open().with_context(|| format!("cannot read {}", path.display()))
    }

    /// Bytes of the file.
    pub(super) fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// The song of `frames` frames at `offset`.
    pub(super) fn record(&self, offset: u64, frames: u64) -> Result<Record<'_>> {
        let end = self.layout.song_end(offset, frames);
        let Some(end) = end.filter(|&end| offset >= HEADER_BYTES && end <= self.len()) else {
            bail!("it ends before the song does");
        };
        let bytes = &self.map[offset as usize..end as usize];
        let Ok(values) = bytemuck::try_cast_slice::<u8, f32>(bytes) else {
            bail!("a song does not begin where one can");
        };
        let bands = self.layout.bands as usize;
        let (mel_db, rest) = values.split_at(frames as usize * bands);
        let (level_db, features) = rest.split_at(frames as usize);
        Ok(Record { frames: FramesView { mel_db, level_db, bands }, features, bytes })
    }
}

/// The end of a shard that is being written.
#[derive(Debug)]
pub(super) struct ShardWriter {
    folder: PathBuf,
    layout: Layout,
    number: u32,
    largest: u64,
    open: Option<(File, u64)>,
}

/// Where a song lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Number of the shard.
    pub(super) shard: u32,
    /// First byte in it.
    pub(super) offset: u64,
}

impl ShardWriter {
    /// Begins with a new shard; no shard of this number may be there.
    pub(super) fn new(folder: &Path, layout: Layout, number: u32, largest: u64) -> Self {
        Self { folder: folder.to_owned(), layout, number, largest, open: None }
    }

    /// Goes on with a shard behind byte `end`; what lies there was never finished and is cut off.
    pub(super) fn resume(&mut self, end: u64) -> Result<()> {
        let path = self.path();
        let open = || -> std::io::Result<File> {
            let mut file = OpenOptions::new().read(true).write(true).open(&path)?;
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            Ok(file)
        };
        let file = open().with_context(|| format!("cannot write {}", path.display()))?;
        self.open = Some((file, end));
        Ok(())
    }

    fn path(&self) -> PathBuf {
        path_of(&self.folder, self.number, &self.layout)
    }

    /// Adds a song and returns where it lies. After an error the shard ends where it did before.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<Place> {
        if let Some((file, end)) = &self.open
            && *end > HEADER_BYTES
            && *end + bytes.len() as u64 > self.largest
        {
            file.sync_data().with_context(|| format!("cannot write {}", self.path().display()))?;
            self.open = None;
            self.number = self.number.checked_add(1).context("there are too many shards")?;
        }
        let path = self.path();
        let cannot = || format!("cannot write {}", path.display());
        let (file, end) = match &mut self.open {
            Some(open) => open,
            closed => closed.insert(create(&path, self.layout).with_context(cannot)?),
        };
        if let Err(error) = file.write_all(bytes) {
            // On a full disk the beginning of the song may stand there.
            file.set_len(*end).and_then(|()| file.seek(SeekFrom::Start(*end))).ok();
            return Err(error).with_context(cannot);
        }
        begin_writing(file, *end, bytes.len());
        let place = Place { shard: self.number, offset: *end };
        *end += bytes.len() as u64;
        Ok(place)
    }

    /// Waits until everything appended is on the disk.
    pub(super) fn sync(&self) -> Result<()> {
        match &self.open {
            Some((file, _)) => {
                file.sync_data().with_context(|| format!("cannot write {}", self.path().display()))
            }
            None => Ok(()),
        }
    }
}

/// Asks the system to bring a stretch of a file to the disk now, while songs are still being read, so
/// that [`ShardWriter::sync`] has little left to wait for. Where it cannot be asked, nothing is done.
fn begin_writing(file: &File, offset: u64, length: usize) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let (fd, offset, length) = (file.as_raw_fd(), offset as i64, length as i64);
        // SAFETY: only numbers are passed, and the descriptor is open as long as `file` is.
        unsafe { libc::sync_file_range(fd, offset, length, libc::SYNC_FILE_RANGE_WRITE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, offset, length);
}

fn create(path: &Path, layout: Layout) -> std::io::Result<(File, u64)> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    if let Err(error) = file.write_all(&layout.to_bytes()) {
        std::fs::remove_file(path).ok();
        return Err(error);
    }
    Ok((file, HEADER_BYTES))
}

/// The length of a file if it begins as a shard of this layout does.
pub(super) fn length_if_sound(path: &Path, layout: Layout) -> Option<u64> {
    let mut file = File::open(path).ok()?;
    let mut start = [0; HEADER_BYTES as usize];
    file.read_exact(&mut start).ok()?;
    layout.check(&start).ok()?;
    Some(file.metadata().ok()?.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAYOUT: Layout = Layout { bands: 3, features: 2, settings: [7; 32] };

    /// A song whose first value is `first`.
    fn song(frames: usize, first: f32) -> Vec<f32> {
        let count = frames * 4 + 2;
        (0..count).map(|i| if i == 0 { first } else { i as f32 }).collect()
    }

    #[test]
    fn songs_come_back_from_several_shards() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = ShardWriter::new(dir.path(), LAYOUT, 0, 300);
        let songs: Vec<Vec<f32>> = (0..9).map(|n| song(1 + n % 5, n as f32)).collect();
        let places: Vec<Place> =
            songs.iter().map(|s| writer.append(bytemuck::cast_slice(s)).unwrap()).collect();
        writer.sync().unwrap();
        assert!(places.last().unwrap().shard >= 2, "{places:?}");
        for (song, place) in songs.iter().zip(&places) {
            let frames = (song.len() - 2) / 4;
            let path = path_of(dir.path(), place.shard, &LAYOUT);
            let shard = Shard::open(&path, LAYOUT).unwrap();
            let record = shard.record(place.offset, frames as u64).unwrap();
            assert_eq!(record.frames.mel_db, &song[..frames * 3]);
            assert_eq!(record.frames.level_db, &song[frames * 3..frames * 4]);
            assert_eq!(record.features, &song[frames * 4..]);
            assert_eq!(record.frames.iter().count(), frames);
        }
    }

    #[test]
    fn other_layouts_and_cut_files_are_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        ShardWriter::new(dir.path(), LAYOUT, 0, 1 << 20)
            .append(bytemuck::cast_slice(&song(5, 0.0)))
            .unwrap();
        let path = path_of(dir.path(), 0, &LAYOUT);
        let message = |layout| format!("{:#}", Shard::open(&path, layout).unwrap_err());
        assert!(message(Layout { bands: 4, ..LAYOUT }).contains("other settings"));
        assert!(message(Layout { settings: [8; 32], ..LAYOUT }).contains(".frames"));
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let shard = Shard::open(&path, LAYOUT).unwrap();
        assert!(shard.record(HEADER_BYTES, 5).unwrap_err().to_string().contains("ends before"));
        assert!(shard.record(HEADER_BYTES + 1, 1).is_err());
        // Windows lets nobody cut a file that is mapped.
        drop(shard);
        std::fs::write(&path, &whole[..10]).unwrap();
        assert!(message(LAYOUT).contains("cut off"));
        std::fs::write(&path, "").unwrap();
        assert!(message(LAYOUT).contains("cut off"), "{}", message(LAYOUT));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(
            mut content in prop::collection::vec(any::<u8>(), 0..400),
            keep_header in any::<bool>(),
            offset in prop_oneof![0u64..500, any::<u64>()],
            frames in prop_oneof![0u64..50, any::<u64>()],
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("shard");
            if keep_header {
                content.splice(0..0, LAYOUT.to_bytes());
            }
            std::fs::write(&path, &content).unwrap();
            let sound = length_if_sound(&path, LAYOUT).is_some();
            let shard = Shard::open(&path, LAYOUT);
            prop_assert_eq!(shard.is_ok(), sound);
            if let Ok(record) = shard.and_then(|s| s.record(offset, frames).map(|r| r.bytes.len())) {
                prop_assert!(frames <= 100 && offset >= HEADER_BYTES);
                prop_assert!(offset as usize + record <= content.len());
            }
        }
    }
}
