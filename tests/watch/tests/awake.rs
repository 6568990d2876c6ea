//! What every test with `real_time` rests on: whoever does under it what an audio thread must not do does not
//! survive it. Child processes try.
#![cfg(unix)]

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::Duration;

use earworm_watch::{has_sanitizer, has_system_call_trap, real_time};

/// Names to a child what it is to do.
const CRIME: &str = "EARWORM_TEST_CRIME";

const CRIMES: [(&str, fn()); 8] = [
    ("allocate", allocate),
    ("free", free),
    ("wait for a lock", wait_for_a_lock),
    ("sleep", sleep),
    ("write", write),
    ("make a thread", make_a_thread),
    ("ask who it is", ask_who_it_is),
    ("first time only", first_time_only),
];

fn allocate() {
    real_time(|| black_box(vec![0u8; 64]));
}

fn free() {
    let block = black_box(vec![0u8; 64]);
    real_time(|| drop(block));
}

/// A lock that another thread holds. One that is free is taken without the kernel, and nothing sees it.
fn wait_for_a_lock() {
    let lock = Mutex::new(());
    let held = lock.lock().unwrap();
    std::thread::scope(|scope| {
        // For ever, unless it is caught.
        scope.spawn(|| real_time(|| drop(lock.lock()))).join().unwrap();
    });
    drop(held);
}

fn sleep() {
    real_time(|| std::thread::sleep(Duration::from_nanos(1)));
}

fn write() {
    let (mut from, mut to) = std::io::pipe().unwrap();
    real_time(|| to.write_all(b"x").unwrap());
    from.read_exact(&mut [0]).unwrap();
    drop(OwnedFd::from(to));
}

fn make_a_thread() {
    real_time(|| std::thread::spawn(|| ()).join().unwrap());
}

/// The mildest of all calls, which the sanitizer does not know.
fn ask_who_it_is() {
    real_time(|| black_box(std::process::id()));
}

fn first_time_only() {
    for round in 0..2 {
        real_time(|| {
            if round == 0 {
                drop(black_box(vec![0u8; 1 << 20]))
            }
        });
    }
}

fn child(crime: &str) -> Output {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["criminals_are_caught", "--exact", "--nocapture"]).env(CRIME, crime);
    child.output().unwrap()
}

#[test]
fn criminals_are_caught() {
    if let Ok(wanted) = std::env::var(CRIME) {
        let crime = CRIMES.iter().find(|(name, _)| *name == wanted).unwrap();
        crime.1();
        return;
    }
    if !has_sanitizer() {
        skip("this was built without RTSAN_ENABLE");
    }
    if !has_system_call_trap() {
        skip("this kernel has no syscall user dispatch");
    }
    for (name, _) in CRIMES {
        // The heap may have room: then only the sanitizer sees who allocates.
        let is_call = !matches!(name, "allocate" | "free");
        let seen = match name {
            "ask who it is" => has_system_call_trap(),
            _ => has_sanitizer() || (is_call && has_system_call_trap()),
        };
        if !seen {
            continue;
        }
        let output = child(name);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{name} was survived");
        let by_kernel = said.contains("system call");
        assert!(by_kernel || said.contains("RealtimeSanitizer"), "{name}: {said}");
        // Each sees what the other does not: memory that is there already, a call of no consequence.
        match name {
            "allocate" | "free" => assert!(!by_kernel, "{name}: {said}"),
            "ask who it is" => assert!(by_kernel, "{name}: {said}"),
            _ => {}
        }
    }
}

/// Says that a part is left out. Written past the test harness, which would hide it.
fn skip(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED criminals_are_caught: {why}");
    // `cargo xtask test` counts these: for the harness the test passes.
    if let Some(file) = std::env::var_os("EARWORM_SKIPS") {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(file);
        let line = format!("criminals_are_caught: {why}\n");
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

/// The innocent live, call after call, thread after thread, and may do as they like afterwards.
#[test]
fn work_is_left_alone() {
    for _ in 0..3 {
        let numbers = std::thread::spawn(|| {
            let mut numbers = vec![1u64; 1000];
            for round in 0..3 {
                real_time(|| numbers.iter_mut().for_each(|n| *n = n.wrapping_mul(3)));
                numbers.push(round);
            }
            numbers
        });
        assert_eq!(numbers.join().unwrap()[0], 27);
    }
}
