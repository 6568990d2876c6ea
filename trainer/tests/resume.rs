//! A training that is killed at any moment ends with the same weights as one that never stopped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

mod common;

fn command(recipe: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    command.arg("fit").arg(recipe).arg("--out").arg(out);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// All files that say what was learnt, with their content.
fn learnt(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for part in ["fold-0", "fold-1", "final"] {
        for name in ["weights.safetensors", "predictions.csv"] {
            let path = Path::new(part).join(name);
            let content = std::fs::read(run.join(&path)).unwrap();
            files.push((path, content));
        }
    }
    files
}

/// Something that changes whenever a training gets on: the checkpoints' and outcomes' times.
fn progress(run: &Path) -> Vec<std::time::SystemTime> {
    ["fold-0", "fold-1", "final"]
        .iter()
        .flat_map(|part| ["checkpoint.safetensors", "outcome.json"].map(|f| run.join(part).join(f)))
        .filter_map(|path| std::fs::metadata(path).ok()?.modified().ok())
        .collect()
}

/// Waits until the training has got on and `extra` has passed; `false` when it ended before that.
fn lived_until(child: &mut Child, run: &Path, extra: Duration) -> bool {
    let before = progress(run);
    let mut moved: Option<Instant> = None;
    loop {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        if moved.is_none() && progress(run) != before {
            moved = Some(Instant::now());
        }
        if moved.is_some_and(|at| at.elapsed() >= extra) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn killed_and_unbroken_agree(recipe: &Path, folder: &Path) {
    let (whole, broken) = (folder.join("whole"), folder.join("broken"));
    assert!(command(recipe, &whole).status().unwrap().success());
    let mut kills = 0;
    for n in 0..6u64 {
        let mut child = command(recipe, &broken).spawn().unwrap();
        // Odd multiples of a few milliseconds: some kills hit a step, some a file being written.
        if lived_until(&mut child, &broken, Duration::from_millis(n * 7 % 19)) {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
    }
    assert!(kills >= 2, "the training is too short to be killed");
    assert!(command(recipe, &broken).status().unwrap().success());
    for ((path, whole), (_, broken)) in learnt(&whole).iter().zip(learnt(&broken)) {
        assert!(*whole == broken, "{} differs after {kills} kills", path.display());
    }
}

const TRAINING: &str = r#"
    [split]
    folds = 2
    [optimiser]
    learning_rate = 0.01
    averaging = 0.9
    [schedule]
    kind = "cosine"
    warm_up = 0.1
    [budget]
    epochs = 40
    batch = 8
    patience = 40
    positions = 3
"#;

#[test]
fn a_network_on_rows() {
    let dir = tempfile::tempdir().unwrap();
    let mut table = "a,b,c,plays\n".to_owned();
    for n in 0..160u32 {
        let x = n.wrapping_mul(2_654_435_761) >> 16 & 0xff;
        table += &format!("{x},{},{},{}\n", n % 7, n % 11, x + n % 50);
    }
    std::fs::write(dir.path().join("table.csv"), table).unwrap();
    let recipe = dir.path().join("recipe.toml");
    let text = format!(
        r#"
        name = "rows"
        [data]
        table = {:?}
        name = "made rows"
        drop = ["plays"]
        [[heads]]
        name = "played"
        meaning = "played more than the median"
        above = {{ column = "plays", quantile = 0.5 }}
        [model]
        kind = "mlp"
        widths = [32, 32]
        dropout = 0.2
        {TRAINING}
        "#,
        dir.path().join("table.csv")
    );
    std::fs::write(&recipe, text).unwrap();
    killed_and_unbroken_agree(&recipe, dir.path());
}

#[test]
fn an_lstm_on_songs() {
    let dir = tempfile::tempdir().unwrap();
    let options = common::made_songs(dir.path());
    earworm_train::dataset::build::build(&options).unwrap();
    let recipe = dir.path().join("recipe.toml");
    let text = format!(
        r#"
        name = "songs"
        [data]
        set = {:?}
        name = "made songs"
        group = "artist"
        window_frames = 64
        warm_up_frames = 16
        [[heads]]
        name = "liked"
        meaning = "share of listeners who pressed like"
        share = {{ count = "likes", of = "votes", prior = 2.0 }}
        [model]
        kind = "mean-lstm"
        hidden = 12
        layers = 2
        head = [8]
        dropout = 0.2
        {TRAINING}
        [augmentation]
        gain_db = 6.0
        time_masks = 1
        time_mask_frames = 4
        mixup = 0.3
        "#,
        options.out
    );
    std::fs::write(&recipe, text).unwrap();
    killed_and_unbroken_agree(&recipe, dir.path());
}
