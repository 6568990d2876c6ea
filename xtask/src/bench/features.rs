//! The features of whole songs beside librosa, torchaudio, essentia and pychorus: the same files, one
//! thread each, in turn, so that all see the same machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use super::line::Line;
use super::measure::Spread;
use super::peer::{self, last_line};
use crate::workspace::{Workspace, output};

/// One-minute mp3 files, where the shared data lie beside the repository.
const SONGS: &str = "../shared/data/emotify/audio";

/// A work that is timed: its name in what both sides print, what it is, the peers to compare with, and how
/// far results may lie apart. Peers come with the ratio that was to be reached. Both sides take the shortest
/// of as many rounds over the same files.
struct Work {
    name: &'static str,
    what: &'static str,
    peers: &'static [(&'static str, f64)],
    tolerance: Tolerance,
    rounds: u32,
}

/// How far apart results may lie.
enum Tolerance {
    /// As a share of the peer's.
    Share(f64),
    Seconds(f64),
}

/// Rounds of most works, and of those of which one takes a peer more than two seconds.
const ROUNDS: u32 = 5;
const FEW_ROUNDS: u32 = 3;

const WORK: [Work; 7] = [
    Work {
        name: "decode",
        what: "decoding a file to one channel",
        peers: &[("librosa", 1.0), ("essentia", 1.0)],
        tolerance: Tolerance::Share(0.01),
        rounds: ROUNDS,
    },
    Work {
        name: "resample",
        what: "30 s from 44.1 to 22.05 kHz",
        peers: &[("librosa", 1.0), ("torchaudio", 1.0), ("essentia", 1.0)],
        tolerance: Tolerance::Share(0.01),
        rounds: ROUNDS,
    },
    Work {
        name: "mel_db",
        what: "30 s to mel dB, 2048/512/128",
        peers: &[("torchaudio", 2.0), ("librosa", 10.0), ("essentia", 1.0)],
        tolerance: Tolerance::Share(0.01),
        rounds: ROUNDS,
    },
    Work {
        name: "descriptors",
        what: "seven descriptors of 30 s",
        peers: &[("librosa", 10.0)],
        tolerance: Tolerance::Share(0.001),
        rounds: ROUNDS,
    },
    // Essentia without tonal centroids, and with chroma of another kind.
    Work {
        name: "low_level",
        what: "the low-level set of 30 s",
        peers: &[("librosa", 10.0), ("essentia", 10.0)],
        tolerance: Tolerance::Share(0.01),
        rounds: ROUNDS,
    },
    Work {
        name: "song",
        what: "a file to both feature sets, as a data set is built",
        peers: &[("librosa", 10.0)],
        tolerance: Tolerance::Share(0.001),
        rounds: FEW_ROUNDS,
    },
    // Where it starts in each of sixteen files. pychorus finds none that last to a song's end, which are found
    // here, and answers on a grid.
    Work {
        name: "chorus",
        what: "the chorus of a file, decoding included",
        peers: &[("pychorus", 4.0)],
        tolerance: Tolerance::Seconds(2.0),
        rounds: ROUNDS,
    },
];

/// Numbers from a result, by which both show that they did the same; nothing where nothing was found.
type Found = Vec<Option<f64>>;

impl Tolerance {
    /// What makes a comparison void. Where the peer finds nothing, there is nothing to compare.
    fn difference(&self, ours: &[Option<f64>], theirs: &[Option<f64>]) -> Option<String> {
        let allowed = |b: f64| match self {
            Self::Share(share) => share * b.abs(),
            Self::Seconds(seconds) => *seconds,
        };
        let fits = |a: Option<f64>, b: f64| a.is_some_and(|a| (a - b).abs() <= allowed(b));
        if ours.len() != theirs.len() || theirs.iter().all(Option::is_none) {
            return Some(format!("nothing to compare: {ours:.4?} and {theirs:.4?}"));
        }
        let mut pairs = ours.iter().zip(theirs).filter_map(|(a, b)| Some((*a, (*b)?)));
        let (a, b) = pairs.find(|(a, b)| !fits(*a, *b))?;
        let a = a.map_or("nothing".to_owned(), |a| format!("{a:.4}"));
        Some(format!("results differ: {a} and {b:.4}"))
    }
}

/// What the Rust side prints.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Ours {
    seconds: BTreeMap<String, f64>,
    results: BTreeMap<String, Found>,
    songs: usize,
    threads: usize,
    songs_per_second: f64,
    songs_per_second_of_one: f64,
    share_of_decoding: f64,
}

/// What the Python side prints: for each peer and work its seconds and numbers from its result.
type Theirs = BTreeMap<String, BTreeMap<String, (f64, Found)>>;

/// All runs of both.
#[derive(Debug, Serialize)]
pub(super) struct Comparison {
    files: String,
    earworm: Vec<Ours>,
    python: Vec<Theirs>,
}

/// Lets both measure `runs` times, A B A B.
pub(super) fn measure(workspace: &Workspace, runs: u32) -> Result<Comparison> {
    let python = peer::python(workspace, "pybench-features", "features-requirements.txt")?;
    let program = workspace.bench_program("features")?;
    let (files, songs) = songs(workspace, &program)?;
    let rounds = rounds();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for nth in 1..=runs {
        let ours: Ours = last_line(Command::new(&program).args(&rounds).args(&songs))?;
        let mut peers = Command::new(&python);
        peers.arg(peer::script(workspace, "features_peer.py")).args(&rounds).args(&songs);
        let theirs: Theirs = last_line(&mut peers)?;
        eprintln!("run {nth}/{runs}: {ours:?}, {theirs:?}");
        a.push(ours);
        b.push(theirs);
    }
    Ok(Comparison { files, earworm: a, python: b })
}

/// What both sides are told: how many rounds each work has.
fn rounds() -> [String; 2] {
    let rounds: Vec<String> =
        WORK.iter().map(|work| format!("{}={}", work.name, work.rounds)).collect();
    ["--rounds".to_owned(), rounds.join(",")]
}

/// Real songs, if there are any here: mixed, as genres lie next to each other and the first files,
/// timed one by one, are to be of all of them.
pub(super) fn real_songs(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = workspace.root.join(SONGS);
    let mut songs: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<Vec<_>>>()?
            .into_iter()
            .filter(|path| path.extension().is_some_and(|e| e == "mp3"))
            .collect(),
        Err(_) => Vec::new(),
    };
    songs.sort();
    let step = songs.len().div_ceil(4).max(1);
    let mixed: Vec<_> = (0..step).flat_map(|at| songs.iter().skip(at).step_by(step)).collect();
    Ok(mixed.into_iter().cloned().collect())
}

/// The files to measure with, and what they are.
fn songs(workspace: &Workspace, program: &Path) -> Result<(String, Vec<PathBuf>)> {
    let songs = real_songs(workspace)?;
    if !songs.is_empty() {
        return Ok((format!("{} one-minute mp3 files of the Emotify set", songs.len()), songs));
    }
    eprintln!("{SONGS} is not there: made songs take its place");
    let made = workspace.target.join("bench");
    std::fs::create_dir_all(&made)?;
    let listed = output(Command::new(program).arg("--make").arg(&made))?;
    let songs: Vec<_> = String::from_utf8(listed)?.lines().map(PathBuf::from).collect();
    ensure!(!songs.is_empty(), "no song was made");
    Ok((format!("{} made songs (wav)", songs.len()), songs))
}

fn median<T>(runs: &[T], value: impl Fn(&T) -> f64) -> f64 {
    Spread::of(runs.iter().map(value)).median
}

impl Comparison {
    /// Its lines on the page.
    ///
    /// # Errors
    /// When a side left a work out.
    pub(super) fn lines(&self) -> Result<Vec<Line>> {
        let pairs = WORK.iter().flat_map(|work| work.peers.iter().map(move |peer| (work, *peer)));
        pairs.map(|(work, (peer, goal))| self.line(work, peer, goal)).collect()
    }

    fn line(&self, work: &Work, peer: &str, goal: f64) -> Result<Line> {
        let missing = |who: &str| format!("{who} did not tell about \u{201c}{}\u{201d}", work.name);
        let runs = self.python.iter().map(|theirs| theirs.get(peer)?.get(work.name));
        let theirs: Vec<&(f64, Found)> =
            runs.collect::<Option<_>>().with_context(|| missing(peer))?;
        let found = self.earworm[0].results.get(work.name).with_context(|| missing("Earworm"))?;
        let ours: Vec<f64> = self.earworm.iter().map(|ours| self.ms(ours, work.name)).collect();
        let times: Vec<f64> = theirs.iter().map(|(seconds, _)| 1e3 * seconds).collect();
        let mut line = Line::in_turn(work.what, peer, "ms", &ours, &times).goal(goal);
        line.void = work.tolerance.difference(found, &theirs[0].1);
        Ok(line)
    }

    fn ms(&self, ours: &Ours, work: &str) -> f64 {
        1e3 * ours.seconds.get(work).copied().unwrap_or(f64::NAN)
    }

    /// What has no peer.
    pub(super) fn to_markdown(&self) -> String {
        let ours = |value: fn(&Ours) -> f64| median(&self.earworm, value);
        let Ours { threads, songs, .. } = self.earworm[0];
        format!(
            "Features of {}: {songs} files go through decoding and both sets at {:.0} a second on one \
             thread, {:.0} on {threads}; {:.0} % of that time is decoding and resampling. 30 s to both sets take {:.1} ms.\n",
            self.files,
            ours(|o| o.songs_per_second_of_one),
            ours(|o| o.songs_per_second),
            100.0 * ours(|o| o.share_of_decoding),
            median(&self.earworm, |o| self.ms(o, "both")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One in which all results of ours are ten, and all of the peers' this.
    fn comparison(result: f64) -> Comparison {
        let names = || WORK.iter().map(|work| work.name.to_owned());
        let mut seconds: BTreeMap<String, f64> = names().map(|name| (name, 0.01)).collect();
        seconds.insert("both".into(), 0.02);
        let ours = Ours {
            seconds,
            results: names().map(|name| (name, vec![Some(10.0), None])).collect(),
            songs: 7,
            threads: 2,
            songs_per_second: 81.0,
            songs_per_second_of_one: 41.0,
            share_of_decoding: 0.4,
        };
        let work = || -> BTreeMap<String, (f64, Found)> {
            names().map(|name| (name, (0.05, vec![Some(result), None]))).collect()
        };
        let peers = ["librosa", "torchaudio", "essentia", "pychorus"];
        let theirs: Theirs = peers.map(|peer| (peer.to_owned(), work())).into();
        Comparison { files: "7 songs".into(), earworm: vec![ours; 3], python: vec![theirs; 3] }
    }

    #[test]
    fn every_work_has_a_line_for_each_peer() {
        let lines = comparison(10.0).lines().unwrap();
        assert_eq!(lines.len(), 13);
        assert!(lines.iter().all(|line| (line.ratio.median - 5.0).abs() < 1e-9));
        assert!(lines.iter().all(|line| line.void.is_none()), "{lines:?}");
        let text = comparison(10.0).to_markdown();
        assert!(text.contains("at 41 a second on one thread, 81 on 2; 40 % of"), "{text}");
        assert!(text.contains("both sets take 20.0 ms"), "{text}");
    }

    #[test]
    fn other_results_do_not_count_and_missing_ones_are_named() {
        let lines = comparison(13.0).lines().unwrap();
        assert!(lines.iter().all(|line| line.void.is_some()), "{lines:?}");
        // Files' features differ by a tenth, choruses by a second, which they may.
        let lines = comparison(11.0).lines().unwrap();
        let of = |peer: &str| lines.iter().rfind(|line| line.peer == peer).unwrap();
        assert!(of("librosa").what.contains("both feature sets"));
        assert!(of("librosa").void.is_some() && of("pychorus").void.is_none(), "{lines:?}");
        let mut less = comparison(10.0);
        less.python[0].remove("essentia");
        assert!(less.lines().unwrap_err().to_string().contains("essentia"));
        let mut less = comparison(10.0);
        less.earworm[0].results.remove("song");
        assert!(less.lines().unwrap_err().to_string().contains("Earworm"));
    }

    #[test]
    fn what_the_peer_finds_has_to_be_found() {
        let differs = |ours: &[Option<f64>], theirs: &[Option<f64>]| {
            Tolerance::Seconds(2.0).difference(ours, theirs)
        };
        assert_eq!(differs(&[Some(27.8), Some(5.0)], &[Some(29.6), None]), None);
        let missed = differs(&[Some(27.8), None], &[Some(29.6), Some(5.0)]);
        assert_eq!(missed.as_deref(), Some("results differ: nothing and 5.0000"));
        assert!(differs(&[Some(f64::NAN)], &[Some(5.0)]).is_some());
        for (ours, theirs) in [(vec![Some(5.0)], vec![None]), (vec![], vec![Some(5.0)])] {
            let void = differs(&ours, &theirs).unwrap();
            assert!(void.starts_with("nothing to compare"), "{void}");
        }
    }

    #[test]
    fn both_sides_are_told_the_same_rounds() {
        let [option, rounds] = rounds();
        assert_eq!(option, "--rounds");
        assert!(rounds.starts_with("decode=5,") && rounds.contains("song=3"), "{rounds}");
        assert_eq!(rounds.split(',').count(), WORK.len());
    }
}
