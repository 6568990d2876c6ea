//! What is said of input that cannot be used: one line.

use std::process::{Command, Stdio};

use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::BuildOptions;

use crate::{SONGS, complaint, made_songs, program};

#[test]
fn bad_input_is_one_line_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let manifest = |text: &str| {
        std::fs::write(dir.path().join("bad.csv"), text).unwrap();
        BuildOptions { manifest: dir.path().join("bad.csv"), ..options.clone() }
    };
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name)
    };
    file("audio/noise.wav", "no audio at all");
    for (text, word) in [
        ("track_id,files\n1,0.wav\n", "did you mean files?"),
        ("track_id,file\n1,0.wav\n1,1.wav\n", "row 2 names the track 1"),
        ("track_id,file\n", "has no rows"),
        ("track_id,file\n1,x.wav\n2,y.wav\n", "not one audio file"),
        ("track_id,file\n1,noise.wav\n", "not one song"),
    ] {
        let text = complaint(&mut program(&manifest(text)));
        assert!(text.contains(word) && text.contains("bad.csv"), "{text}");
        assert!(!options.out.exists(), "{text}");
    }
    let with = |arguments: &[&str]| {
        let mut command = program(&options);
        command.args(arguments);
        command
    };
    let typo = file("typo.toml", "[columns]\nfiel = \"file\"\n");
    let missing = file("missing.toml", "[columns]\ngenre = \"genres\"\n");
    let front_end = Some(file("front_end.bad.toml", "sample_rate = 3\n"));
    let out = file("in-the-way", "").join("set");
    for (word, mut command) in [
        ("cannot read", program(&BuildOptions { manifest: "/no.csv".into(), ..options.clone() })),
        ("not one audio", program(&BuildOptions { audio: "/no".into(), ..options.clone() })),
        ("cannot make the folder", program(&BuildOptions { out, ..options.clone() })),
        ("cannot make", program(&BuildOptions { out: "/proc/set".into(), ..options.clone() })),
        ("front_end.bad.toml", program(&BuildOptions { front_end, ..options.clone() })),
        ("did you mean file?", with(&["--schema", typo.to_str().unwrap()])),
        ("did you mean genre?", with(&["--schema", missing.to_str().unwrap()])),
        ("--chorus", with(&["--chorus=-3"])),
        ("--jobs", with(&["--jobs", "0"])),
    ] {
        let text = complaint(&mut command);
        assert!(text.contains(word), "{word}: {text}");
        assert!(!options.out.exists(), "{text}");
    }
    // A data set of another version, and a folder that is none.
    let old = dir.path().join("old");
    std::fs::create_dir(&old).unwrap();
    std::fs::write(old.join("front_end.json"), "{}").unwrap();
    let text = complaint(&mut program(&BuildOptions { out: old.clone(), ..options.clone() }));
    assert!(text.contains("earlier version") && text.contains("build it again"), "{text}");
    let mut verify = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    assert!(
        complaint(verify.args(["dataset", "verify"]).arg(dir.path())).contains("is no data set")
    );
}

#[test]
fn songs_that_cannot_be_read_are_told_in_a_line_and_the_others_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let mut text = std::fs::read_to_string(&options.manifest).unwrap();
    for n in 0..6 {
        text += &format!("lost{n},lost{n}.wav,nobody,g0,1\n");
    }
    std::fs::write(&options.manifest, text).unwrap();
    let build = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
        command.args(["dataset", "build", "--manifest"]).arg(&options.manifest);
        command.arg("--audio").arg(&options.audio).arg("--out").arg(&options.out);
        command.arg("--front-end").arg(options.front_end.as_ref().unwrap()).args(more);
        command.stdout(Stdio::null());
        command
    };
    let text = complaint(&mut build(&[]));
    assert!(text.contains("7 of 21 songs could not be read: gone, lost0, lost1"), "{text}");
    assert!(text.contains("and 2 more") && text.contains("--allow-missing"), "{text}");
    Dataset::open(&options.out).unwrap().verify().unwrap();
    assert_eq!(Dataset::open(&options.out).unwrap().songs.len(), SONGS as usize);
    let output = build(&["--allow-missing"]).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

/// `earworm-train dataset … | head`, which has seen enough.
#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let unread = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    let mut verify = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    verify.args(["dataset", "verify"]).arg(&options.out);
    for mut command in [program(&options), verify] {
        let output = command.stdout(unread()).stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && text.is_empty(), "{:?}: {text}", output.status);
    }
}
