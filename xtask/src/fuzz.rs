//! `cargo xtask fuzz`: looks for inputs that break what reads them, with cargo-fuzz.

mod found;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cli::FuzzArgs;
use crate::system;
use crate::workspace::{Workspace, output, shown, succeed, succeeds};
use found::Found;

/// libFuzzer's instrumentation is a compiler's that is not released.
const TOOLCHAIN: &str = "+nightly";

/// Seconds that one input may take. All are small.
const SLOWEST_S: u32 = 10;
/// Most memory of a fuzzed program. A model may have 2 GiB of tensors; the rest is libFuzzer's own.
const MOST_MIB: u32 = 3 << 10;
/// Largest inputs, in bytes: longer ones find little more and take longer.
const LARGEST: u32 = 16 << 10;

/// Does it.
pub(crate) fn fuzz(workspace: &Workspace, args: FuzzArgs) -> Result<ExitCode> {
    let fuzzing = Fuzzing::prepare(workspace)?;
    let known = fuzzing.targets()?;
    let targets = match args.target {
        Some(target) => {
            let all = known.join(", ");
            ensure!(known.contains(&target), "there is no target {target:?} (there are {all})");
            vec![target]
        }
        None => known,
    };
    succeed(&mut fuzzing.cargo_fuzz("build", &[]))?;
    let mut all = Vec::new();
    for target in &targets {
        println!("\n=== {target}, {} s", args.seconds);
        let found = fuzzing.run(target, args.seconds)?;
        println!("--- {}", found.line(target));
        all.push(found);
        if args.keep {
            fuzzing.minimise(target)?;
        }
    }
    println!("\n=== summary");
    for (target, found) in targets.iter().zip(&all) {
        println!("  {}", found.line(target));
    }
    let faults: Vec<&PathBuf> = all.iter().flat_map(|found| &found.faults).collect();
    for fault in &faults {
        println!("found: {}", fault.display());
    }
    if faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "Mend what is wrong, give each file a name that says what it is, and put it into \
         tests/fuzz/crashes/TARGET: it is a test from then on."
    );
    Ok(ExitCode::FAILURE)
}

/// Where everything lies.
struct Fuzzing<'a> {
    workspace: &'a Workspace,
    /// The crate of the fuzzed programs.
    package: PathBuf,
    /// Where what is found is kept.
    cache: PathBuf,
}

impl<'a> Fuzzing<'a> {
    /// Makes sure that all tools are there.
    fn prepare(workspace: &'a Workspace) -> Result<Self> {
        system::ensure(&system::for_plugin())?;
        if !succeeds(Command::new("cargo").args([TOOLCHAIN, "--version"])) {
            let mut rustup = Command::new("rustup");
            rustup.args(["toolchain", "install", "nightly", "--profile", "minimal"]);
            succeed(&mut rustup).context("fuzzing needs the nightly compiler, from rustup")?;
        }
        if !succeeds(Command::new("cargo").args([TOOLCHAIN, "fuzz", "--version"])) {
            succeed(Command::new("cargo").args(["install", "--locked", "cargo-fuzz"]))?;
        }
        let package = workspace.root.join("tests/fuzz");
        // The same versions as everything else; what the fuzzer needs besides, cargo adds.
        std::fs::copy(workspace.root.join("Cargo.lock"), package.join("Cargo.lock"))
            .context("cannot copy Cargo.lock into tests/fuzz")?;
        Ok(Self { workspace, package, cache: cache()?.join("earworm/fuzz") })
    }

    fn targets(&self) -> Result<Vec<String>> {
        let names = output(&mut self.cargo_fuzz("list", &[]))?;
        Ok(String::from_utf8(names)?.lines().map(str::to_owned).collect())
    }

    /// A call of cargo-fuzz.
    fn cargo_fuzz(&self, task: &str, args: &[&str]) -> Command {
        // Not the cargo that runs this: that one has its toolchain chosen already.
        let mut cargo = Command::new("cargo");
        cargo.args([TOOLCHAIN, "fuzz", task]).current_dir(&self.workspace.root);
        cargo.env_remove("RUSTUP_TOOLCHAIN").arg("--fuzz-dir").arg(&self.package);
        if task != "list" {
            // Safe code for the most part: a sanitizer of addresses would halve the speed.
            cargo.args(["--sanitizer", "none", "--target-dir"]);
            cargo.arg(self.workspace.target.join("fuzz"));
        }
        cargo.args(args);
        cargo
    }

    /// The folder of a target's inputs that were found, made if need be.
    fn folder(&self, kind: &str, target: &str) -> Result<PathBuf> {
        let folder = self.cache.join(kind).join(target);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// A run of a fuzzed program on folders of inputs.
    fn program(&self, target: &str, folders: &[&Path], flags: &[String]) -> Command {
        let mut command = self.cargo_fuzz("run", &[target]);
        command.args(folders).arg("--").args(flags);
        command.args([
            format!("-timeout={SLOWEST_S}"),
            format!("-rss_limit_mb={MOST_MIB}"),
            format!("-max_len={LARGEST}"),
        ]);
        command
    }

    fn run(&self, target: &str, seconds: u32) -> Result<Found> {
        let (corpus, faults) = (self.folder("corpus", target)?, self.folder("found", target)?);
        let seeds = [self.package.join("corpus"), self.package.join("crashes")];
        let seeds: Vec<PathBuf> = seeds
            .iter()
            .map(|folder| folder.join(target))
            .filter(|folder| folder.exists())
            .collect();
        let folders: Vec<&Path> =
            std::iter::once(&corpus).chain(&seeds).map(PathBuf::as_path).collect();
        let dictionary = self.package.join("dictionaries").join(target).with_extension("dict");
        let dictionary = dictionary.exists().then(|| format!("-dict={}", dictionary.display()));
        let flags = [
            format!("-max_total_time={seconds}"),
            format!("-artifact_prefix={}/", faults.display()),
            "-print_final_stats=1".to_owned(),
        ];
        let flags: Vec<String> = flags.into_iter().chain(dictionary).collect();
        let mut command = self.program(target, &folders, &flags);
        let mut child = command
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", shown(&command)))?;
        let mut found = Found::default();
        let lines = BufReader::new(child.stderr.take().expect("it was piped"));
        for line in lines.split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            if !found.add(&line) {
                eprintln!("{line}");
            }
        }
        let status = child.wait()?;
        ensure!(
            status.success() || !found.faults.is_empty(),
            "{} failed ({status}), but wrote no input",
            shown(&command)
        );
        ensure!(found.executions > 0, "{} has tried no input", shown(&command));
        Ok(found)
    }

    /// Keeps of the inputs found those that show something new.
    fn minimise(&self, target: &str) -> Result<()> {
        let corpus = self.folder("corpus", target)?;
        // Here they lie if this was stopped in the middle.
        let former = self.folder("former", target)?;
        let before = std::fs::read_dir(&corpus)?.count() + std::fs::read_dir(&former)?.count();
        // What that one has kept stays, too.
        let kept = self.folder("kept", target)?;
        let merge = ["-merge=1".to_owned()];
        succeed(&mut self.program(target, &[&kept, &corpus, &former], &merge))?;
        replace(&corpus, &kept, &former)?;
        println!("kept {} of {before} inputs of {target}", std::fs::read_dir(&corpus)?.count());
        Ok(())
    }
}

/// Gives a folder's place to `kept`, which has all that is worth keeping of it and of `former`. Until that is done it
/// is `former`, so that nothing is lost whenever this is stopped.
fn replace(corpus: &Path, kept: &Path, former: &Path) -> Result<()> {
    std::fs::remove_dir_all(former)?;
    std::fs::rename(corpus, former)?;
    std::fs::rename(kept, corpus).with_context(|| {
        format!("the inputs are in {}, as their place cannot be taken", former.display())
    })?;
    Ok(std::fs::remove_dir_all(former)?)
}

/// The user's folder for what can be made again.
fn cache() -> Result<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    named
        .filter(|path| path.is_absolute())
        .or_else(|| Some(std::env::home_dir()?.join(".cache")))
        .context("there is no home folder to keep the inputs in; set XDG_CACHE_HOME")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_there_until_others_are_in_their_place() {
        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| dir.path().join(name);
        let (corpus, kept, former) = (folder("corpus"), folder("kept"), folder("former"));
        for (folder, file) in [(&corpus, "all"), (&kept, "some"), (&former, "older")] {
            std::fs::create_dir(folder).unwrap();
            std::fs::write(folder.join(file), "input").unwrap();
        }
        replace(&corpus, &kept, &former).unwrap();
        assert!(corpus.join("some").exists() && !corpus.join("all").exists());
        assert!(!kept.exists() && !former.exists());

        std::fs::create_dir(&former).unwrap();
        let error = format!("{:#}", replace(&corpus, &kept, &former).unwrap_err());
        assert!(former.join("some").exists(), "what could not be replaced is lost");
        assert!(error.contains("former"), "{error}");
    }
}
