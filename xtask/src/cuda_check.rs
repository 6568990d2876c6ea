//! `cargo xtask cuda-check`: whether `earworm-train` builds with the feature `cuda`, on a machine without
//! a GPU, a driver or a CUDA toolkit.
//!
//! The toolkit comes from PyPI. As packages there lack what a linker looks for, the links that it needs
//! are added, and with `--link` a library takes the driver's place in which every call fails as it does
//! where there is no GPU.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};

use crate::cli::CudaCheckArgs;
use crate::steps::Steps;
use crate::system;
use crate::venv;
use crate::workspace::{Workspace, shown, succeed};

/// What kernels are compiled for: Hopper. Any that candle knows would do.
const COMPUTE_CAPABILITY: &str = "90";
/// The toolkit's version, as cudarc wants it written.
const CUDARC_VERSION: &str = "13000";

/// Does it.
pub(crate) fn cuda_check(workspace: &Workspace, args: CudaCheckArgs) -> Result<ExitCode> {
    let mut steps = Steps::default();
    let result = all_steps(workspace, args, &mut steps);
    print!("{}", steps.summary());
    result.map(|()| {
        println!("\n{}", proved(args.link));
        ExitCode::SUCCESS
    })
}

fn proved(link: bool) -> &'static str {
    if link {
        "Proved: the CUDA kernels compile, earworm-train with `--features cuda` builds and links, and where \
         the driver finds no GPU it says so in one line.\n\
         Not proved: that anything runs on a GPU; no GPU was used."
    } else {
        "Proved: the CUDA kernels compile, and so does the Rust of earworm-train with `--features cuda`.\n\
         Not proved: that it links (`--link` shows that) or runs on a GPU; no GPU was used."
    }
}

fn all_steps(workspace: &Workspace, args: CudaCheckArgs, steps: &mut Steps) -> Result<()> {
    let folder = workspace.target.join("cuda");
    steps.step("system packages", || system::ensure(&[&system::C_COMPILER]))?;
    let toolkit = steps.step("CUDA toolkit", || {
        let requirements = workspace.root.join("xtask/cuda/requirements.txt");
        venv::ensure(&folder.join("python"), &requirements)?;
        let toolkit = installed(&folder.join("python"))?;
        add_links(&toolkit)?;
        println!("{}", toolkit.display());
        Ok(toolkit)
    })?;
    steps.step("LSTM kernels", || lstm_kernels(workspace, &toolkit, &folder))?;
    let cargo = |verb: &str| {
        let mut cargo = workspace.cargo([verb, "--package", "earworm-train", "--features", "cuda"]);
        cargo.args(["--bin", "earworm-train"]);
        for variable in ["CUDA_HOME", "CUDA_PATH", "CUDA_ROOT", "CUDA_TOOLKIT_ROOT_DIR"] {
            cargo.env(variable, &toolkit);
        }
        cargo.env("NVCC", toolkit.join("bin/nvcc"));
        cargo.env("CUDA_COMPUTE_CAP", COMPUTE_CAPABILITY);
        cargo.env("CUDARC_CUDA_VERSION", CUDARC_VERSION);
        // Another set of features than everything else: in the usual folder each would undo the other.
        cargo.env("CARGO_TARGET_DIR", folder.join("build"));
        cargo
    };
    if !args.link {
        return steps.step("kernels and Rust", || succeed(&mut cargo("check")));
    }
    let stub = steps.step("stand-in for the driver", || driver_without_gpu(&toolkit))?;
    steps.step("kernels, Rust, linking", || succeed(&mut cargo("build")))?;
    steps.step("without a GPU", || {
        let program = folder.join("build/debug/earworm-train");
        let recipe = workspace.root.join("trainer/recipes/emotify-lstm.toml");
        refuses_politely(&program, &recipe, &[&stub, &toolkit.join("lib")])
    })
}

/// Layers that the LSTM kernels are compiled for: hidden values, sequences of a block, weights of a thread in
/// registers and in shared memory, as `trainer/src/nn/lstm_layer/cuda/plan.rs` plans them for an H100.
const LAYERS: [[usize; 4]; 5] =
    [[64, 1, 64, 0], [128, 1, 76, 52], [128, 2, 68, 60], [128, 4, 52, 76], [256, 1, 12, 52]];

/// Compiles the trainer's own kernels to machine code, and fails where a thread's values do not fit into its
/// registers. The program itself compiles them only when it has a GPU to run them on.
fn lstm_kernels(workspace: &Workspace, toolkit: &Path, folder: &Path) -> Result<()> {
    let source = workspace.root.join("trainer/src/nn/lstm_layer/cuda/recurrence.cu");
    for [hidden, sequences, registers, shared] in LAYERS {
        let mut nvcc = Command::new(toolkit.join("bin/nvcc"));
        nvcc.env("CUDA_HOME", toolkit);
        nvcc.arg(format!("-arch=sm_{COMPUTE_CAPABILITY}"));
        nvcc.args(["-cubin", "-Xptxas", "-v", "-Werror", "all-warnings", "-o"]);
        nvcc.arg(folder.join("lstm.cubin"));
        nvcc.arg(format!("-DHIDDEN={hidden}")).arg(format!("-DSEQUENCES={sequences}"));
        nvcc.arg(format!("-DREGISTERS={registers}")).arg(format!("-DSHARED={shared}"));
        nvcc.arg(&source);
        let output = nvcc.output().with_context(|| format!("cannot start {}", shown(&nvcc)))?;
        let report = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{} failed:\n{report}", shown(&nvcc));
        let kernels = report.matches("Compiling entry function").count();
        let fitting = report.matches(" 0 bytes spill stores, 0 bytes spill loads").count();
        ensure!(
            kernels == 2 && fitting == 2,
            "a layer of {hidden} values does not fit into the registers planned for it:\n{report}"
        );
        println!("{hidden} hidden values, {sequences} sequences a block: in registers");
    }
    Ok(())
}

/// The folder of the toolkit in a Python environment.
fn installed(environment: &Path) -> Result<PathBuf> {
    let lib = environment.join("lib");
    let pythons = fs::read_dir(&lib).with_context(|| format!("cannot read {}", lib.display()))?;
    pythons
        .filter_map(|entry| Some(entry.ok()?.path().join("site-packages/nvidia/cu13")))
        .find(|toolkit| toolkit.join("bin/nvcc").is_file())
        .with_context(|| format!("there is no nvcc in {}", environment.display()))
}

/// Adds `lib64`, and a name without version for every library.
fn add_links(toolkit: &Path) -> Result<()> {
    link("lib", &toolkit.join("lib64"))?;
    for entry in fs::read_dir(toolkit.join("lib"))? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        if let Some((stem, _)) = name.split_once(".so.").filter(|(stem, _)| !stem.contains(".alt"))
        {
            link(name, &toolkit.join("lib").join(format!("{stem}.so")))?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(to: &str, at: &Path) -> Result<()> {
    if at.is_symlink() {
        return Ok(());
    }
    std::os::unix::fs::symlink(to, at).with_context(|| format!("cannot make {}", at.display()))
}

#[cfg(not(unix))]
fn link(_: &str, _: &Path) -> Result<()> {
    anyhow::bail!("this check runs on Linux only")
}

/// Builds a `libcuda.so.1` that has every function `cuda.h` names; gives its folder, in which the
/// toolkit's users look for it.
fn driver_without_gpu(toolkit: &Path) -> Result<PathBuf> {
    let header = fs::read_to_string(toolkit.join("include/cuda.h"))?;
    let stubs = toolkit.join("lib/stubs");
    fs::create_dir_all(&stubs)?;
    let source = stubs.join("cuda.c");
    fs::write(&source, driver_source(&header))?;
    let library = stubs.join("libcuda.so.1");
    succeed(
        Command::new("cc")
            .args(["-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1", "-o"])
            .args([&library, &source]),
    )?;
    link("libcuda.so.1", &stubs.join("libcuda.so"))?;
    Ok(stubs)
}

/// C source: every function fails with CUDA_ERROR_NO_DEVICE; the two that name errors name it.
fn driver_source(header: &str) -> String {
    const NAMES: [&str; 2] = ["cuGetErrorName", "cuGetErrorString"];
    let is_function = |word: &&str| {
        word.strip_prefix("cu")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_uppercase()))
    };
    let functions: BTreeSet<&str> = header
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .filter(is_function)
        .filter(|name| !NAMES.contains(name))
        .collect();
    let mut source = String::new();
    for name in functions {
        source += &format!("int {name}(void) {{ return 100; }}\n");
    }
    for (name, text) in
        NAMES.into_iter().zip(["CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"])
    {
        source += &format!(
            "int {name}(int error, const char **text) {{ *text = \"{text}\"; return 0; }}\n"
        );
    }
    source
}

/// Whether a training on `cuda:0` ends with one line that names the device, and no panic.
fn refuses_politely(program: &Path, recipe: &Path, libraries: &[&Path]) -> Result<()> {
    let mut fit = Command::new(program);
    fit.arg("fit").arg(recipe).args(["--out", "no-run", "--device", "cuda:0"]);
    fit.env("LD_LIBRARY_PATH", std::env::join_paths(libraries)?);
    let output = fit.output().with_context(|| format!("cannot start {}", shown(&fit)))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    print!("{complaint}");
    ensure!(!output.status.success(), "{} succeeded without a GPU", shown(&fit));
    ensure!(
        complaint.trim_end().lines().count() == 1 && complaint.contains("cuda:0"),
        "{} does not say in one line that there is no cuda:0",
        shown(&fit)
    );
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn libraries_get_names_without_versions() {
        let dir = tempfile::tempdir().unwrap();
        let lib = dir.path().join("lib");
        fs::create_dir(&lib).unwrap();
        for name in ["libcublas.so.13", "libnvrtc.alt.so.13", "libcudart_static.a"] {
            fs::write(lib.join(name), name).unwrap();
        }
        for _ in 0..2 {
            add_links(dir.path()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join("lib64").join(name));
        assert_eq!(read("libcublas.so").unwrap(), "libcublas.so.13");
        assert!(read("libnvrtc.so").is_err() && read("libcudart_static.so").is_err());
        assert!(installed(dir.path()).is_err());
    }

    #[test]
    fn the_stand_in_has_the_functions_of_the_header() {
        let header = "#define cuMemAlloc cuMemAlloc_v2\nCUresult CUDAAPI cuInit(unsigned int Flags);\n\
                      CUresult CUDAAPI cuGetErrorName(CUresult error, const char **pStr); // cudaError";
        let source = driver_source(header);
        for name in ["cuMemAlloc_v2(void)", "cuInit(void)", "cuGetErrorName(int error"] {
            assert_eq!(source.matches(name).count(), 1, "{name}\n{source}");
        }
        assert!(!source.contains("cudaError") && !source.contains("CUresult"), "{source}");
    }
}
