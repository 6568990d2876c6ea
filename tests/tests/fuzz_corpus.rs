//! Every input that is kept of the fuzzers, seeds and what once went wrong, through the same functions. See
//! docs/fuzzing.md.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, Once, PoisonError};

use earworm_tests::fuzzed::{Target, is_ours, targets};

/// One target at a time, as panics of all threads are collected in one place.
static TURN: Mutex<()> = Mutex::new(());

/// Whether panics are collected and not shown, as an input is tried.
static WATCHING: AtomicBool = AtomicBool::new(false);

/// Panics since this was emptied: where, and what.
static PANICS: Mutex<Vec<(String, String)>> = Mutex::new(Vec::new());

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// Names of what is in a folder, in order.
fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Sees to it that panics are collected while an input is tried, also those that somebody catches.
fn collect_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !WATCHING.load(Relaxed) {
                return shown(panic);
            }
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
            panics.push((place, panic.payload_as_str().unwrap_or_default().to_owned()));
        }));
    });
}

/// What went wrong with an input, if anything.
fn fault(target: &Target, input: &[u8]) -> Option<String> {
    WATCHING.store(true, Relaxed);
    let passed = catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok();
    WATCHING.store(false, Relaxed);
    let panics = std::mem::take(&mut *PANICS.lock().unwrap_or_else(PoisonError::into_inner));
    let counts = |place: &str| !passed || !target.guarded || is_ours(place);
    let told = panics.iter().find(|(place, _)| counts(place));
    told.map(|(place, what)| format!("{place}: {what}"))
}

fn replay(target: &Target) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    collect_panics();
    let mut faults = Vec::new();
    for kind in ["corpus", "crashes"] {
        let folder = folder(kind).join(target.name);
        // Not every target has gone wrong once.
        if kind == "crashes" && !folder.exists() {
            continue;
        }
        let names = names(&folder);
        assert!(!names.is_empty(), "{} is empty", folder.display());
        for name in names {
            let input = std::fs::read(folder.join(&name)).unwrap();
            if let Some(what) = fault(target, &input) {
                faults.push(format!("{kind}/{}/{name}: {what}", target.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_folder_belongs_to_a_target() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let known: BTreeSet<_> = targets::ALL.iter().map(|target| target.name.to_owned()).collect();
    assert_eq!(names(&folder("corpus")), known);
    assert!(names(&folder("crashes")).is_subset(&known));
    let programs = known.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&folder("targets")), programs);
}

#[test]
fn a_fault_is_found() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    collect_panics();
    fn trips(input: &[u8]) {
        let _ = catch_unwind(|| assert!(input.is_empty(), "{} bytes", input.len()));
    }
    let target = Target { name: "", run: trips, guarded: false };
    assert_eq!(fault(&target, b""), None);
    assert!(fault(&target, b"abc").is_some_and(|what| what.ends_with("3 bytes")));
    assert_eq!(fault(&Target { guarded: true, ..target }, b"abc"), None, "others may panic");
}

#[test]
fn decode() {
    replay(&targets::DECODE);
}

#[test]
fn model() {
    replay(&targets::MODEL);
}

#[test]
fn metadata() {
    replay(&targets::METADATA);
}

#[test]
fn recipe() {
    replay(&targets::RECIPE);
}

#[test]
fn manifest() {
    replay(&targets::MANIFEST);
}

#[test]
fn config() {
    replay(&targets::CONFIG);
}

#[test]
fn http() {
    replay(&targets::HTTP);
}

#[test]
fn websocket() {
    replay(&targets::WEBSOCKET);
}

#[test]
fn plugin_state() {
    replay(&targets::PLUGIN_STATE);
}
