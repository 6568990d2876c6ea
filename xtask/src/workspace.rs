//! Where things lie, and how cargo is called.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The checkout that this runs in.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Folder that cargo builds into.
    pub(crate) target: PathBuf,
    /// Set for every call of cargo.
    variables: Vec<(&'static str, OsString)>,
}

impl Workspace {
    /// Asks cargo.
    ///
    /// The path is not taken at build time: builds of two checkouts may share a target folder.
    pub(crate) fn find() -> Result<Self> {
        let mut cargo = cargo();
        cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
        if let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR") {
            cargo.arg("--manifest-path").arg(Path::new(&package).join("Cargo.toml"));
        }
        let metadata: Value = serde_json::from_slice(&output(&mut cargo)?)?;
        let path = |key: &str| {
            let path = metadata[key].as_str().with_context(|| format!("cargo gave no {key}"))?;
            anyhow::Ok(PathBuf::from(path))
        };
        let (root, target) = (path("workspace_root")?, path("target_directory")?);
        Ok(Self { root, target, variables: Vec::new() })
    }

    /// The same, with these variables set for every call of cargo: a build's own are asked for by its
    /// scripts, so that calls with and without would undo each other's work.
    pub(crate) fn with(&self, variables: Vec<(&'static str, OsString)>) -> Self {
        Self { root: self.root.clone(), target: self.target.clone(), variables }
    }

    /// A call of cargo in the workspace.
    pub(crate) fn cargo<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Command {
        let mut cargo = cargo();
        cargo.args(args).current_dir(&self.root).envs(self.variables.iter().cloned());
        cargo
    }

    /// The song that comes with the project.
    pub(crate) fn demo(&self) -> PathBuf {
        self.root.join("demo/demo.ogg")
    }

    /// Builds a program in release, in view of the user, and tells where it is.
    pub(crate) fn release_program(&self, package: &str) -> Result<PathBuf> {
        executable(&self.build_release("build", ["--bin", package], &[])?, package)
    }

    /// Builds a benchmark as `cargo bench` does and tells where it is.
    pub(crate) fn bench_program(&self, name: &str) -> Result<PathBuf> {
        executable(&self.build_release("bench", ["--bench", name], &[])?, name)
    }

    /// The same with the trainer's feature `cuda`, in a folder of its own: in the usual one each would undo
    /// what the other has built.
    pub(crate) fn bench_program_on_gpu(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join("cuda/build").display().to_string();
        let features = ["--features", "earworm-train/cuda", "--target-dir", &folder];
        executable(&self.build_release("bench", ["--bench", name], &features)?, name)
    }

    /// Builds a program in release and tells where the dynamic library is that its package makes.
    pub(crate) fn release_library(&self, program: &str, library: &str) -> Result<PathBuf> {
        let messages = self.build_release("build", ["--bin", program], &[])?;
        let files = messages
            .iter()
            .filter(|message| message["target"]["name"] == library)
            .filter_map(|message| message["filenames"].as_array())
            .flatten();
        files
            .filter_map(|file| file.as_str().map(PathBuf::from))
            .find(|file| {
                file.extension()
                    .is_some_and(|extension| extension == std::env::consts::DLL_EXTENSION)
            })
            .with_context(|| format!("cargo built {program}, but no library {library}"))
    }

    /// Builds a program (`build`) or a benchmark (`bench`) in release and gives cargo's messages about
    /// what it made.
    fn build_release(
        &self,
        command: &str,
        [kind, name]: [&str; 2],
        more: &[&str],
    ) -> Result<Vec<Value>> {
        eprintln!("building {name} in release; the first time takes a few minutes");
        // The whole workspace is selected so that dependencies have the same features, and are built
        // once, whichever command comes first; only this program and what it needs is built.
        let optimised = if command == "bench" { "--no-run" } else { "--release" };
        let mut build = self.cargo([command, optimised, "--workspace", kind, name]);
        build.args(more).arg("--message-format=json-render-diagnostics").stderr(Stdio::inherit());
        let messages = String::from_utf8(output(&mut build)?)?;
        Ok(messages
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|message| message["reason"] == "compiler-artifact")
            .collect())
    }
}

/// The program of that name among what cargo made.
fn executable(messages: &[Value], name: &str) -> Result<PathBuf> {
    messages
        .iter()
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .with_context(|| format!("cargo built {name}, but no program of that name"))
}

fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a command and fails unless it succeeds.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    ensure!(status.success(), "{} failed ({status})", shown(command));
    Ok(())
}

/// Whether a command can be run and succeeds; what it prints is of no interest.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What a command prints; fails with its complaint unless it succeeds.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("{} failed ({})\n{}", shown(command), output.status, complaint.trim_end());
    }
    Ok(output.stdout)
}

/// A command as one would type it, its program without folders.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_is_this_one() {
        let workspace = Workspace::find().unwrap();
        assert!(workspace.root.join("xtask/src/workspace.rs").is_file());
        assert!(workspace.demo().is_file());
    }

    #[cfg(unix)]
    #[test]
    fn a_failing_command_is_named_with_its_complaint() {
        let error = output(Command::new("/bin/sh").args(["-c", "echo so >&2; exit 3"]));
        let message = format!("{:#}", error.unwrap_err());
        assert!(message.starts_with("sh -c echo so") && message.ends_with("so"), "{message}");
    }
}
