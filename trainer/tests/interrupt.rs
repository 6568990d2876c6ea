//! Ctrl-C: what can go on later stops after the part in hand and says how; all else ends at once.
#![cfg(target_os = "linux")]

use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

#[path = "common/passes.rs"]
mod passes;

use passes::assert_same_passes;

/// The program, for which Ctrl-C means what it usually does. It may be ignored here (tests in the background
/// of a script), and the program would do the same.
fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    command.args(arguments).stdout(Stdio::null());
    let reset = || {
        // SAFETY: no handler is set.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        Ok(())
    };
    // SAFETY: that call is allowed between fork and exec.
    unsafe { command.pre_exec(reset) };
    command
}

fn press_ctrl_c(child: &Child) {
    // SAFETY: a signal to a child that has not been waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) }, 0);
}

/// Presses Ctrl-C when the first part is done. The program cannot be at its end by then: what it has to
/// say until there does not fit into the pipe, which nobody empties before.
fn stopped_after_a_part(mut command: Command) -> (Option<i32>, String) {
    let (stderr, end) = std::io::pipe().unwrap();
    // SAFETY: the descriptor is open; only the size of its buffer changes.
    let size = unsafe { libc::fcntl(stderr.as_raw_fd(), libc::F_SETPIPE_SZ, 4096) };
    assert!(size > 0);
    let mut child = command.stderr(end).spawn().unwrap();
    // Holds the other end as well.
    drop(command);
    let mut stderr = BufReader::with_capacity(64, stderr);
    let mut said = String::new();
    while !said.contains(": done in") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "it ended early: {said}");
    }
    press_ctrl_c(&child);
    stderr.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

/// A table of so many songs, and a recipe over it that ends like this.
fn table_and_recipe(folder: &Path, songs: usize, rest: &str) -> PathBuf {
    let mut text = "song,tempo,energy,plays\n".to_owned();
    for n in 0..songs {
        text += &format!("s{n},{},{},{}\n", 90 + n % 13, n % 7, n * 37 % 101);
    }
    std::fs::write(folder.join("songs.csv"), text).unwrap();
    let recipe = format!(
        r#"
        name = "small"
        [data]
        table = {:?}
        id = "song"
        name = "made rows"
        [[heads]]
        name = "played"
        meaning = "played more than 50 times"
        above = {{ column = "plays", threshold = 50 }}
        [split]
        kind = "random"
        {rest}
        "#,
        folder.join("songs.csv")
    );
    let path = folder.join("recipe.toml");
    std::fs::write(&path, recipe).unwrap();
    path
}

#[test]
fn a_search_over_table_models_stops_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let values: Vec<String> = (1..=200).map(|n| format!("{}", n as f64 / 10.0)).collect();
    let model = "[model]\nkind = \"logistic\"\nc = 1.0";
    let search = format!("[search]\nfolds = 3\ngrid = {{ \"model.c\" = [{}] }}", values.join(", "));
    let recipe = table_and_recipe(dir.path(), 60, &format!("{model}\n{search}"));
    let (recipe, run) = (recipe.to_str().unwrap(), dir.path().join("run"));
    let out = run.to_str().unwrap();
    let (code, said) = stopped_after_a_part(program(&["cv", recipe, "--out", out]));
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("stopping after the step in hand"), "{said}");
    assert!(said.contains("--resume") && said.contains("goes on where it was"), "{said}");
    let parts = || std::fs::read_dir(run.join("search")).unwrap().count();
    assert!(!run.join("search.json").exists() && parts() < 200, "{said}");

    let output = program(&["fit", "--resume", out]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(run.join("search.json").exists() && parts() == 200);
}

/// A network in the middle of a pass: what it says in the end is what it would have said without the stop.
#[test]
fn a_network_stops_within_a_pass_and_goes_on() {
    const SONGS: usize = 15_000;
    const STEPS: usize = SONGS * 4 / 5 / 8;
    let dir = tempfile::tempdir().unwrap();
    let model = "[model]\nkind = \"mlp\"\nwidths = [8]\ndropout = 0.2";
    let rest = format!("last = false\n{model}\n[budget]\nepochs = 2\nbatch = 8");
    let recipe = table_and_recipe(dir.path(), SONGS, &rest);
    let fit = |out: &Path| {
        let mut command = program(&["fit"]);
        command.arg(&recipe).arg("--out").arg(out);
        command
    };
    let said_by = |out: &Path| std::fs::read(out.join("test/predictions.csv")).unwrap();
    let (whole, stopped) = (dir.path().join("whole"), dir.path().join("stopped"));
    assert!(fit(&whole).stderr(Stdio::null()).status().unwrap().success());

    // Whoever presses Ctrl-C may come too late, and then tries again.
    let stops_within_a_pass = |_| {
        std::fs::remove_dir_all(&stopped).ok();
        let step = stopped_after_a_pass(fit(&stopped), &stopped.join("test"));
        step.is_some_and(|step| step > STEPS && step < 2 * STEPS)
    };
    assert!((0..10).any(stops_within_a_pass), "it never stopped within a pass");

    let output = program(&["fit", "--resume"]).arg(&stopped).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said_by(&stopped) == said_by(&whole));
    assert_same_passes(&whole.join("test"), &stopped.join("test"));
}

/// Presses Ctrl-C when the first pass of a part is done. Gives the step that the training stopped after, or
/// nothing where it was over before.
fn stopped_after_a_pass(mut command: Command, part: &Path) -> Option<usize> {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let checkpoint = part.join("checkpoint.safetensors");
    // It is written at the end of the first pass.
    while !checkpoint.exists() {
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(ended.success(), "it ended early");
            return None;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    press_ctrl_c(&child);
    let ended = child.wait_with_output().unwrap();
    if ended.status.success() || !checkpoint.exists() {
        return None;
    }
    assert_eq!(ended.status.code(), Some(130), "{}", String::from_utf8_lossy(&ended.stderr));
    let tensors = candle_core::safetensors::load(&checkpoint, &candle_core::Device::Cpu).unwrap();
    let progress = tensors["progress"].flatten_all().unwrap().to_vec1::<u8>().unwrap();
    let progress: serde_json::Value = serde_json::from_slice(&progress).unwrap();
    Some(progress["step"].as_u64().unwrap() as usize)
}

#[test]
fn a_suite_stops_and_says_how_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let songs: Vec<PathBuf> = (0..8).map(|n| dir.path().join(format!("{n}.wav"))).collect();
    let mut manifest = "track_id,file,artist,plays\n".to_owned();
    for (n, path) in songs.iter().enumerate() {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 16_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut wav = hound::WavWriter::create(path, spec).unwrap();
        let step = 0.05 + 0.03 * n as f32;
        (0..16_000)
            .for_each(|i| wav.write_sample((8000.0 * (step * i as f32).sin()) as i16).unwrap());
        wav.finalize().unwrap();
        manifest += &format!("{n},{n}.wav,a{n},{n}\n");
    }
    std::fs::write(dir.path().join("tracks.csv"), manifest).unwrap();
    let set = dir.path().join("set");
    let built = program(&["dataset", "build", "--features", "descriptors", "--manifest"])
        .arg(dir.path().join("tracks.csv"))
        .arg("--audio")
        .arg(dir.path())
        .arg("--out")
        .arg(&set)
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut suite = r#"
        name = "made systems"
        data = { name = "made songs", group = "artist" }
        split = { folds = 2, last = false }
        truth = { name = "plays", meaning = "plays", value = { column = "plays", low = 0, high = 8 } }
        [[targets.half]]
        name = "played"
        meaning = "played more than 3 times"
        above = { column = "plays", threshold = 3.5 }
    "#
    .to_owned();
    for n in 0..100 {
        suite += &format!(
            r#"
            [[systems]]
            name = "system-{n}"
            system = "A"
            form = "own"
            about = "logistic regression"
            target = "half"
            recipe = {{ data = {{ columns = ["zcr"] }}, model = {{ kind = "logistic", c = 1.0 }} }}
            "#
        );
    }
    let list = dir.path().join("suite.toml");
    std::fs::write(&list, suite).unwrap();
    let out = dir.path().join("suite");
    let mut command = program(&["suite", "--data"]);
    command.arg(&set).arg("--suite").arg(&list).arg("--out").arg(&out);
    let (code, said) = stopped_after_a_part(command);
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("the same command goes on where it was"), "{said}");
    assert!(!out.join("suite.json").exists() && !out.join("system-99").exists(), "{said}");
}

/// A file that nobody writes into: who reads it waits.
fn endless(path: &Path) -> std::ffi::CString {
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: the name ends with a zero byte.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    name
}

#[test]
fn what_saves_nothing_ends_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let run = |name: &str, file: &str| {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        let file = dir.path().join(name).join(file);
        endless(&file);
        file
    };
    let song = dir.path().join("song.wav");
    endless(&song);
    let cases = [
        (vec!["chorus".into(), path("song.wav")], song),
        (vec!["evaluate".into(), path("a")], run("a", "run.json")),
        (vec!["report".into(), path("b")], run("b", "run.json")),
        (vec!["compare".into(), path("c"), path("c")], run("c", "run.json")),
        (vec!["explain".into(), path("d")], run("d", "recipe.toml")),
        (
            vec!["dataset".into(), "merge".into(), path("e"), "--out".into(), path("f")],
            run("e", "dataset.json"),
        ),
    ];
    for (arguments, waits_for) in cases {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut child = program(&arguments).spawn().unwrap();
        // Opens when the program has opened the other end: it is at work then, and waits.
        let held = std::fs::OpenOptions::new().write(true).open(waits_for).unwrap();
        press_ctrl_c(&child);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{arguments:?}");
        drop(held);
    }
}
