//! `THIRD-PARTY-LICENSES.txt`: whose work is in the programs besides ours, under which licences, by what cargo knows of
//! the crates and by the texts that lie in their folders.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::workspace::{Workspace, output};

/// The file's name.
pub(crate) const FILE: &str = "THIRD-PARTY-LICENSES.txt";

/// How names of files with such texts begin.
const TEXTS: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
/// Where texts are about what is not built in.
const LEFT_OUT: [&str; 4] = ["tests", "examples", "benches", "docs"];
/// Where every text is a licence: fonts have their own.
const FONTS: &str = "fonts";

const BEGIN: &str = "\
The programs and the plugin of Earworm contain work of others. It is listed here with its licences, whose
texts follow as its authors give them. Where there is a choice (OR, /), take any. Rust's standard library is
in them, too: MIT OR Apache-2.0, https://github.com/rust-lang/rust.

";

/// What cargo says of a workspace.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    authors: Vec<String>,
    license: Option<String>,
    repository: Option<String>,
    /// Nothing for what lies in the checkout.
    source: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// `dev`, `build`, or nothing for what is built in.
    kind: Option<String>,
}

/// The file's text for what is built from these packages of the workspace, for this system.
pub(crate) fn third_party(workspace: &Workspace, built: &[&str]) -> Result<String> {
    let cargo = String::from_utf8(output(&mut workspace.cargo(["-vV"]))?)?;
    let system = cargo.lines().find_map(|line| line.strip_prefix("host: "));
    let system = system.context("cargo does not say which system this is")?;
    let mut ask = workspace.cargo(["metadata", "--format-version", "1", "--locked"]);
    let metadata = output(ask.args(["--filter-platform", system]))?;
    let metadata = serde_json::from_slice(&metadata).context("cargo's metadata is unusual")?;
    text(&inside(&metadata, built)?)
}

/// The packages of others that are in what is built from these: dependencies and theirs, but none that only
/// tests and builds take. What a macro writes is built in, what the macro was made with is not.
fn inside<'a>(metadata: &'a Metadata, built: &[&str]) -> Result<Vec<&'a Package>> {
    let packages: HashMap<_, _> = metadata.packages.iter().map(|p| (p.id.as_str(), p)).collect();
    let nodes = metadata.resolve.nodes.iter();
    let needs: HashMap<_, _> = nodes.map(|node| (node.id.as_str(), &node.deps)).collect();
    let is_ours = |package: &Package| metadata.workspace_members.contains(&package.id);
    let is_built = |package: &&Package| is_ours(package) && built.contains(&&*package.name);
    let mut open: Vec<_> = metadata.packages.iter().filter(is_built).collect();
    ensure!(open.len() == built.len(), "cargo does not know all of {}", built.join(", "));
    let mut found = BTreeMap::new();
    while let Some(package) = open.pop() {
        let key = (&package.name, &package.version, &package.id);
        let is_macro = package.targets.iter().any(|it| it.kind.iter().any(|k| k == "proc-macro"));
        if found.insert(key, package).is_none() && !is_macro {
            let its = needs.get(package.id.as_str()).into_iter().copied().flatten();
            let its = its.filter(|need| need.dep_kinds.iter().any(|kind| kind.kind.is_none()));
            open.extend(its.filter_map(|need| packages.get(need.pkg.as_str())));
        }
    }
    Ok(found.into_values().filter(|package| !is_ours(package)).collect())
}

/// The list, then every text once.
fn text(packages: &[&Package]) -> Result<String> {
    let (mut whole, mut texts) = (BEGIN.to_owned(), BTreeMap::<String, Vec<String>>::new());
    for package in packages {
        let folder = package.manifest_path.parent().context("a manifest lies in a folder")?;
        let mut own = BTreeSet::new();
        gather(folder, &mut own).with_context(|| format!("cannot read {}", folder.display()))?;
        whole += &line(package, own.is_empty());
        for text in own {
            texts.entry(text).or_default().push(format!("{} {}", package.name, package.version));
        }
    }
    let mut texts: Vec<_> = texts.into_iter().map(|(text, of)| (of, text)).collect();
    texts.sort();
    for (of, text) in texts {
        whole += &format!("\n{}\n{}\n\n{text}\n", "-".repeat(72), of.join(", "));
    }
    Ok(whole)
}

/// What the list says of a package.
fn line(package: &Package, has_no_text: bool) -> String {
    let Package { name, version, authors, license, repository, source, .. } = package;
    let license = license.as_deref().unwrap_or("see its text");
    let mut line = format!("{name} {version}: {license}");
    if let Some(repository) = repository {
        line += &format!(", {repository}");
    }
    if source.is_none() {
        line += ", with changes of ours";
    }
    if license.contains("MPL") {
        line += &format!(", source code at https://crates.io/crates/{name}/{version}");
    }
    if has_no_text && !authors.is_empty() {
        line += &format!(", by {}", authors.join(", "));
    }
    line + "\n"
}

/// Takes in the texts in a folder and below.
fn gather(folder: &Path, texts: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().to_uppercase());
        let is_font_text = folder.ends_with(FONTS) && name.ends_with(".TXT");
        if entry.file_type()?.is_dir() {
            if !LEFT_OUT.iter().any(|left_out| path.ends_with(left_out)) {
                gather(&path, texts)?;
            }
        } else if is_font_text || TEXTS.iter().any(|begin| name.starts_with(begin)) {
            let text = String::from_utf8_lossy(&fs::read(&path)?).replace("\r\n", "\n");
            texts.insert(text.trim().to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
