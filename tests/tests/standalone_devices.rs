//! The window that listens, when what it listens to goes away.
#![cfg(target_os = "linux")]

mod common;
#[path = "common/screen.rs"]
mod screen;
#[path = "common/sound.rs"]
mod sound;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use screen::{Ends, PATIENCE, Screen};
use sound::SoundServer;

/// The default device of ALSA is the sound server, as on most computers.
const ALSA: &str = "pcm.!default { type pulse }\nctl.!default { type pulse }\n";

fn has_alsa_plugin() -> bool {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let plugin = Path::new("alsa-lib/libasound_module_pcm_pulse.so");
    folders.map(|folder| folder.path().join(plugin)).any(|path| path.exists())
}

/// A window that listens to a server's device and plays nothing to it.
struct Listening {
    server: SoundServer,
    screen: Screen,
    meter: Ends,
    /// What it says.
    log: Receiver<String>,
    _folder: tempfile::TempDir,
}

impl Listening {
    fn start() -> Result<Self, String> {
        if !has_alsa_plugin() {
            return Err("ALSA knows no sound server (package libasound2-plugins)".into());
        }
        let (server, screen) = (SoundServer::start()?, Screen::open(900, 620, 1)?);
        server.add_sink("device", 48_000);
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("asound.conf");
        std::fs::write(&settings, ALSA).unwrap();
        let mut meter = server.with(screen.program());
        meter.env("ALSA_CONFIG_PATH", &settings).env_remove("NICE_LOG").env_remove("RUST_LOG");
        let mut meter = Ends(meter.stderr(Stdio::piped()).spawn().unwrap());
        let lines = BufReader::new(meter.0.stderr.take().unwrap()).lines();
        let (send, log) = channel();
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| send.send(line).unwrap_or_default());
        });
        let mut started = Self { server, screen, meter, log, _folder: folder };
        started.wait_for("Starting output stream");
        let until = Instant::now() + PATIENCE;
        while started.server.control(&["list", "short", "source-outputs"]).is_empty()
            || started.server.control(&["list", "short", "sink-inputs"]).is_empty()
        {
            let said: Vec<String> = started.log.try_iter().collect();
            assert!(!said.iter().any(|line| line.contains("ERROR")), "{said:#?}");
            assert!(Instant::now() < until, "nothing is listened to");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(started)
    }

    /// Waits until it says this, and gives the errors that it says up to then.
    fn wait_for(&mut self, text: &str) -> Vec<String> {
        let mut errors = Vec::new();
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("never says {text:?}: {errors:?}"));
            if line.contains("Error during") {
                errors.push(line.clone());
            }
            if line.contains(text) {
                return errors;
            }
        }
    }

    /// Closes the window, which ends the program, and gives the errors that it said meanwhile.
    fn close(mut self) -> Vec<String> {
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.meter.0.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "it does not end");
            // It may not have opened yet.
            self.screen.close_windows();
            std::thread::sleep(Duration::from_millis(100));
        };
        assert!(status.success(), "{status}");
        self.log.iter().filter(|line| line.contains("Error during")).collect()
    }
}

#[test]
fn a_window_whose_sound_server_goes_says_so_once_and_can_be_closed() {
    let mut listening = match Listening::start() {
        Ok(listening) => listening,
        Err(why) => return common::skip("a_window_whose_sound_server_goes", &why),
    };
    listening.server.stop();
    let mut errors = listening.wait_for("could not be used, or has gone");
    errors.extend(listening.close());
    assert_eq!(errors.len(), 1, "{errors:?}");
}

#[test]
fn a_window_whose_input_goes_says_so_although_it_could_still_play() {
    let mut listening = match Listening::start() {
        Ok(listening) => listening,
        Err(why) => return common::skip("a_window_whose_input_goes", &why),
    };
    // A device that goes would not do: the server has another one heard then.
    let heard = listening.server.control(&["list", "short", "source-outputs"]);
    let number = heard.split_whitespace().next().unwrap();
    listening.server.cli(&format!("kill-source-output {number}"));
    let mut errors = listening.wait_for("could not be used, or has gone");
    errors.extend(listening.close());
    assert!(errors.len() == 1 && errors[0].contains("during capture"), "{errors:?}");
}
