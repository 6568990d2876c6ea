//! The meter's terminal may go away at any time: a window is closed, a connection breaks.

#![cfg(target_os = "linux")]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

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

#[test]
fn the_program_ends_when_its_terminal_goes() {
    let folder = tempfile::tempdir().unwrap();
    let song = common::write_song(folder.path(), "song.wav", 120.0);
    let (mut window, program) = terminal();
    let stream = || Stdio::from(program.try_clone().unwrap());
    let mut command = common::earworm();
    command.args(["listen", "--input"]).arg(&song);
    command.stdin(stream()).stdout(stream()).stderr(stream());
    let terminal_of_child = program.as_raw_fd();
    // SAFETY: both calls are allowed between fork and exec; the descriptor is open in the child.
    unsafe {
        command.pre_exec(move || {
            libc::setsid();
            libc::ioctl(terminal_of_child, libc::TIOCSCTTY, 0);
            Ok(())
        });
    }
    let mut child = command.spawn().unwrap();
    drop((command, program));

    // It draws; then the window is closed.
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
    drop(window);

    let (ended, end) = mpsc::channel();
    let id = child.id();
    std::thread::spawn(move || ended.send(child.wait().unwrap()));
    let Ok(status) = end.recv_timeout(PATIENCE) else {
        // SAFETY: the child has not been waited for, so the number is still its own.
        unsafe { libc::kill(id as i32, libc::SIGKILL) };
        panic!("the program goes on without a terminal");
    };
    assert!(status.code().is_some() || status.signal() == Some(libc::SIGHUP), "{status}");
}
