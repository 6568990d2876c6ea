//! The examples for clusters.

use std::path::{Path, PathBuf};
use std::process::Command;

use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::{BuildOptions, build};

use crate::made_songs;
use crate::skip::skip;

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path)
}

/// The options that `earworm-train dataset NAME` has.
fn options_of(name: &str) -> Vec<String> {
    use clap::Subcommand;
    use earworm_train::dataset_cli::DatasetCommand;
    let command = DatasetCommand::augment_subcommands(clap::Command::new("dataset"));
    let command = command.find_subcommand(name).unwrap_or_else(|| panic!("no command {name}"));
    command.get_arguments().filter_map(|a| Some(format!("--{}", a.get_long()?))).collect()
}

#[test]
fn the_examples_use_options_that_exist() {
    for path in ["slurm/dataset.sbatch", "kubernetes/dataset-job.yaml"] {
        let text = std::fs::read_to_string(example(path)).unwrap();
        let commands: Vec<&str> = text.split("earworm-train dataset ").skip(1).collect();
        assert!(commands.len() >= 2, "{path}");
        for command in commands {
            let words: Vec<&str> = command.split_whitespace().collect();
            // What follows until the command ends: in both files at an empty or outdented line.
            let end = words.iter().position(|word| matches!(*word, "fi" | "resources:"));
            let known = options_of(words[0]);
            let used = words[..end.unwrap_or(words.len())]
                .iter()
                .filter_map(|word| word.find("--").map(|at| &word[at..]))
                .map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()));
            let used: Vec<&str> = used.collect();
            assert!(!used.is_empty(), "{path}: {command}");
            for option in used {
                assert!(known.iter().any(|name| name == option), "{path}: {option}");
            }
        }
    }
}

#[test]
#[cfg_attr(not(unix), ignore = "it is a script for bash")]
fn the_slurm_example_builds_and_merges() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    // Without the song that is not there.
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    let there: Vec<&str> = text.lines().filter(|line| !line.starts_with("gone")).collect();
    std::fs::write(&options.manifest, there.join("\n")).unwrap();
    let script = example("slurm/dataset.sbatch");
    let program = Path::new(env!("CARGO_BIN_EXE_earworm-train")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let run = |task: &str, arguments: &[&str]| {
        let output = Command::new("bash")
            .arg(&script)
            .args(arguments)
            .env("PATH", &path)
            .env("MANIFEST", &options.manifest)
            .env("AUDIO", &options.audio)
            .env("OUT", dir.path().join("sets"))
            .env("SHARDS", "3")
            .env("SLURM_ARRAY_TASK_ID", task)
            .env("SLURM_CPUS_PER_TASK", "2")
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for task in ["0", "1", "2"] {
        let (fine, text) = run(task, &[]);
        assert!(fine, "{text}");
    }
    let (fine, text) = run("", &["merge"]);
    assert!(fine, "{text}");
    build(&BuildOptions { front_end: None, ..options.clone() }).unwrap();
    let merged = Dataset::open(&dir.path().join("sets/merged")).unwrap();
    assert_eq!(merged.sha256, Dataset::open(&options.out).unwrap().sha256);
}

#[test]
fn the_kubernetes_example_is_yaml_of_two_jobs() {
    let script = "import sys, yaml, json\n\
                  print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let named = std::env::var_os("EARWORM_PYTHON").map(PathBuf::from);
    let cached = std::env::home_dir().map(|home| home.join(".cache/earworm/venv/bin/python"));
    let pythons = [named, cached, Some(PathBuf::from("python3"))];
    let output = pythons.into_iter().flatten().find_map(|python| {
        let probe = Command::new(&python).args(["-c", "import yaml"]).output().ok()?;
        let file = example("kubernetes/dataset-job.yaml");
        let run = || Command::new(&python).args(["-c", script]).arg(file).output().unwrap();
        probe.status.success().then(run)
    });
    let Some(output) = output else {
        skip("the_kubernetes_example_is_yaml_of_two_jobs", "no Python with PyYAML");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let jobs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let [build, merge] = jobs.as_array().unwrap().as_slice() else { panic!("{jobs}") };
    assert_eq!(build["spec"]["completionMode"], "Indexed");
    for job in [build, merge] {
        assert_eq!((&job["kind"], &job["apiVersion"]), (&"Job".into(), &"batch/v1".into()));
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        let shards = container["env"][0]["value"].as_str().unwrap();
        assert_eq!(shards, build["spec"]["completions"].to_string());
        assert!(container["args"][0].as_str().unwrap().contains("earworm-train dataset"));
    }
}
