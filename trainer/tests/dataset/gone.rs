//! Audio files that are not there any more, or cannot be looked at: what was read of them is not lost to a disk
//! that went away.

use std::process::Stdio;

use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::build;

use crate::{SONGS, counts, frames_of, made_songs, program};

#[test]
fn a_missing_disk_takes_no_frames_away() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let all = SONGS as usize;
    build(&options).unwrap();
    let before = frames_of(&Dataset::open(&options.out).unwrap());
    let away = dir.path().join("away");
    std::fs::create_dir(&away).unwrap();
    let name = |n: u32| format!("{n}.wav");
    for n in 0..6 {
        std::fs::rename(options.audio.join(name(n)), away.join(name(n))).unwrap();
    }
    for _ in 0..2 {
        let report = build(&options).unwrap();
        assert_eq!(counts(&report), (0, all, 1), "{report}");
        let message = report.gone_from(&options.audio).unwrap();
        assert!(message.contains("6 of 14 songs that were read before"), "{message}");
        assert!(message.contains("s0, s1, s2, s3, s4 and 1 more"), "{message}");
        assert!(message.contains("take these songs out of the manifest"), "{message}");
        let dataset = Dataset::open(&options.out).unwrap();
        dataset.verify().unwrap();
        assert_eq!(frames_of(&dataset), before);
    }
    // What else is wrong is told beside it, and nothing makes a success of it.
    let output = program(&options).stdout(Stdio::piped()).output().unwrap();
    let [said, failure] = [&output.stdout, &output.stderr].map(|out| String::from_utf8_lossy(out));
    assert_eq!(output.status.code(), Some(2), "{failure}");
    assert!(failure.contains("6 of 14 songs") && failure.lines().count() == 1, "{failure}");
    assert!(said.contains("skipped gone") && said.contains("6 songs kept are gone"), "{said}");
    // A few that were deleted leave the data set.
    for n in 2..6 {
        std::fs::rename(away.join(name(n)), options.audio.join(name(n))).unwrap();
    }
    let report = build(&options).unwrap();
    assert_eq!(counts(&report), (0, all - 2, 3), "{report}");
    assert_eq!(Dataset::open(&options.out).unwrap().songs.len(), all - 2);
}

#[cfg(unix)]
#[test]
fn a_file_that_cannot_be_looked_at_is_kept_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    let all = SONGS as usize;
    build(&options).unwrap();
    let before = frames_of(&Dataset::open(&options.out).unwrap());
    // A link to itself is what a failing disk is to whoever asks: there, and no file to be had.
    let path = options.audio.join("3.wav");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&path, &path).unwrap();
    for verify in [false, true] {
        options.verify = verify;
        let report = build(&options).unwrap();
        assert_eq!(counts(&report), (0, all, 1), "{report}");
        assert!(report.unseen.len() == 1 && report.unseen[0].1.contains("3.wav"), "{report}");
        assert!(report.to_string().contains("kept s3 as it was"), "{report}");
        assert!(report.not_looked_at().unwrap().contains("the file of 1 song"), "{report}");
        assert_eq!(frames_of(&Dataset::open(&options.out).unwrap()), before);
    }
}
