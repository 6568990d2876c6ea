//! The meter's terminal may go away at any time: a window is closed, a connection breaks.

#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Long enough for the slowest machine; the test ends as soon as the program does.
const PATIENCE: Duration = Duration::from_secs(60);

/// A new terminal: the side that a window would hold, and the side that the program gets.
fn terminal() -> (File, OwnedFd) {
    let (mut window, mut program) = (0, 0);
    let size = libc::winsize { ws_row: 30, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: openpty writes two descriptors, which nobody else owns, and reads the size.
    unsafe {
        let null = std::ptr::null_mut();
        let result = libc::openpty(&mut window, &mut program, null, std::ptr::null(), &size);
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
        // The program must not hold the window's side open itself.
        libc::fcntl(window, libc::F_SETFD, libc::FD_CLOEXEC);
        (File::from_raw_fd(window), OwnedFd::from_raw_fd(program))
    }
}

/// Starts to play a song in a terminal, as somebody would who looks at it. Waits until it draws. Hang-ups are
/// `SIG_DFL` or `SIG_IGN` at first.
fn start_in_terminal(folder: &Path, args: &[&str], hang_ups: libc::sighandler_t) -> (Child, File) {
    let song = common::write_song(folder, "song.wav", 120.0);
    let (mut window, program) = terminal();
    let stream = || Stdio::from(program.try_clone().unwrap());
    let mut command = common::earworm();
    command.args(["listen", "--input"]).arg(&song).args(args);
    command.env("RUST_LOG", "earworm=info");
    command.stdin(stream()).stdout(stream()).stderr(stream());
    common::set_signals(&mut command, hang_ups);
    let terminal_of_child = program.as_raw_fd();
    // SAFETY: both calls are allowed between fork and exec; the descriptor is open in the child.
    unsafe {
        command.pre_exec(move || {
            libc::setsid();
            libc::ioctl(terminal_of_child, libc::TIOCSCTTY, 0);
            Ok(())
        });
    }
    let child = command.spawn().unwrap();
    drop((command, program));
    let mut drawn = String::new();
    let mut answered = false;
    while !drawn.contains("quits") {
        let mut part = [0; 4096];
        let count = window.read(&mut part).expect("it still draws");
        drawn += &String::from_utf8_lossy(&part[..count]);
        // It asks where the cursor is, and waits for the terminal's answer.
        if !answered && drawn.contains("\x1b[6n") {
            window.write_all(b"\x1b[1;1R").unwrap();
            answered = true;
        }
    }
    (child, window)
}

/// Waits for its end; kills it if that does not come.
fn end_of(mut child: Child) -> ExitStatus {
    let (ended, end) = mpsc::channel();
    let id = child.id();
    std::thread::spawn(move || ended.send(child.wait().unwrap()));
    let Ok(status) = end.recv_timeout(PATIENCE) else {
        // SAFETY: the child has not been waited for, so the number is still its own.
        unsafe { libc::kill(id as i32, libc::SIGKILL) };
        panic!("the program goes on");
    };
    status
}

/// Even where hang-ups were ignored: the meter is of no use without its terminal.
#[test]
fn the_program_ends_when_its_terminal_goes() {
    let folder = tempfile::tempdir().unwrap();
    for hang_ups in [libc::SIG_DFL, libc::SIG_IGN] {
        let (child, window) = start_in_terminal(folder.path(), &[], hang_ups);
        drop(window);
        let status = end_of(child);
        assert!(status.code().is_some() || status.signal() == Some(libc::SIGHUP), "{status}");
    }
}

/// The status of what is answered to a request with this token; none if nobody answers.
fn status(address: SocketAddr, token: &str) -> Option<u16> {
    let mut socket = TcpStream::connect(address).ok()?;
    let head = format!("host: localhost\r\nauthorization: Bearer {token}\r\nconnection: close");
    write!(socket, "GET /api/v1/reading HTTP/1.1\r\n{head}\r\n\r\n").ok()?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// A reload is not a hang-up: the meter in the terminal goes on, and obeys.
#[test]
fn a_reload_does_not_end_the_meter() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    // Free a moment ago: the log, which would tell which one it took, waits while it draws.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let write = |token: &str| {
        let text =
            format!("http = \"{address}\"\nhistory = {:?}\ntoken = {token:?}", path("history.db"));
        std::fs::write(path("config.toml"), text).unwrap();
    };
    write("the-first-token");
    let (child, mut window) =
        start_in_terminal(folder.path(), &["--config", &path("config.toml")], libc::SIG_DFL);
    // What it draws must be taken, or it waits.
    let mut keys = window.try_clone().unwrap();
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while window.read(&mut part).is_ok_and(|count| count > 0) {}
    });
    assert_eq!(status(address, "the-first-token"), Some(200));
    write("the-second-token");
    let reload = common::earworm().args(["reload", "--config", &path("config.toml")]).output();
    let reload = reload.unwrap();
    assert!(reload.status.success(), "{}", common::stderr(&reload));
    let start = Instant::now();
    while status(address, "the-second-token") != Some(200) {
        assert!(start.elapsed() < PATIENCE, "it does not obey");
        std::thread::sleep(Duration::from_millis(50));
    }
    keys.write_all(b"q").unwrap();
    let status = end_of(child);
    assert_eq!(status.code(), Some(0), "{status}");
}
