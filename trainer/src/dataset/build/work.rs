//! Reading songs, in parallel.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;

use super::{BuildOptions, BuildReport};
use crate::dataset::construction::Construction;
use crate::dataset::description::Description;
use crate::dataset::index::{BuiltSong, Entry};
use crate::dataset::manifest::Track;
use crate::dataset::shard::Place;
use crate::dataset::song;
use crate::dataset::song_features::FeatureSource;
use crate::embed::Embedder;
use crate::progress::Progress;
use crate::{files, interrupt};

/// Songs that may lose their files between two builds, whatever their share: somebody tidied up.
const FEW: usize = 4;
/// Of more songs than that at most one in so many may: else a disk is missing, and not the songs.
const ONE_IN: usize = 10;

/// What songs are read by.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    pub(super) source: &'a dyn FeatureSource,
    pub(super) embedder: Option<&'a Embedder>,
}

pub(super) struct Work<'a> {
    options: &'a BuildOptions,
    description: &'a Description,
    from: From<'a>,
    place: &'a Construction<'a>,
    progress: Progress,
    built: AtomicUsize,
    kept: AtomicUsize,
    skipped: Mutex<Vec<(String, String)>>,
    /// Those that were read before, and whose files cannot be looked at.
    unseen: Mutex<Vec<(String, String)>>,
    /// Those that were read before, and whose files are not there any more.
    gone: Mutex<Vec<Unread>>,
}

/// A song whose file could not be read.
struct Unread {
    /// Its place among the tracks.
    at: usize,
    id: String,
    reason: String,
}

impl<'a> Work<'a> {
    pub(super) fn run(
        options: &'a BuildOptions,
        description: &'a Description,
        from: From<'a>,
        tracks: &[(u64, Track)],
        place: &'a Construction<'a>,
    ) -> Result<BuildReport> {
        let work = Self {
            options,
            description,
            from,
            place,
            progress: Progress::begin("dataset build", "songs", tracks.len())?,
            built: AtomicUsize::new(0),
            kept: AtomicUsize::new(0),
            skipped: Mutex::default(),
            unseen: Mutex::default(),
            gone: Mutex::default(),
        };
        let known = place.songs();
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(options.jobs.unwrap_or(0)).build()?;
        let tracks: Vec<(usize, &Track)> =
            tracks.iter().map(|(_, track)| track).enumerate().collect();
        let _attention = interrupt::attend();
        let outcome =
            pool.install(|| tracks.par_iter().try_for_each(|&(at, track)| work.take(at, track)));
        work.progress.end();
        let (gone, stopped) = (all_of(&work.gone), interrupt::requested());
        let too_many = too_many(gone.len(), known);
        let outcome = match too_many || stopped {
            // What was not looked at may be there.
            true => {
                work.kept.fetch_add(gone.len(), Ordering::Relaxed);
                outcome
            }
            false => outcome.and_then(|()| gone.iter().try_for_each(|song| work.leave_out(song))),
        };
        outcome.and(place.save()).context(
            "the data set is not complete; what was finished is kept, run the same command again to go on",
        )?;
        let [mut skipped, mut unseen] = [&work.skipped, &work.unseen].map(all_of);
        skipped.sort();
        unseen.sort();
        let mut gone: Vec<String> = match too_many && !stopped {
            true => gone.into_iter().map(|song| song.id).collect(),
            false => vec![],
        };
        gone.sort();
        Ok(BuildReport {
            built: work.built.into_inner(),
            kept: work.kept.into_inner(),
            skipped,
            unseen,
            known,
            gone,
            stopped,
        })
    }

    /// One song. An error ends the build: it means that the data set cannot be written.
    fn take(&self, at: usize, track: &Track) -> Result<()> {
        let known = match self.place.known(at) {
            Some(Entry::Built(song)) => Some(song),
            _ => None,
        };
        if interrupt::requested() {
            self.kept.fetch_add(usize::from(known.is_some()), Ordering::Relaxed);
            return Ok(());
        }
        self.progress.is_at(&track.file);
        let known = known.filter(|song| !self.options.verify || self.place.is_sound(song));
        let is_known = known.is_some();
        let read = self.read(track, known);
        self.progress.one_more();
        match read {
            Ok(Read::Kept(song)) => {
                self.kept.fetch_add(1, Ordering::Relaxed);
                self.place.record(at, Entry::Built(song))
            }
            Ok(Read::Built(song, values)) => {
                self.place.append(at, bytemuck::cast_slice(&values), |place| {
                    Entry::Built(BuiltSong { place, ..song })
                })?;
                self.built.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => {
                let (id, reason) = (track.id.clone(), format!("{error:#}"));
                match system_error(&error).filter(|_| is_known) {
                    // Whether it is left out is told by how many are gone.
                    Some(io::ErrorKind::NotFound) => {
                        add(&self.gone, Unread { at, id, reason });
                        Ok(())
                    }
                    // That a file cannot be looked at says nothing of what was read of it.
                    Some(_) => {
                        self.kept.fetch_add(1, Ordering::Relaxed);
                        add(&self.unseen, (id, reason));
                        Ok(())
                    }
                    None => self.leave_out(&Unread { at, id, reason }),
                }
            }
        }
    }

    fn leave_out(&self, song: &Unread) -> Result<()> {
        add(&self.skipped, (song.id.clone(), song.reason.clone()));
        self.place.record(song.at, Entry::Skipped { reason: song.reason.clone() })
    }

    fn read(&self, track: &Track, known: Option<BuiltSong>) -> Result<Read> {
        let path = track.path_in(&self.options.audio);
        let meta =
            std::fs::metadata(&path).with_context(|| format!("cannot read {}", path.display()))?;
        ensure!(meta.is_file(), "{} is no file", path.display());
        let modified = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let (bytes, modified_ns) = (meta.len(), modified.as_nanos() as u64);
        let known = known.map(|song| with_codec(song, &path));
        // As `make` and `rsync` do, unless the content is to be looked at. The name counts as well: two
        // songs that change places can have one size and one time.
        if let Some(song) = &known
            && (&song.file, song.bytes, song.modified_ns) == (&track.file, bytes, modified_ns)
            && !self.options.verify
        {
            return Ok(Read::Kept(song.clone()));
        }
        let audio_sha256 = files::hash_file(&path)?;
        if let Some(song) = known
            && song.audio_sha256 == audio_sha256
        {
            return Ok(Read::Kept(BuiltSong {
                file: track.file.clone(),
                bytes,
                modified_ns,
                ..song
            }));
        }
        let features = self.description.feature_names.len();
        let From { source, embedder } = self.from;
        let extraction = &self.description.extraction;
        let longest = self.options.longest_seconds.unwrap_or(song::LONGEST_SECONDS);
        let content = song::read(&path, extraction, features, source, embedder, longest)?;
        let song = BuiltSong {
            // Known once it has been written.
            place: Place { shard: 0, offset: 0 },
            frames: content.frames as u64,
            audible: content.audible as u64,
            seconds: content.seconds,
            clipped: content.clipped,
            chorus: content.chorus,
            file: track.file.clone(),
            codec: Some(content.codec.to_owned()),
            bytes,
            modified_ns,
            audio_sha256,
            content_sha256: files::sha256_hex(bytemuck::cast_slice(&content.values)),
        };
        Ok(Read::Built(song, content.values))
    }
}

enum Read {
    Kept(BuiltSong),
    Built(BuiltSong, Vec<f32>),
}

/// A song with its codec, which an older version did not keep.
fn with_codec(song: BuiltSong, path: &Path) -> BuiltSong {
    let codec = song.codec.or_else(|| song::codec_of(path));
    BuiltSong { codec, ..song }
}

/// Whether so many of the known songs cannot have been deleted one by one.
fn too_many(gone: usize, known: usize) -> bool {
    gone > FEW && gone * ONE_IN > known
}

/// What the system said when a file was to be looked at; `None` where the file is there and something is wrong
/// with what is in it.
fn system_error(error: &anyhow::Error) -> Option<io::ErrorKind> {
    let error = error.downcast_ref::<io::Error>()?;
    error.raw_os_error().map(|_| error.kind())
}

fn add<T>(list: &Mutex<Vec<T>>, item: T) {
    list.lock().unwrap_or_else(|e| e.into_inner()).push(item);
}

fn all_of<T>(list: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut *list.lock().unwrap_or_else(|e| e.into_inner()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_songs_may_go_and_a_disk_may_not() {
        assert!(!too_many(4, 5) && too_many(5, 14));
        assert!(!too_many(100, 1000) && too_many(101, 1000));
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_from_what_is_wrong_with_the_disk() {
        let of = |result: Result<String>| system_error(&result.unwrap_err());
        let dir = tempfile::tempdir().unwrap();
        let none = files::hash_file(&dir.path().join("none"));
        assert_eq!(of(none.context("song")), Some(io::ErrorKind::NotFound));
        let cut: Result<String> = Err(io::Error::new(io::ErrorKind::UnexpectedEof, "cut").into());
        assert_eq!(of(cut), None);
        assert_eq!(of(Err(anyhow::anyhow!("no audio"))), None);
    }
}
