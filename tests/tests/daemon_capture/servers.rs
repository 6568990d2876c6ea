//! Sound servers that go and start late, and a model that fails.

use std::process::Command;

use crate::daemon::Daemon;
use crate::sound::SoundServer;
use crate::{SECONDS, common, excerpt, listen, playing, server};

#[test]
fn the_server_itself_may_go() {
    let Some(mut server) = server("the_server_itself_may_go") else { return };
    server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), 5);
    let mut daemon = listen(&server, &["--rest-after", "0"]);
    daemon.wait_for_log("speakers.monitor");
    server.stop();
    daemon.wait_for_log("WARN");
    server.restart();
    server.add_sink("speakers", 48_000);
    daemon.wait_for_log("speakers.monitor");
    let _playing = server.play(&song);
    daemon.wait_for_reading("sound after the server's return", playing);
    daemon.signal("INT");
    assert_eq!(daemon.wait(), Some(0), "{}", daemon.log_so_far());
}

/// A service without a scorer would run for ever and score nothing: it ends, so that its supervisor
/// starts it anew.
#[test]
fn a_model_that_fails_ends_the_service() {
    let test = "a_model_that_fails_ends_the_service";
    let Some(server) = server(test) else { return };
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("failing.onnx");
    let Some(python) = std::env::var_os("EARWORM_PYTHON") else {
        return common::skip(test, "EARWORM_PYTHON is not set");
    };
    let mut make = Command::new(&python);
    make.arg(common::in_checkout("tests/python/failing_model.py"));
    make.arg(common::in_checkout(common::TINY_MODELS[0])).arg(&model);
    if !make.output().is_ok_and(|made| made.status.success()) {
        return common::skip(test, "EARWORM_PYTHON names no Python with onnx");
    }
    server.add_sink("speakers", 48_000);
    let song = excerpt(folder.path(), SECONDS);
    for json in [true, false] {
        let mut command = server.with(common::program("earworm"));
        command.args(["listen", "--http", "off", "--history", "off", "--songs", "silence"]);
        command.args(json.then_some("--json")).arg("--model").arg(&model);
        let mut daemon = Daemon::start(command);
        daemon.wait_for_log("listening");
        let _playing = server.play(&song);
        assert_eq!(daemon.wait(), Some(1), "{}", daemon.log_so_far());
        daemon.wait_for_log("earworm: scoring stopped: ");
    }
}

/// Without a sound server, it waits for one.
#[test]
fn it_may_start_before_the_sound_server() {
    if Command::new("pulseaudio").arg("--version").output().is_err() {
        common::skip("it_may_start_before_the_sound_server", "no pulseaudio");
        return;
    }
    let mut server = SoundServer::start().unwrap();
    server.stop();
    let mut daemon = listen(&server, &[]);
    daemon.wait_for_log("WARN");
    server.restart();
    server.add_sink("speakers", 48_000);
    daemon.wait_for_log("speakers.monitor");
}
