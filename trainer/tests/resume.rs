//! A training that is killed at any moment ends with the same weights as one that never stopped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

mod common;
#[path = "resume/moved.rs"]
mod moved;
#[path = "common/passes.rs"]
mod passes;

use passes::assert_same_passes;

/// The folders of what is trained here.
const PARTS: [&str; 3] = ["fold-0", "fold-1", "final"];

fn command(recipe: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    command.arg("fit").arg(recipe).arg("--out").arg(out);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// What `fit` prints as the hash of all that was learnt.
fn learnt_hash(command: &mut Command) -> String {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let hash = text.lines().find_map(|line| line.strip_prefix("learnt: sha256 "));
    hash.unwrap_or_else(|| panic!("no hash: {text}")).to_owned()
}

fn resume(run: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    command.arg("fit").arg("--resume").arg(run).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// All files that say what was learnt, with their content.
fn learnt(run: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for part in PARTS {
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
    PARTS
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
    let unbroken = learnt_hash(&mut command(recipe, &whole));
    let mut kills = 0;
    for n in 0..20u64 {
        // Both ways to go on.
        let again = n % 2 == 1 && broken.join("recipe.toml").exists();
        let mut command = if again { resume(&broken) } else { command(recipe, &broken) };
        let mut child = command.spawn().unwrap();
        // Odd multiples of a few milliseconds: some kills hit a step, some a file being written.
        let alive = lived_until(&mut child, &broken, Duration::from_millis(n * 7 % 19));
        if alive {
            child.kill().unwrap();
            kills += 1;
        }
        child.wait().unwrap();
        if kills >= 6 || (kills >= 2 && !alive) {
            break;
        }
        if !alive {
            // It had come to its end before it was looked at.
            std::fs::remove_dir_all(&broken).unwrap();
            kills = 0;
        }
    }
    assert!(kills >= 2, "the training is too short to be killed");
    assert_eq!(learnt_hash(&mut resume(&broken)), unbroken);
    for ((path, whole), (_, broken)) in learnt(&whole).iter().zip(learnt(&broken)) {
        assert!(*whole == broken, "{} differs after {kills} kills", path.display());
    }
    for part in PARTS {
        assert_same_passes(&whole.join(part), &broken.join(part));
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

/// A recipe of a network over made rows.
fn recipe_of_rows(folder: &Path) -> PathBuf {
    let mut table = "a,b,c,plays\n".to_owned();
    for n in 0..160u32 {
        let x = n.wrapping_mul(2_654_435_761) >> 16 & 0xff;
        table += &format!("{x},{},{},{}\n", n % 7, n % 11, x + n % 50);
    }
    std::fs::write(folder.join("table.csv"), table).unwrap();
    let recipe = folder.join("recipe.toml");
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
        folder.join("table.csv")
    );
    std::fs::write(&recipe, text).unwrap();
    recipe
}

#[test]
fn a_network_on_rows() {
    let dir = tempfile::tempdir().unwrap();
    killed_and_unbroken_agree(&recipe_of_rows(dir.path()), dir.path());
}

#[test]
fn only_a_run_can_be_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let output = resume(&dir.path().join("none")).stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("nothing to go on with") && text.trim_end().lines().count() == 1,
        "{text}"
    );
}

/// As many trainings at a time as anybody likes learn the same.
#[test]
fn what_is_learnt_does_not_depend_on_how_many_train_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = recipe_of_rows(dir.path());
    let learnt = |name: &str, jobs: &[&str]| {
        let fast = ["--set", "budget.epochs=5"];
        learnt_hash(command(&recipe, &dir.path().join(name)).args(jobs).args(fast))
    };
    let alone = learnt("alone", &["--jobs", "1"]);
    assert_eq!(learnt("three", &["--jobs", "3"]), alone);
    assert_eq!(learnt("by-itself", &[]), alone);
    assert_ne!(learnt("other", &["--set", "seed=9"]), alone);
}

#[cfg(unix)]
#[test]
fn a_full_disk_loses_no_training() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = recipe_of_rows(dir.path());
    let run = dir.path().join("run");
    // No file may grow beyond so many kB: what a full disk answers, a write fails midway.
    let limited = |blocks: u32| {
        let mut shell = Command::new("bash");
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        shell.args(["-c", &line, "limited"]).stdout(Stdio::null());
        let inner = command(&recipe, &run);
        shell.arg(inner.get_program()).args(inner.get_args());
        shell
    };
    if !limited(1 << 20).arg("--help").status().is_ok_and(|status| status.success()) {
        common::skip::skip("a_full_disk_loses_no_training", "no bash that limits file sizes");
        return;
    }
    let complaint = |blocks: u32| {
        let output = limited(blocks).stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        let errors = text.lines().filter(|line| line.starts_with("error: ")).count();
        assert!(errors == 1 && text.contains("cannot write"), "{text}");
    };
    // No room for a checkpoint, or for nothing at all: nothing is left, either.
    for blocks in [8, 0] {
        complaint(blocks);
        assert!(!run.exists());
    }
    let unbroken = learnt_hash(&mut command(&recipe, &run));
    // The disk is full when all but the last training are done: they stay.
    std::fs::remove_dir_all(run.join("final")).unwrap();
    complaint(8);
    assert!(run.join("fold-1/outcome.json").exists() && !run.join("final/outcome.json").exists());
    let half = |folder: &Path| {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        names.filter(|e| e.file_name().to_string_lossy().starts_with(".writing-")).count()
    };
    assert_eq!(half(&run) + half(&run.join("final")), 0);
    assert_eq!(learnt_hash(&mut resume(&run)), unbroken);
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

/// What has been learnt from one file is not mixed with what another would have given.
#[test]
fn weights_that_changed_since_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let options = common::made_songs(dir.path());
    earworm_train::dataset::build::build(&options).unwrap();
    let recipe = dir.path().join("recipe.toml");
    let write_recipe = |more: &str| {
        let text = format!(
            r#"
            name = "started"
            [data]
            set = {:?}
            name = "made songs"
            group = "artist"
            window_frames = 64
            warm_up_frames = 16
            [[heads]]
            name = "liked"
            meaning = "liked by most"
            above = {{ column = "likes / votes", threshold = 0.5 }}
            [split]
            folds = 2
            [budget]
            epochs = 1
            [model]
            kind = "mobilenet-v2"
            width = 0.25
            {more}
            "#,
            options.out
        );
        std::fs::write(&recipe, text).unwrap();
    };
    write_recipe("");
    let scratch = dir.path().join("scratch");
    let from_scratch = learnt_hash(&mut command(&recipe, &scratch));

    let path = scratch.join("final").join("weights.safetensors");
    let mut tensors = candle_core::safetensors::load(path, &candle_core::Device::Cpu).unwrap();
    tensors.retain(|name, _| name != "mean" && name != "deviation");
    let weights = dir.path().join("learnt.safetensors");
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    write_recipe(&format!("weights = {weights:?}"));
    let run = dir.path().join("run");
    let started = learnt_hash(&mut command(&recipe, &run));
    assert_ne!(started, from_scratch);
    assert_eq!(learnt_hash(&mut resume(&run)), started);

    let first = tensors.get_mut("features.0.0.weight").unwrap();
    *first = (&*first * 2.0).unwrap();
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    for mut again in [command(&recipe, &run), resume(&run)] {
        let output = again.stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("the file of model.weights has changed since"), "{text}");
    }
    // Gone, it is not missed: all that was taken from it is in the run.
    std::fs::remove_file(&weights).unwrap();
    assert_eq!(learnt_hash(&mut resume(&run)), started);
}

/// Two trainings in one folder would take each other's weights.
#[test]
fn a_folder_is_trained_by_one_process_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = recipe_of_rows(dir.path());
    let run = dir.path().join("run");
    let whole = learnt_hash(&mut command(&recipe, &dir.path().join("whole")));
    let mut child = command(&recipe, &run).spawn().unwrap();
    assert!(lived_until(&mut child, &run, Duration::ZERO), "it was over at once");
    for mut again in [command(&recipe, &run), resume(&run)] {
        let output = again.stderr(Stdio::piped()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains("being trained by another process"), "{text}");
    }
    assert!(child.wait().unwrap().success());
    assert_eq!(learnt_hash(&mut resume(&run)), whole);
}

/// What decides only whether a last model follows does not make a checkpoint another's.
#[test]
fn a_last_model_may_be_asked_for_later() {
    let dir = tempfile::tempdir().unwrap();
    let recipe = recipe_of_rows(dir.path());
    let whole = learnt_hash(&mut command(&recipe, &dir.path().join("whole")));
    let run = dir.path().join("run");
    let mut child = command(&recipe, &run).args(["--set", "split.last=false"]).spawn().unwrap();
    assert!(lived_until(&mut child, &run, Duration::ZERO), "it was over at once");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(learnt_hash(&mut command(&recipe, &run)), whole);
}
