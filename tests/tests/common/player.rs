//! A session bus of the test's own, and a media player that speaks MPRIS as real ones do.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use futures::StreamExt;
use zbus::message::Type;
use zbus::{Connection, MessageStream, Variant};

const PATH: &str = "/org/mpris/MediaPlayer2";
const INTERFACE: &str = "org.mpris.MediaPlayer2.Player";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A session bus; it ends when this is dropped.
pub struct Bus {
    child: Child,
    pub address: String,
}

impl Bus {
    /// Starts one, if `dbus-daemon` is installed.
    pub fn start() -> Option<Self> {
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

/// What a player says.
#[derive(Debug, Clone, Default)]
struct Said {
    status: &'static str,
    artist: String,
    title: String,
}

impl Said {
    fn properties(&self) -> HashMap<&'static str, Variant<'_>> {
        let metadata: HashMap<&str, Variant<'_>> = HashMap::from([
            ("mpris:trackid", Variant::from(format!("/track/{}", self.title.len()))),
            ("xesam:title", Variant::from(self.title.as_str())),
            ("xesam:artist", Variant::from(vec![self.artist.as_str()])),
        ]);
        HashMap::from([
            ("PlaybackStatus", Variant::from(self.status)),
            ("Metadata", Variant::from(metadata)),
        ])
    }
}

/// The player; it goes when this is dropped.
pub struct Player {
    tell: Option<mpsc::Sender<Said>>,
    said: Said,
    thread: Option<JoinHandle<()>>,
}

impl Player {
    /// One that plays this.
    pub fn start(bus: &Bus, artist: &str, title: &str) -> Self {
        let (tell, told) = mpsc::channel();
        let address = bus.address.clone();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&address, &told));
        });
        let mut player = Self { tell: Some(tell), said: Said::default(), thread: Some(thread) };
        player.play(artist, title);
        player
    }

    /// Plays this from now on.
    pub fn play(&mut self, artist: &str, title: &str) {
        self.said = Said { status: "Playing", artist: artist.into(), title: title.into() };
        self.say();
    }

    /// Holds what it plays.
    pub fn pause(&mut self) {
        self.said.status = "Paused";
        self.say();
    }

    /// Goes on.
    pub fn resume(&mut self) {
        self.said.status = "Playing";
        self.say();
    }

    fn say(&self) {
        self.tell.as_ref().unwrap().send(self.said.clone()).unwrap();
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        self.tell.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(address: &str, told: &mpsc::Receiver<Said>) {
    let mut said = told.recv().unwrap();
    let bus: Connection = zbus::connection::Builder::address(address).build().await.unwrap();
    let mut calls = MessageStream::from(&bus);
    bus.request_name("org.mpris.MediaPlayer2.earwormtest").await.unwrap();
    loop {
        match told.try_recv() {
            Ok(next) => {
                said = next;
                let none: Vec<&str> = Vec::new();
                let body = (INTERFACE, said.properties(), none);
                let to = None::<&str>;
                bus.emit_signal(to, PATH, PROPERTIES, "PropertiesChanged", &body).await.unwrap();
            }
            Err(mpsc::TryRecvError::Empty) => {}
            Err(mpsc::TryRecvError::Disconnected) => return,
        }
        let soon = Duration::from_millis(20);
        let Ok(Some(call)) = tokio::time::timeout(soon, calls.next()).await else { continue };
        let call = call.unwrap();
        let header = call.header();
        let asked = header.member().map(|member| member.as_str().to_owned());
        if header.message_type() == Type::MethodCall && asked.as_deref() == Some("GetAll") {
            bus.reply(&header, &said.properties()).await.unwrap();
        }
    }
}
