//! What a build came to, in words.

use std::fmt;
use std::path::Path;

/// Songs that a line names at most.
const MOST_NAMED: usize = 5;

/// What a build came to.
#[derive(Debug, Default)]
pub struct BuildReport {
    /// Songs read now.
    pub built: usize,
    /// Songs that had been read before.
    pub kept: usize,
    /// Songs left out, with the reason.
    pub skipped: Vec<(String, String)>,
    /// Songs that are kept as they were read before, although their files cannot be looked at now, with the reason.
    pub unseen: Vec<(String, String)>,
    /// Songs that the data set had before.
    pub known: usize,
    /// Those of them whose files are gone, where they are too many to have been deleted one by one. They are kept as
    /// they were read before, and the build has failed.
    pub gone: Vec<String>,
    /// Whether the build was stopped before its end.
    pub stopped: bool,
}

impl BuildReport {
    /// Which songs could not be read, in a line; `None` where all could.
    pub fn missing(&self) -> Option<String> {
        let ids = self.skipped.iter().map(|(track, _)| track.as_str());
        (!self.skipped.is_empty()).then(|| {
            format!(
                "{} of {} songs could not be read: {}; the others are built and kept (--allow-missing takes that for success)",
                self.skipped.len(),
                self.songs() + self.skipped.len(),
                some_of(ids)
            )
        })
    }

    /// How many files are gone from a folder, which is a failure, in a line; `None` where they are few enough.
    pub fn gone_from(&self, audio: &Path) -> Option<String> {
        (!self.gone.is_empty()).then(|| {
            format!(
                "{} of {} songs that were read before are not in {} any more: {}; their frames are kept. If a disk or a share is missing, bring it back and run the same command again; if the files were deleted, take these songs out of the manifest first",
                self.gone.len(),
                self.known,
                audio.display(),
                some_of(self.gone.iter().map(String::as_str))
            )
        })
    }

    /// How many files could not be looked at, in a line; `None` where all could.
    pub fn not_looked_at(&self) -> Option<String> {
        let some = some_of(self.unseen.iter().map(|(track, _)| track.as_str()));
        match self.unseen.len() {
            0 => None,
            1 => Some(format!(
                "the file of 1 song cannot be looked at: {some}; it is kept as it was read before"
            )),
            songs => Some(format!(
                "the files of {songs} songs cannot be looked at: {some}; they are kept as they were read before"
            )),
        }
    }

    /// Songs in the data set.
    pub fn songs(&self) -> usize {
        self.built + self.kept
    }
}

impl fmt::Display for BuildReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (track, reason) in &self.skipped {
            writeln!(f, "skipped {track}: {reason}")?;
        }
        for (track, reason) in &self.unseen {
            writeln!(f, "kept {track} as it was: {reason}")?;
        }
        write!(
            f,
            "{} songs: {} read now, {} kept from before, {} skipped",
            self.songs(),
            self.built,
            self.kept,
            self.skipped.len()
        )?;
        if !self.gone.is_empty() {
            write!(f, "\nthe files of {} songs kept are gone", self.gone.len())?;
        }
        if self.stopped {
            write!(f, "\nstopped; run the same command again to go on")?;
        }
        Ok(())
    }
}

/// The first few of some names, and how many more there are.
fn some_of<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let (named, others) = names.split_at(names.len().min(MOST_NAMED));
    let more =
        if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    named.join(", ") + &more
}
