//! Builds that are killed, stopped, out of room or not alone, and shards that are damaged.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::{BuildOptions, build};
use earworm_train::dataset::merge::compact;

use crate::skip::skip;
use crate::{SONGS, complaint, counts, frames_of, made_songs, program, shards, write_seconds};

/// Waits until the index has been written anew, or the build has ended.
fn saved_again(build: &mut Child, set: &Path) {
    let saved = || std::fs::metadata(set.join("index.parquet")).and_then(|m| m.modified()).ok();
    let before = saved();
    // The first index of a new folder names no songs.
    let mut to_come = if before.is_none() { 2 } else { 1 };
    let mut last = before;
    while to_come > 0 && build.try_wait().unwrap().is_none() {
        let now = saved();
        to_come -= usize::from(now != last);
        last = now;
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn killed_at_any_moment_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    // Songs long enough to be killed in.
    for n in 0..SONGS {
        write_seconds(&options.audio.join(format!("{n}.wav")), n, 100);
    }
    let whole = BuildOptions { out: dir.path().join("whole"), ..options.clone() };
    build(&whole).unwrap();
    let whole = Dataset::open(&whole.out).unwrap();
    // How long a build takes here and now.
    let begun = std::time::Instant::now();
    let one_by_one = || {
        let mut command = program(&options);
        command.args(["--jobs", "1", "--save-every", "0"]);
        command
    };
    assert!(one_by_one().status().unwrap().success());
    let full = begun.elapsed();
    std::fs::remove_dir_all(&options.out).unwrap();
    let (mut killed, mut unfinished) = (0, 0);
    for round in 0..40u32 {
        let mut child = one_by_one().spawn().unwrap();
        if round % 2 == 0 {
            // Any moment: while it starts, reads, writes or ends.
            std::thread::sleep(full * (round * 37 % 100) / 100);
        } else {
            // Just after, or in the middle of, what follows a save.
            saved_again(&mut child, &options.out);
            std::thread::sleep(Duration::from_millis(u64::from(round % 9)));
        }
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        // Whatever is there can be opened, or says that it is not there yet.
        match Dataset::open(&options.out) {
            Ok(dataset) => {
                dataset.verify().unwrap();
                let done = dataset.songs.len() == SONGS as usize;
                unfinished += usize::from(!done);
                drop(dataset);
                if done {
                    std::fs::remove_dir_all(&options.out).unwrap();
                }
            }
            Err(error) => {
                let text = format!("{error:#}");
                assert!(text.contains("no songs") || text.contains("is no data set"), "{text}");
            }
        }
    }
    assert!(killed > 10 && unfinished > 3, "killed {killed}, unfinished {unfinished} of 40");
    eprintln!("killed {killed} times, {unfinished} times with some songs there");
    let output = program(&options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dataset = Dataset::open(&options.out).unwrap();
    dataset.verify().unwrap();
    assert_eq!(dataset.sha256, whole.sha256);
    assert_eq!(frames_of(&dataset), frames_of(&whole));
    let left: Vec<_> = std::fs::read_dir(&options.out).unwrap().flatten().collect();
    assert!(left.iter().all(|e| !e.file_name().to_string_lossy().starts_with(".writing-")));
}

#[cfg(unix)]
#[test]
fn a_stopped_build_saves_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let mut stopped = 0;
    for songs in [1u64, 2, 3, 5, 8] {
        std::fs::remove_dir_all(&options.out).ok();
        // Nothing is saved but because it is stopped.
        let mut build_slowly = program(&options);
        build_slowly.args(["--jobs", "1", "--save-every", "3600"]);
        let mut child = build_slowly.spawn().unwrap();
        let written = || -> u64 {
            let entries = std::fs::read_dir(options.out.join("shards")).into_iter().flatten();
            entries.flatten().filter_map(|entry| Some(entry.metadata().ok()?.len())).sum()
        };
        // A song of 12 s is 375 frames of 16 bands and a level.
        while written() < songs * 12_000 && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        // SAFETY: a signal to a child that has not been waited for, or has just been and is no one else yet.
        unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
        let output = child.wait_with_output().unwrap();
        let code = output.status.code();
        assert!(
            matches!(code, Some(130 | 0)),
            "{code:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let report = build(&options).unwrap();
        Dataset::open(&options.out).unwrap().verify().unwrap();
        assert!(report.kept > 0, "{report:?}");
        // The signal may have come too late.
        stopped += usize::from(report.built > 0);
    }
    assert!(stopped > 0, "never stopped in time");
}

#[test]
fn damaged_shards_are_noticed_and_mended() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    build(&options).unwrap();
    let whole = Dataset::open(&options.out).unwrap().sha256;
    for keep in [0usize, 1, 63, 64, 65, 5_000, 30_001] {
        let shard = shards(&options.out)[1].clone();
        let mut bytes = std::fs::read(&shard).unwrap();
        bytes.truncate(keep);
        std::fs::write(&shard, bytes).unwrap();
        let message = format!("{:#}", Dataset::open(&options.out).unwrap_err());
        assert!(message.contains("run `dataset build` again"), "{message}");
        assert!(message.contains("shard-"), "{message}");
        let report = build(&options).unwrap();
        assert!(report.built > 0 && report.built < SONGS as usize, "{report}");
        let mended = Dataset::open(&options.out).unwrap();
        mended.verify().unwrap();
        assert_eq!(mended.sha256, whole);
    }
    // A value that changed is only seen by reading everything.
    let shard = shards(&options.out)[0].clone();
    let mut bytes = std::fs::read(&shard).unwrap();
    bytes[400] ^= 1;
    std::fs::write(&shard, bytes).unwrap();
    let message = Dataset::open(&options.out).unwrap().verify().unwrap_err().to_string();
    assert!(message.contains("--verify"), "{message}");
    assert_eq!(build(&options).unwrap().built, 0);
    options.verify = true;
    assert_eq!(build(&options).unwrap().built, 1);
    Dataset::open(&options.out).unwrap().verify().unwrap();

    // Shards that are gone, and an index that is no index.
    std::fs::remove_dir_all(options.out.join("shards")).unwrap();
    assert_eq!(counts(&build(&options).unwrap()), (SONGS as usize, 0, 1));
    std::fs::write(options.out.join("index.parquet"), "PAR1 no more").unwrap();
    let message = format!("{:#}", build(&options).unwrap_err());
    assert!(message.contains("delete index.parquet"), "{message}");
    std::fs::remove_file(options.out.join("index.parquet")).unwrap();
    build(&options).unwrap();
    assert_eq!(Dataset::open(&options.out).unwrap().sha256, whole);
}

#[test]
fn two_builds_do_not_meet() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    build(&options).unwrap();
    let lock = std::fs::File::create(options.out.join(".build-lock")).unwrap();
    lock.lock().unwrap();
    let message = format!("{:#}", build(&options).unwrap_err());
    assert!(message.contains("being built by another process"), "{message}");
    assert!(compact(&options.out).is_err());
    drop(lock);
    build(&options).unwrap();
}

#[test]
fn a_full_disk_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    // No file may grow beyond so many kB: what a full disk answers, a write fails midway.
    let limited = |blocks: u32| {
        let mut shell = Command::new("bash");
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        shell.args(["-c", &line, "limited"]).stdout(Stdio::null());
        let inner = program(&options);
        shell.arg(inner.get_program()).args(inner.get_args());
        shell
    };
    if !limited(1 << 20).arg("--help").status().is_ok_and(|status| status.success()) {
        skip("a_full_disk_loses_nothing", "no bash that limits file sizes");
        return;
    }
    let mut songs = Vec::new();
    for blocks in [1, 64, 160] {
        let text = complaint(&mut limited(blocks));
        assert!(text.contains("cannot write"), "{text}");
        match Dataset::open(&options.out) {
            Ok(dataset) => {
                dataset.verify().unwrap();
                assert!(text.contains("run the same command again"), "{text}");
                songs.push(dataset.songs.len());
            }
            Err(error) => {
                let text = format!("{error:#}");
                assert!(text.contains("no data set") || text.contains("no songs"), "{text}");
            }
        }
    }
    assert!(!songs.is_empty() && songs.is_sorted() && *songs.last().unwrap() < SONGS as usize);
    let report = build(&options).unwrap();
    assert_eq!(report.kept, *songs.last().unwrap());
    Dataset::open(&options.out).unwrap().verify().unwrap();
}
