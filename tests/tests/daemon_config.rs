//! The configuration as a user meets it: checked, shown, read again while it runs.

mod common;
#[path = "common/daemon.rs"]
mod daemon;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use daemon::{Daemon, PATIENCE};
use tungstenite::Message;
use tungstenite::protocol::frame::coding::CloseCode;

fn earworm(folder: &Path, args: &[&str]) -> Command {
    let mut command = common::program("earworm");
    command.args(args).env("HOME", folder).env("EARWORM_CONFIG", folder.join("config.toml"));
    command
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn wrong_keys_have_an_exit_code_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(&file, "follow_defualt = true\n").unwrap();
    for args in [&["config", "check"][..], &["listen", "--json"], &["reload"]] {
        let output = earworm(folder.path(), args).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{args:?}: {}", said(&output));
        assert!(said(&output).contains("did you mean follow_default?"), "{}", said(&output));
        assert!(said(&output).contains("config.toml"), "{}", said(&output));
    }
    for key in ["keep_days", "thin_after_days"] {
        // It would forget everything; "never" is what one may mean by it.
        std::fs::write(&file, format!("{key} = 0\n")).unwrap();
        let output = earworm(folder.path(), &["config", "check"]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(said(&output).contains(key), "{}", said(&output));
        assert!(said(&output).contains("1 or more days"), "{}", said(&output));
    }
    std::fs::write(&file, "rate = 44100\ntoken = \"a-good-long-token\"\n").unwrap();
    let output = earworm(folder.path(), &["config", "check"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let mut show = earworm(folder.path(), &["config", "show"]);
    let output = show.env("EARWORM_DEVICE", "headset").output().unwrap();
    let text = said(&output);
    assert!(text.contains("rate = 44100 # from the file"), "{text}");
    assert!(text.contains("device = \"headset\" # from EARWORM_DEVICE"), "{text}");
    assert!(!text.contains("a-good-long-token"), "{text}");
    // An empty variable is as good as none, for what is shown and for what is done.
    let mut show = earworm(folder.path(), &["config", "show"]);
    let text = said(&show.env("EARWORM_DEVICE", "").env("EARWORM_RATE", "").output().unwrap());
    assert!(text.contains("device is not set") && text.contains("rate = 44100"), "{text}");
    let mut check = earworm(folder.path(), &["devices", "--json"]);
    let output = check.env("EARWORM_HOST", "").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    // What is shown can be used as a file itself.
    let shown = folder.path().join("shown.toml");
    std::fs::write(&shown, text.replace("(secret)", "a-good-long-token")).unwrap();
    let mut check = earworm(folder.path(), &["config", "check"]);
    let output = check.env("EARWORM_CONFIG", &shown).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// The file that is meant is named where it is not there.
#[test]
fn a_flag_wins_over_its_variable_and_that_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), "history = \"of-the-file.db\"\n").unwrap();
    let (flag, no_flag) = (&["history", "--history", "of-the-flag.db"][..], &["history"][..]);
    for (args, variable, wins) in [
        (flag, "of-the-variable.db", "of-the-flag.db"),
        (flag, "", "of-the-flag.db"),
        (no_flag, "of-the-variable.db", "of-the-variable.db"),
        (no_flag, "", "of-the-file.db"),
    ] {
        let mut history = earworm(folder.path(), args);
        let output = history.env("EARWORM_HISTORY", variable).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        let wanted = format!("{wins};");
        assert!(said(&output).contains(&wanted), "{args:?} {variable:?}: {}", said(&output));
    }
}

/// Whatever a service would end with at once, again and again, is said beforehand.
#[test]
fn what_cannot_be_used_is_not_approved() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    std::fs::write(folder.path().join("text.onnx"), "no model").unwrap();
    for (text, message, code) in [
        ("host = \"pulse\"\n", "there is no sound system", 3),
        // It may be on a drive that comes later.
        ("model = \"none.onnx\"\n", "none.onnx", 1),
        ("model = \"text.onnx\"\n", "text.onnx", 3),
        ("http = \"0.0.0.0:0\"\n", "set a token", 2),
    ] {
        std::fs::write(&file, text).unwrap();
        let output = earworm(folder.path(), &["config", "check"]).output().unwrap();
        assert_eq!(output.status.code(), Some(3), "{text}: {}", said(&output));
        assert!(said(&output).contains(message), "{}", said(&output));
        assert!(said(&output).contains("config.toml"), "{}", said(&output));
        // After 2 and 3 systemd does not start it again.
        let mut listen = earworm(folder.path(), &["listen", "--json", "--history", "off"]);
        listen.env("XDG_RUNTIME_DIR", folder.path()).args(["--songs", "silence"]);
        if code != 2 {
            listen.args(["--http", "off"]);
        }
        let output = listen.output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}: {}", said(&output));
        assert!(said(&output).contains(message), "{}", said(&output));
    }
    // Nor is a token from elsewhere that is none.
    std::fs::write(&file, "http = \"0.0.0.0:0\"\n").unwrap();
    for (token, code) in [("short", 3), ("a-good-long-token", 0)] {
        let mut check = earworm(folder.path(), &["config", "check"]);
        let output = check.env("EARWORM_TOKEN", token).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{token}: {}", said(&output));
    }
}

#[test]
#[cfg_attr(not(unix), ignore = "signals are sent, which this system has not")]
fn it_is_read_again_while_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let write = |token: &str, more: &str| {
        let history = folder.path().join("history.db");
        let text =
            format!("http = \"127.0.0.1:0\"\nhistory = {history:?}\ntoken = {token:?}\n{more}");
        std::fs::write(&file, text).unwrap();
    };
    write("the-first-token", "");
    let mut command = earworm(folder.path(), &["listen", "--json", "--input"]);
    command.arg(common::in_checkout("demo/demo.ogg")).env("RUST_LOG", "earworm=info");
    let mut daemon = Daemon::start(command);
    let address = daemon.wait_for_address();
    let status = |token: &str| {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let url = format!("http://{address}/api/v1/reading");
        let answer = agent.get(url).header("authorization", format!("Bearer {token}")).call();
        answer.unwrap().status().as_u16()
    };
    assert_eq!((status("the-first-token"), status("the-second-token")), (200, 401));
    let stream = |token: &str| {
        let url = format!("ws://{address}/api/v1/stream?token={token}");
        tungstenite::connect(url).unwrap().0
    };
    let mut old = stream("the-first-token");

    write("the-second-token", "osc = \"127.0.0.1:9\"\n");
    let output = earworm(folder.path(), &["reload"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    daemon.wait_for_log("osc has changed; that takes a restart");
    daemon.wait_for_log("read again");
    assert_eq!((status("the-first-token"), status("the-second-token")), (401, 200));
    // What was opened with the old token is closed.
    let start = Instant::now();
    let closing = loop {
        if let Message::Close(closing) = old.read().unwrap() {
            break closing.expect("it says why");
        }
        assert!(start.elapsed() < PATIENCE, "it is still open");
    };
    assert_eq!(closing.code, CloseCode::Policy, "{closing}");
    let mut new = stream("the-second-token");

    // A wrong one changes nothing.
    std::fs::write(&file, "tokn = 1\n").unwrap();
    daemon.signal("HUP");
    daemon.wait_for_log("stays as it was");
    assert_eq!(status("the-second-token"), 200);
    assert!(matches!(new.read(), Ok(Message::Text(_))));
    daemon.signal("TERM");
    daemon.wait();
}

/// What it may be told while it runs, it does not forget; what would open it to all, it is not told.
#[test]
#[cfg_attr(not(unix), ignore = "signals are sent, which this system has not")]
fn a_reload_keeps_what_protects() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.toml");
    let text = "http = \"0.0.0.0:0\"\nhistory = \"off\"\n";
    std::fs::write(&file, format!("{text}token = \"the-first-token\"\nlog = \"earworm=info\"\n"))
        .unwrap();
    let mut command = earworm(folder.path(), &["listen", "--json", "--input"]);
    // What is logged is set as well with --input.
    command.arg(common::in_checkout("demo/demo.ogg"));
    let mut daemon = Daemon::start(command);
    let address = daemon.wait_for_address().replace("0.0.0.0", "127.0.0.1");
    std::fs::write(&file, format!("{text}log = \"earworm=info\"\n")).unwrap();
    daemon.signal("USR1");
    daemon.wait_for_log("token and allow_hosts stay as they were");
    daemon.wait_for_log("read again");
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let answer = agent.get(format!("http://{address}/api/v1/reading")).call().unwrap();
    assert_eq!(answer.status().as_u16(), 401);
}

/// A model is read once, when the program starts. What becomes of the file meanwhile changes nothing that runs.
#[test]
#[cfg_attr(not(unix), ignore = "signals are sent, which this system has not")]
fn a_model_file_may_go_while_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model.onnx");
    std::fs::copy(common::in_checkout(common::TINY_MODELS[0]), &model).unwrap();
    std::fs::write(folder.path().join("config.toml"), "history = \"off\"\n").unwrap();
    let mut command = earworm(folder.path(), &["listen", "--json", "--input"]);
    command.arg(common::in_checkout("demo/demo.ogg")).arg("--model").arg(&model);
    command.env("RUST_LOG", "earworm=info");
    let mut daemon = Daemon::start(command);
    let scored = |from: f64| {
        move |r: &serde_json::Value| r["t"].as_f64().unwrap() > from && r["momentary"].is_number()
    };
    let first = daemon.wait_for_reading("a score", scored(0.0));
    let from = first["t"].as_f64().unwrap();
    // In place, which is worse than a new file under the old name.
    std::fs::write(&model, "no model at all").unwrap();
    let second = daemon.wait_for_reading("a score after that", scored(from + 1.0));
    std::fs::remove_file(&model).unwrap();
    daemon.signal("HUP");
    daemon.wait_for_log("read again");
    let from = second["t"].as_f64().unwrap();
    daemon.wait_for_reading("a score without the file", scored(from + 1.0));
}

#[test]
fn the_service_is_written_and_taken_away() {
    if !cfg!(target_os = "linux") {
        return common::skip("the_service_is_written_and_taken_away", "it is for systemd");
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| earworm(folder.path(), args).output().unwrap();
    let printed = said(&run(&["service", "install", "--print"]));
    assert!(printed.contains("Type=notify") && printed.contains(" listen\n"), "{printed}");
    assert_eq!(run(&["service", "status"]).status.code(), Some(1));
    let output = run(&["service", "install", "--no-start"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let unit = folder.path().join(".config/systemd/user/earworm.service");
    assert_eq!(std::fs::read_to_string(&unit).unwrap(), printed);
    run(&["service", "uninstall"]);
    assert!(!unit.exists());
    assert!(said(&run(&["service", "uninstall"])).contains("there is no service"));
}

/// The drive that the model is on may not be there yet, say.
#[test]
fn a_service_whose_model_cannot_be_measured_may_take_the_most() {
    if !cfg!(target_os = "linux") {
        return common::skip(
            "a_service_whose_model_cannot_be_measured_may_take_the_most",
            "it is for systemd",
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join(".config/earworm");
    std::fs::create_dir_all(&config).unwrap();
    for (text, memory_mb) in
        [("", 512), ("model = \"/gone/own.onnx\"\n", 5632), ("follow_defualt = true\n", 5632)]
    {
        std::fs::write(config.join("config.toml"), text).unwrap();
        let output = earworm(folder.path(), &["service", "install", "--print"]).output().unwrap();
        let (printed, told) =
            (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(printed.contains(&format!("\nMemoryMax={memory_mb}M\n")), "{text}: {printed}");
        let is_told = told.contains("the service may take up to 5632 MB");
        assert_eq!(is_told, memory_mb == 5632, "{text}: {told}");
    }
}

/// A service that runs already is begun anew, as it may be of an older program.
#[cfg(target_os = "linux")]
#[test]
fn an_installed_service_is_started_anew() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let (bin, log) = (folder.path().join("bin"), folder.path().join("log"));
    std::fs::create_dir(&bin).unwrap();
    let systemctl = bin.join("systemctl");
    std::fs::write(&systemctl, format!("#!/bin/sh\necho \"$@\" >> '{}'\n", log.display())).unwrap();
    std::fs::set_permissions(&systemctl, PermissionsExt::from_mode(0o755)).unwrap();
    let mut install = earworm(folder.path(), &["service", "install"]);
    let output = install.env("PATH", &bin).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let asked = std::fs::read_to_string(log).unwrap();
    let wanted = ["daemon-reload", "enable earworm.service", "restart earworm.service"];
    assert_eq!(asked.lines().collect::<Vec<_>>(), wanted.map(|what| format!("--user {what}")));
}

/// systemd's own opinion, where systemd is.
#[test]
fn systemd_has_no_complaint() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("earworm.service");
    // What is said about this text; it may complain of others that are installed.
    let complaints = |text: &str| {
        std::fs::write(&unit, text).unwrap();
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--user", "--man=no"]).arg(&unit);
        let output = verify.env("XDG_RUNTIME_DIR", folder.path()).output().ok()?;
        let about_us = |line: &&str| line.contains("earworm.service");
        let said = said(&output);
        Some(said.lines().filter(about_us).map(str::to_owned).collect::<Vec<_>>())
    };
    let skip = |why| common::skip("systemd_has_no_complaint", why);
    let printed = earworm(folder.path(), &["service", "install", "--print"]).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    let Some(of_a_wrong_one) = complaints(&printed.replace("Type=notify", "Type=wrong")) else {
        return skip("no systemd-analyze");
    };
    if of_a_wrong_one.is_empty() {
        return skip("systemd-analyze finds no fault in a file that has one");
    }
    assert_eq!(complaints(&printed), Some(Vec::new()));
}

/// What systemd would be told, over a socket of the test's own.
#[cfg(target_os = "linux")]
#[test]
fn a_supervisor_is_told() {
    use std::os::unix::net::UnixDatagram;

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.toml"), "").unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut command = earworm(folder.path(), &["listen", "--json", "--http", "off"]);
    command.args(["--history", "off", "--songs", "silence"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "600000");
    command.env("XDG_RUNTIME_DIR", folder.path()).env_remove("WATCHDOG_PID");
    let mut daemon = Daemon::start(command);
    let next = || {
        let mut bytes = [0; 512];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let ready = next();
    assert!(ready.contains("READY=1"), "{ready}");
    for _ in 0..3 {
        assert!(next().contains("WATCHDOG=1"));
    }
    daemon.signal("TERM");
    while !next().contains("STOPPING=1") {}
    assert_eq!(daemon.wait(), Some(0));
}
