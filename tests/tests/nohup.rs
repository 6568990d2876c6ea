//! What is to go on when its terminal closes does so: under `nohup` hang-ups are ignored, in the background
//! of a script Ctrl-C is, and both stay so.

#![cfg(unix)]

mod common;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

/// The signals that programs are started to ignore.
const SIGNALS: [&str; 2] = ["HUP", "INT"];
/// Files to score: enough for some to be left when the first one is done.
const FILES: usize = 12;

/// The program, started so that it ignores the signal.
fn ignoring(signal: &str, program: &Command) -> Command {
    let mut command = Command::new(if signal == "HUP" { "nohup" } else { "sh" });
    if signal != "HUP" {
        command.args(["-c", &format!("trap '' {signal}; exec \"$0\" \"$@\"")]);
    }
    command.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

fn send(signal: &str, child: &Child) {
    let id = child.id().to_string();
    assert!(Command::new("kill").arg(format!("-{signal}")).arg(id).status().unwrap().success());
}

#[test]
fn scoring_goes_on() {
    for signal in SIGNALS {
        let mut score = common::program("earworm");
        score.args(["score", "--json"]).args(vec![common::demo(); FILES]);
        let mut child = ignoring(signal, &score).stdout(Stdio::piped()).spawn().unwrap();
        let mut rows = BufReader::new(child.stdout.take().unwrap()).lines();
        rows.next().expect("there is a first row").unwrap();
        send(signal, &child);
        let rows = 1 + rows.map(Result::unwrap).count();
        assert_eq!((child.wait().unwrap().code(), rows), (Some(0), FILES), "{signal}");
    }
}

#[test]
fn training_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut table = "song,tempo,energy,plays\n".to_owned();
    for n in 0..60 {
        table += &format!("s{n},{},{},{}\n", 90 + n % 13, n % 7, n * 37 % 101);
    }
    let songs = folder.path().join("songs.csv");
    std::fs::write(&songs, table).unwrap();
    let text = format!(
        r#"
        name = "small"
        data = {{ table = {songs:?}, id = "song", name = "made rows" }}
        split = {{ kind = "random" }}
        model = {{ kind = "logistic", c = 1.0 }}
        [[heads]]
        name = "played"
        meaning = "played more than 50 times"
        above = {{ column = "plays", threshold = 50 }}
        "#
    );
    // A recipe that is not there yet: who reads it waits.
    let recipe = folder.path().join("recipe.toml");
    assert!(Command::new("mkfifo").arg(&recipe).status().unwrap().success());
    for signal in SIGNALS {
        let run = folder.path().join(signal);
        let mut fit = common::program("earworm-train");
        fit.arg("fit").arg(&recipe).arg("--out").arg(&run);
        let mut child = ignoring(signal, &fit).stdout(Stdio::null()).spawn().unwrap();
        // Opens when the program has opened the other end.
        let mut end = OpenOptions::new().write(true).open(&recipe).unwrap();
        send(signal, &child);
        // Nobody takes it from us if the program has ended, which is told below.
        let _ = end.write_all(text.as_bytes());
        drop(end);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{signal}");
        assert!(run.join("report.html").exists(), "{signal}");
    }
}
