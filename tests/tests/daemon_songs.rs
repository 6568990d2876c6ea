//! Songs by what a media player says: a bus of the test's own, and a player made here that speaks
//! MPRIS as real ones do.

#![cfg(target_os = "linux")]

mod common;
#[path = "common/daemon.rs"]
mod daemon;

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use daemon::Daemon;
use futures::StreamExt;
use serde_json::Value;
use zbus::message::Type;
use zbus::{MessageStream, Variant};

const PATH: &str = "/org/mpris/MediaPlayer2";
const PLAYER: &str = "org.mpris.MediaPlayer2.Player";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A session bus; it ends when this is dropped.
struct Bus {
    child: Child,
    address: String,
}

impl Bus {
    fn start() -> Option<Self> {
        let mut command = Command::new("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address"]).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn().ok()?;
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        Some(Self { child, address: address.trim().to_owned() })
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn properties(title: &str) -> HashMap<&'static str, Variant<'_>> {
    let artists = vec!["Somebody"];
    let metadata: HashMap<&str, Variant<'_>> = HashMap::from([
        ("mpris:trackid", Variant::from(format!("/track/{}", title.len()))),
        ("xesam:title", Variant::from(title)),
        ("xesam:artist", Variant::from(artists)),
    ]);
    HashMap::from([
        ("PlaybackStatus", Variant::from("Playing")),
        ("Metadata", Variant::from(metadata)),
    ])
}

/// Plays what it is told over the channel, until that closes.
fn play(address: String, titles: mpsc::Receiver<&'static str>) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bus = zbus::connection::Builder::address(address.as_str()).build().await.unwrap();
            let mut calls = MessageStream::from(&bus);
            bus.request_name("org.mpris.MediaPlayer2.earwormtest").await.unwrap();
            let mut title = titles.recv().unwrap();
            loop {
                match titles.try_recv() {
                    Ok(next) => {
                        title = next;
                        let none: Vec<&str> = Vec::new();
                        let body = (PLAYER, properties(title), none);
                        let to = None::<&str>;
                        bus.emit_signal(to, PATH, PROPERTIES, "PropertiesChanged", &body)
                            .await
                            .unwrap();
                    }
                    Err(mpsc::TryRecvError::Empty) => {}
                    Err(mpsc::TryRecvError::Disconnected) => return,
                }
                let soon = std::time::Duration::from_millis(20);
                let Ok(Some(call)) = tokio::time::timeout(soon, calls.next()).await else {
                    continue;
                };
                let call = call.unwrap();
                let header = call.header();
                let asked = header.member().map(|member| member.as_str().to_owned());
                if header.message_type() == Type::MethodCall && asked.as_deref() == Some("GetAll") {
                    bus.reply(&header, &properties(title)).await.unwrap();
                }
            }
        });
    })
}

fn songs(history: &Path) -> Vec<Value> {
    let mut command = common::program("earworm");
    let printed = common::stdout_of(command.args(["history", "--json", "--history"]).arg(history));
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_player_gives_songs_their_names() {
    let Some(bus) = Bus::start() else {
        return common::skip("a_player_gives_songs_their_names", "no dbus-daemon");
    };
    let (tell, titles) = mpsc::channel();
    tell.send("The First").unwrap();
    let player = play(bus.address.clone(), titles);
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join("history.db");
    let mut command = common::program("earworm");
    command.args(["listen", "--json", "--songs", "players", "--http", "127.0.0.1:0"]);
    command.arg("--history").arg(&history);
    command.arg("--input").arg(common::in_checkout("demo/demo.ogg"));
    command.env("RUST_LOG", "earworm=info").env("DBUS_SESSION_BUS_ADDRESS", &bus.address);
    let mut daemon = Daemon::start(command);
    let address = daemon.wait_for_address();
    daemon.wait_for_reading("twelve seconds", |r| r["t"].as_f64().unwrap() > 12.0);
    let url = format!("http://{address}/api/v1/reading");
    let reading: Value = ureq::get(&url).call().unwrap().body_mut().read_json().unwrap();
    assert_eq!(reading["song"]["title"], "The First", "{reading}");
    assert_eq!(reading["song"]["artist"], "Somebody", "{reading}");

    tell.send("The Second One").unwrap();
    // Each song has a score of its own: readings start anew.
    daemon.wait_for_reading("a new start", |r| r["t"].as_f64().unwrap() < 3.0);
    daemon.wait_for_reading("twelve seconds more", |r| r["t"].as_f64().unwrap() > 12.0);
    daemon.signal("TERM");
    daemon.wait();
    let songs = songs(&history);
    let titles: Vec<_> = songs.iter().map(|song| song["title"].as_str().unwrap()).collect();
    assert_eq!(titles, ["The Second One", "The First"], "{songs:#?}");
    assert!(songs.iter().all(|song| song["score"].is_number()), "{songs:#?}");
    drop(tell);
    player.join().unwrap();
}
