//! `earworm listen` on a real sound server: what it hears is what is played, whatever happens to the
//! devices meanwhile.
// The sound servers that tests drive are Linux's.
#![cfg(target_os = "linux")]

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/daemon.rs"]
mod daemon;
mod devices;
mod heard;
mod servers;
#[path = "../common/sound.rs"]
mod sound;

use std::path::{Path, PathBuf};

use daemon::Daemon;
use earworm_scorer::decode::AudioFile;
use serde_json::Value;
use sound::SoundServer;

/// Seconds of the demo song that are played: a window of the model, and a little.
const SECONDS: usize = 31;

/// The start of the demo song as a wav file.
fn excerpt(folder: &Path, seconds: usize) -> PathBuf {
    let mut file = AudioFile::open(common::in_checkout("demo/demo.ogg")).unwrap();
    let format = file.format();
    let path = folder.join("excerpt.wav");
    let mut wav = common::wav(&path, format);
    let mut left = seconds * format.sample_rate as usize * format.channels;
    while let Some(block) = file.next_block().unwrap() {
        for &sample in &block[..block.len().min(left)] {
            wav.write_sample(sample).unwrap();
        }
        left -= block.len().min(left);
    }
    wav.finalize().unwrap();
    path
}

fn server(test: &str) -> Option<SoundServer> {
    SoundServer::start().map_err(|why| common::skip(test, &why)).ok()
}

fn listen(server: &SoundServer, args: &[&str]) -> Daemon {
    let mut command = server.with(common::program("earworm"));
    // Titles are for other tests; a later --http wins.
    command.args(["listen", "--json", "--songs", "silence"]).args(args);
    if !args.contains(&"--http") {
        command.args(["--http", "off"]);
    }
    Daemon::start(command)
}

fn t(reading: &Value) -> f64 {
    reading["t"].as_f64().unwrap()
}

fn get(address: &str, path: &str) -> Value {
    let answer = ureq::get(format!("http://{address}{path}")).call().unwrap();
    answer.into_body().read_json().unwrap()
}

fn playing(reading: &Value) -> bool {
    reading["level_db"].as_f64().is_some_and(|level| level > -50.0)
}
