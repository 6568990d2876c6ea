//! A running `earworm listen`, and what it prints.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part")]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for something to happen: far more than it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The program; it is killed when this is dropped.
pub struct Daemon {
    child: Child,
    readings: Receiver<String>,
    log: Receiver<String>,
    /// What was logged so far, for messages.
    said: VecDeque<String>,
}

impl Daemon {
    /// Starts the command, whose output is read here.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        crate::common::with_usual_signals(&mut command);
        let mut child = command.spawn().unwrap();
        let readings = lines(child.stdout.take().unwrap());
        let log = lines(child.stderr.take().unwrap());
        Self { child, readings, log, said: VecDeque::new() }
    }

    /// The program's process number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of the log that contains this.
    pub fn wait_for_log(&mut self, part: &str) -> String {
        let start = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let Ok(line) = self.log.recv_timeout(left) else {
                panic!("no {part:?} in the log, but {:#?}", self.said);
            };
            self.said.push_back(line.clone());
            self.said.drain(..self.said.len().saturating_sub(50));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Waits until its dashboard is up, and gives its address.
    pub fn wait_for_address(&mut self) -> String {
        let line = self.wait_for_log("the dashboard is at http://");
        let (_, url) = line.split_once("http://").expect("it was waited for");
        url.trim_end_matches('/').to_owned()
    }

    /// Waits for a reading that is as wanted.
    pub fn wait_for_reading(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.readings_until(what, wanted).pop().expect("there is one")
    }

    /// The readings up to one that is as wanted, which is waited for.
    pub fn readings_until(&mut self, what: &str, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        let start = Instant::now();
        let mut readings = Vec::new();
        loop {
            let left = PATIENCE.saturating_sub(start.elapsed());
            let Ok(line) = self.readings.recv_timeout(left) else {
                let log: Vec<_> = self.log.try_iter().collect();
                let last = readings.last();
                panic!("no {what}; last {last:?}; the log: {:#?} {log:#?}", self.said);
            };
            readings.push(serde_json::from_str(&line).unwrap());
            if readings.last().is_some_and(&wanted) {
                return readings;
            }
        }
    }

    /// Takes the readings that have come, without waiting.
    pub fn take_readings(&mut self) -> Vec<Value> {
        self.readings.try_iter().map(|line| serde_json::from_str(&line).unwrap()).collect()
    }

    /// Sends a signal by its name, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end and gives its exit code.
    pub fn wait(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whatever it has logged by now, in one text.
    pub fn log_so_far(&mut self) -> String {
        self.said.extend(self.log.try_iter());
        Vec::from(self.said.clone()).join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
