//! The memory that training takes does not grow with the data set: frames stay on disk.
//!
//! What is counted is what the program holds on its heap. Mapped frames are the system's to drop, and
//! are not counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use earworm_train::dataset::build::{BuildOptions, build};
use earworm_train::fit::{Ended, FitOptions, fit};
use earworm_train::recipe::Recipe;
use earworm_train::report::evaluate;

mod common;

struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything on to the system's allocator and only counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(held, Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FRONT_END: &str = r#"
    sample_rate = 16000
    n_fft = 256
    hop = 64
    n_mels = 64
    mel_scale = "slaney"
    mel_norm = "slaney"
    f_min = 50.0
    f_max = 7000.0
    amin = 1e-10
    level = { kind = "running_mean", gate_db = -70.0, floor_db = 50.0 }
"#;

/// A data set with `copies` of each song, and the bytes of its frames.
fn data_set(folder: &Path, copies: u32) -> (BuildOptions, usize) {
    let mut options = common::made_songs(folder);
    let mut manifest = "track_id,file,artist,votes,likes\n".to_owned();
    for n in 0..24 * copies {
        let (song, likes) = (n % 24, if (n / 2) % 2 == 0 { 16 } else { 3 });
        manifest += &format!("{n},{song}.wav,artist {},20,{likes}\n", n / 2);
    }
    options.manifest = folder.join(format!("tracks-{copies}.csv"));
    options.out = folder.join(format!("set-{copies}"));
    std::fs::write(&options.manifest, manifest).unwrap();
    std::fs::write(folder.join("front_end.toml"), FRONT_END).unwrap();
    build(&options).unwrap();
    let shards = std::fs::read_dir(options.out.join("shards")).unwrap();
    let bytes = shards.map(|shard| shard.unwrap().metadata().unwrap().len()).sum::<u64>();
    (options, bytes as usize)
}

/// The most that training and evaluating held at any time.
fn peak_of_training(options: &BuildOptions, run: &Path) -> usize {
    let text = format!(
        r#"
        name = "songs"
        [data]
        set = {:?}
        name = "made songs"
        group = "artist"
        window_frames = 200
        warm_up_frames = 16
        [[heads]]
        name = "liked"
        meaning = "share of listeners who pressed like"
        share = {{ count = "likes", of = "votes", prior = 2.0 }}
        [model]
        kind = "mean-lstm"
        hidden = 4
        layers = 1
        head = [4]
        dropout = 0.0
        [split]
        folds = 2
        [optimiser]
        learning_rate = 0.01
        [budget]
        epochs = 2
        batch = 8
        patience = 2
        positions = 1
        "#,
        options.out
    );
    let path = run.with_extension("toml");
    std::fs::write(&path, text).unwrap();
    let recipe = Recipe::load(&path, &[]).unwrap();
    let before = HELD.load(Relaxed);
    PEAK.store(before, Relaxed);
    assert_eq!(fit(&recipe, run, &FitOptions::default()).unwrap(), Ended::Finished);
    evaluate(run).unwrap();
    PEAK.load(Relaxed) - before
}

#[test]
fn training_holds_no_more_of_a_larger_data_set() {
    let dir = tempfile::tempdir().unwrap();
    let (small, small_bytes) = data_set(dir.path(), 1);
    let (large, large_bytes) = data_set(dir.path(), 8);
    let added_frames = large_bytes - small_bytes;
    let of_small = peak_of_training(&small, &dir.path().join("small"));
    let of_large = peak_of_training(&large, &dir.path().join("large"));
    eprintln!(
        "peak {of_small} bytes with {small_bytes} bytes of frames, {of_large} with {large_bytes}"
    );
    // What stays for each song is its row of the manifest and its predictions.
    assert!(of_large < of_small + added_frames / 50);
}
