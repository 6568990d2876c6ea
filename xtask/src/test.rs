//! `cargo xtask test`: what CI runs on Linux, in order, up to the first failure. CI runs Miri, the fuzzers and
//! cargo-deny beside it, and on macOS and Windows the tests that can be run there ([`PORTABLE`]).

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cli::TestArgs;
use crate::sanitizer;
use crate::steps::Steps;
use crate::system;
use crate::venv;
use crate::workspace::{Workspace, shown, succeed, succeeds};

/// Integration tests that other systems can run: all that do not take minutes, or need a browser, a sound server,
/// Python or a shell.
const PORTABLE: [&str; 37] = [
    "listen",
    "score",
    "pass_through",
    "real_time",
    "transport",
    "vst3_offline",
    "bad_models",
    "chained_ogg",
    "features",
    "figures",
    "formats",
    "golden",
    "lanes",
    "live",
    "resets",
    "scoring",
    "session_states",
    "tap_no_alloc",
    "daemon_config",
    "daemon_history",
    "daemon_http",
    "daemon_messages",
    "daemon_songs",
    "docs_commands",
    "plugin_clap",
    "plugin_clap_buffers",
    "bad_input",
    "dataset",
    "defaults",
    "descriptors",
    "evaluation",
    "fetch",
    "interrupt",
    "networks",
    "pipeline",
    "resume",
    "stretches",
];

/// Names a file to which tests add a line, `test: why`, when they leave out what this machine cannot do.
const SKIPS: &str = "EARWORM_SKIPS";

/// Leaves a test of this program out, as a tool is not there.
#[cfg(all(test, target_os = "linux"))]
pub(crate) fn skip(test: &str, tool: &str) {
    let Some(file) = std::env::var_os(SKIPS) else { return };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(file);
    let _ = file.and_then(|mut file| writeln!(file, "{test}: no {tool}"));
}

/// The arguments of `cargo test` for unit tests and for [`PORTABLE`].
pub(crate) fn portable() -> Vec<&'static str> {
    let tests = PORTABLE.iter().flat_map(|test| ["--test", *test]);
    ["--lib", "--bins"].into_iter().chain(tests).collect()
}

/// Does it.
pub(crate) fn test(workspace: &Workspace, args: TestArgs) -> Result<ExitCode> {
    if args.list_portable {
        println!("{}", portable().join(" "));
        return Ok(ExitCode::SUCCESS);
    }
    let mut steps = Steps::default();
    let mut tests = Counts::default();
    let result = all_steps(workspace, args, &mut steps, &mut tests);
    print!("{}", steps.summary());
    // Alone on its line and last, for people and for whatever reads the log.
    for skip in &tests.skips {
        println!("skipped: {skip}");
    }
    // A test that leaves everything out passes for its harness.
    let skipped = tests.ignored + tests.skips.len() as u64;
    let passed = tests.passed.saturating_sub(tests.skips.len() as u64);
    println!("{passed} passed, {} failed, {skipped} skipped", tests.failed);
    result.map(|()| ExitCode::SUCCESS)
}

fn all_steps(
    workspace: &Workspace,
    args: TestArgs,
    steps: &mut Steps,
    tests: &mut Counts,
) -> Result<()> {
    steps.step("system packages", || system::ensure(&system::for_plugin()))?;
    if args.quick {
        steps.skip("sound server, bus, browser and screen for the tests", "--quick");
    } else {
        steps.step("sound server, bus, browser and screen for the tests", || {
            system::ensure(&system::for_editor_tests())?;
            system::ensure_if_possible(&system::for_daemon_tests());
            Ok(())
        })?;
    }
    let variables = sanitizer::variables()?;
    if variables.is_none() {
        steps.skip("real-time sanitizer", "this toolchain has no runtime of it; rustup's have");
    }
    let workspace = &workspace.with(variables.unwrap_or_default());
    component(workspace, steps, "rustfmt", "format", &["fmt", "--all", "--check"])?;
    let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    component(workspace, steps, "clippy", "lints", &clippy)?;
    let python = if args.quick {
        steps.skip("Python for the reference checks", "--quick");
        None
    } else {
        Some(steps.step("Python for the reference checks", || reference_python(workspace))?)
    };
    // Programs and tests together, as the end-to-end tests do it too: see there.
    steps.step("build", || {
        succeed(&mut workspace.cargo(["build", "--workspace", "--bins", "--tests"]))
    })?;
    steps.step("tests, then doc tests", || {
        let mut cargo = workspace.cargo(["test", "--workspace", "--no-fail-fast"]);
        match &python {
            Some(python) => cargo.env(venv::NAMED, python),
            None => cargo.env_remove(venv::NAMED),
        };
        let skips = workspace.target.join("tmp/skips.txt");
        std::fs::create_dir_all(workspace.target.join("tmp"))?;
        std::fs::write(&skips, "")?;
        let result = count_tests(cargo.env(SKIPS, &skips), &mut std::io::stdout(), tests);
        tests.skips = std::fs::read_to_string(&skips)?.lines().map(str::to_owned).collect();
        result
    })?;
    if args.quick {
        steps.skip("documentation", "--quick");
        return Ok(());
    }
    steps.step("documentation", || {
        let mut cargo = workspace.cargo(["doc", "--workspace", "--no-deps"]);
        succeed(cargo.env("RUSTDOCFLAGS", "-D warnings"))
    })
}

/// A step that takes a component of the toolchain, left out where that is not installed.
fn component(
    workspace: &Workspace,
    steps: &mut Steps,
    component: &str,
    title: &'static str,
    args: &[&str],
) -> Result<()> {
    if succeeds(&mut workspace.cargo([args[0], "--version"])) {
        steps.step(title, || succeed(&mut workspace.cargo(args.iter().copied())))
    } else {
        steps.skip(
            title,
            &format!("no {component}; add it with `rustup component add {component}`"),
        );
        Ok(())
    }
}

/// The interpreter that EARWORM_PYTHON names, or one made for the purpose.
fn reference_python(workspace: &Workspace) -> Result<PathBuf> {
    let requirements = workspace.root.join("tests/python/requirements.txt");
    venv::named_or_made(&workspace.target.join("pyref"), &requirements)
}

/// How many tests ended how.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// What tests left out, and why.
    skips: Vec<String>,
}

impl Counts {
    /// Adds what a closing line of a test program says; any other line says nothing.
    fn add(&mut self, line: &str) {
        let Some((_, counts)) =
            line.strip_prefix("test result: ").and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, what)) = count.split_once(' ') else { continue };
            let Ok(number) = number.parse::<u64>() else { continue };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// Runs `cargo test`, passes on what it prints and adds up its closing lines.
fn count_tests(cargo: &mut Command, shown_on: &mut impl Write, tests: &mut Counts) -> Result<()> {
    let mut child = cargo
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(cargo)))?;
    let output = BufReader::new(child.stdout.take().expect("it was piped"));
    for line in output.split(b'\n') {
        let line = line?;
        shown_on.write_all(&line)?;
        shown_on.write_all(b"\n")?;
        tests.add(&String::from_utf8_lossy(&line));
    }
    let status = child.wait()?;
    ensure!(status.success(), "{} failed ({status})", shown(cargo));
    ensure!(tests.passed > 0, "{} ran no test", shown(cargo));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portable_tests_exist() {
        let root = Workspace::find().unwrap().root;
        let packages = ["scorer", "daemon", "trainer", "plugin", "tests"];
        for test in PORTABLE {
            let exists = packages.iter().any(|package| {
                let folder = root.join(package).join("tests");
                folder.join(test).join("main.rs").exists()
                    || folder.join(test).with_extension("rs").exists()
            });
            assert!(exists, "there is no test {test}");
        }
        assert!(portable().starts_with(&["--lib", "--bins", "--test", PORTABLE[0]]));
    }

    #[test]
    fn closing_lines_add_up() {
        let mut counts = Counts::default();
        for line in [
            "running 14 tests",
            "test result: ok. 12 passed; 0 failed; 2 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            "test a_result: ok. 5 passed; ... FAILED",
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s",
        ] {
            counts.add(line);
        }
        assert_eq!((counts.passed, counts.failed, counts.ignored), (13, 2, 2));
    }

    #[cfg(unix)]
    #[test]
    fn output_is_counted_and_failure_is_failure() {
        let count = |script: &str| {
            let (mut counts, mut shown) = (Counts::default(), Vec::new());
            count_tests(Command::new("sh").args(["-c", script]), &mut shown, &mut counts)
                .map(|()| (counts.passed, shown))
        };
        let line = "test result: ok. 3 passed; 0 failed";
        let (passed, shown) = count(&format!("echo '{line}'")).unwrap();
        assert_eq!((passed, shown), (3, format!("{line}\n").into_bytes()));
        assert!(count(&format!("echo '{line}'; exit 101")).is_err());
        assert!(count("true").is_err(), "no test ran");
    }
}
