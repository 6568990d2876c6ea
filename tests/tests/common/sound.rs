//! A sound server of the test's own, PulseAudio or PipeWire, with outputs that nobody hears.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Longest wait for the server to come up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    PulseAudio,
    /// With pipewire-pulse and WirePlumber.
    PipeWire,
}

/// A running server; it ends when this is dropped.
pub struct SoundServer {
    kind: Kind,
    folder: TempDir,
    server: Vec<Child>,
    /// The session bus that PipeWire's session manager wants.
    bus: Option<String>,
}

impl SoundServer {
    /// Starts PulseAudio, or says why not: it is not installed.
    pub fn start() -> Result<Self, String> {
        Self::start_kind(Kind::PulseAudio)
    }

    /// Starts PipeWire, or says what is not installed.
    pub fn start_pipewire() -> Result<Self, String> {
        Self::start_kind(Kind::PipeWire)
    }

    fn start_kind(kind: Kind) -> Result<Self, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut started = Self { kind, folder, server: Vec::new(), bus: None };
        started.spawn()?;
        started.wait();
        Ok(started)
    }

    /// Ends the server.
    pub fn stop(&mut self) {
        for mut child in self.server.drain(..).rev() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(self.folder.path().join("pulse"));
    }

    /// Starts another one at the same place.
    pub fn restart(&mut self) {
        self.spawn().expect("it was started before");
        self.wait();
    }

    fn spawn(&mut self) -> Result<(), String> {
        match self.kind {
            Kind::PulseAudio => {
                let mut command = Command::new("pulseaudio");
                command
                    .args(["-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1"])
                    .args(["--realtime=no", "--high-priority=no", "--log-target=stderr"])
                    .args(["-L", "module-native-protocol-unix"]);
                self.add(command)
            }
            Kind::PipeWire => {
                let mut bus = Command::new("dbus-daemon");
                bus.args(["--session", "--nofork", "--print-address"]).stdout(Stdio::piped());
                self.add(bus)?;
                let mut address = String::new();
                let said = self.server[0].stdout.take().expect("it is piped");
                BufReader::new(said).read_line(&mut address).expect("it says its address");
                self.bus = Some(address.trim().to_owned());
                self.add(Command::new("pipewire"))?;
                // The others look for it once.
                let socket = self.folder.path().join("pipewire-0");
                let start = Instant::now();
                while !socket.exists() {
                    assert!(start.elapsed() < PATIENCE, "pipewire does not come up");
                    std::thread::sleep(Duration::from_millis(20));
                }
                self.add(Command::new("wireplumber"))?;
                self.add(Command::new("pipewire-pulse"))
            }
        }
    }

    fn add(&mut self, command: Command) -> Result<(), String> {
        let name = command.get_program().to_string_lossy().into_owned();
        let is_bus = name == "dbus-daemon";
        let mut command = self.with(command);
        command.stdin(Stdio::null()).stderr(Stdio::null());
        if !is_bus {
            command.stdout(Stdio::null());
        }
        let child = command.spawn().map_err(|error| format!("no {name}: {error}"))?;
        self.server.push(child);
        Ok(())
    }

    fn wait(&self) {
        let start = Instant::now();
        while !self.pactl(&["info"]).status.success() {
            assert!(start.elapsed() < PATIENCE, "the sound server does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// A command that finds this server and no other, and has no files but its own.
    pub fn with(&self, mut command: Command) -> Command {
        set_folder(&mut command, self.folder.path());
        if let Some(bus) = &self.bus {
            command.env("DBUS_SESSION_BUS_ADDRESS", bus);
        }
        command
    }

    fn pactl(&self, args: &[&str]) -> std::process::Output {
        self.with(Command::new("pactl")).args(args).output().expect("pactl comes with pulseaudio")
    }

    /// Runs `pactl`, which must succeed, and gives what it printed.
    pub fn control(&self, args: &[&str]) -> String {
        let output = self.pactl(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "pactl {args:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Tells PulseAudio what `pactl` cannot.
    pub fn cli(&self, command: &str) {
        let socket = self.folder.path().join("cli");
        if !socket.exists() {
            let argument = format!("socket={}", socket.display());
            self.control(&["load-module", "module-cli-protocol-unix", &argument]);
        }
        let mut cli = UnixStream::connect(&socket).unwrap();
        writeln!(cli, "{command}").unwrap();
        cli.shutdown(Shutdown::Write).unwrap();
        std::io::copy(&mut cli, &mut std::io::sink()).unwrap();
    }

    /// Adds an output and gives the number of its module.
    pub fn add_sink(&self, name: &str, rate: u32) -> String {
        let (name, rate) = (format!("sink_name={name}"), format!("rate={rate}"));
        self.control(&["load-module", "module-null-sink", &name, &rate, "format=float32le"])
    }

    /// Plays a file to the default output.
    pub fn play(&self, file: &Path) -> Playing {
        self.play_with(file, &[])
    }

    /// Plays a file with as little in the buffer as browsers have, so that what is heard begins soon;
    /// on a busy computer it may stutter.
    pub fn play_promptly(&self, file: &Path) -> Playing {
        self.play_with(file, &["--latency-msec=50"])
    }

    /// Plays a file as a node of PipeWire's own that is linked to the output, and no stream. Says what is
    /// not installed.
    pub fn play_linked(&self, file: &Path, sink: &str) -> Result<Playing, String> {
        // Not as music, whose streams the sound server tells of.
        let node = r#"{ "media.class": "Audio/Source", "node.name": "linked" }"#;
        let mut command = self.with(Command::new("pw-play"));
        command.args(["--target", "0", "--properties", node]).arg(file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let playing = Playing(command.spawn().map_err(|error| format!("no pw-play: {error}"))?);
        let start = Instant::now();
        for side in ["FL", "FR"] {
            let ports = [format!("linked:capture_{side}"), format!("{sink}:playback_{side}")];
            loop {
                let mut link = self.with(Command::new("pw-link"));
                // Its ports come a moment after it.
                match link.args(&ports).output() {
                    Err(error) => return Err(format!("no pw-link: {error}")),
                    Ok(output) if output.status.success() => break,
                    Ok(_) => assert!(start.elapsed() < PATIENCE, "{ports:?} cannot be linked"),
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        Ok(playing)
    }

    fn play_with(&self, file: &Path, args: &[&str]) -> Playing {
        let mut command = self.with(Command::new("paplay"));
        command
            .args(args)
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Playing(command.spawn().expect("paplay comes with pulseaudio"))
    }
}

impl Drop for SoundServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn set_folder(command: &mut Command, folder: &Path) {
    command
        .env("XDG_RUNTIME_DIR", folder)
        .env("HOME", folder)
        .env_remove("PULSE_SERVER")
        .env_remove("PULSE_RUNTIME_PATH")
        .env_remove("PULSE_COOKIE")
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("XDG_DATA_HOME")
        .env_remove("DBUS_SESSION_BUS_ADDRESS");
}

/// A file that plays; it stops when this is dropped.
pub struct Playing(Child);

impl Playing {
    /// Waits until it has played to its end.
    pub fn finish(mut self) {
        let status = self.0.wait().unwrap();
        assert!(status.success(), "paplay: {status}");
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
