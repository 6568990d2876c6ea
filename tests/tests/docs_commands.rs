//! The commands in the documentation are commands that the programs know, with options that they have.

mod common;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The programs whose commands are looked at.
const PROGRAMS: [&str; 2] = ["earworm", "earworm-train"];
/// Folders without documentation of ours.
const LEFT_OUT: [&str; 3] = ["target", "vendor", "data"];
/// Words of a shell behind which another command begins.
const THEN: [&str; 6] = ["|", "&&", "||", ";", "do", "then"];

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() && !name.starts_with('.') && !LEFT_OUT.contains(&&*name) {
            documents(&path, found);
        } else if name.ends_with(".md") {
            found.push(path);
        }
    }
}

/// The commands of a document, word by word: lines of code, and what stands between backticks.
fn commands(document: &str) -> Vec<Vec<String>> {
    let (mut code, mut prose, mut fenced) = (String::new(), String::new(), false);
    for line in document.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else {
            let part = if fenced || line.starts_with("    ") { &mut code } else { &mut prose };
            part.push_str(line);
            part.push('\n');
        }
    }
    let code = code.replace("\\\n", " ");
    // A backtick that stands alone spoils its own paragraph only.
    let spans = prose.split("\n\n").flat_map(|text| text.split('`').skip(1).step_by(2));
    code.lines().chain(spans).flat_map(commands_of_line).collect()
}

fn commands_of_line(line: &str) -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    for word in line.split_whitespace().take_while(|word| !word.starts_with('#')) {
        if THEN.contains(&word) {
            found.push(Vec::new());
        } else {
            let last = found.last_mut().expect("there is one from the start");
            // Variables before a command are none of it.
            if !(last.is_empty() && word.contains('=')) {
                last.push(word.trim_matches(['[', ']', ';']).to_owned());
            }
        }
    }
    found.retain(|words| words.first().is_some_and(|word| PROGRAMS.contains(&&**word)));
    found
}

/// What a command's help lists.
#[derive(Default)]
struct Help {
    options: Vec<String>,
    commands: Vec<String>,
}

impl Help {
    fn of(path: &[String]) -> Self {
        let mut command = common::program(&path[0]);
        let text = common::stdout_of(command.args(&path[1..]).arg("--help"));
        let (mut help, mut section) = (Self::default(), "");
        for line in text.lines() {
            let indented = line.len() - line.trim_start().len();
            match line.split_whitespace().next() {
                Some(_) if indented == 0 => section = line,
                Some(word) if section == "Commands:" && indented == 2 => {
                    help.commands.push(word.to_owned());
                }
                Some(word) if section == "Options:" && word.starts_with('-') => {
                    help.options.extend(line.split_whitespace().filter_map(option));
                }
                _ => {}
            }
        }
        help
    }
}

/// The name of an option, if the word is one, without what stands behind it.
fn option(word: &str) -> Option<String> {
    let name = word.strip_prefix("--")?;
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(name.len());
    Some(name[..end].to_owned()).filter(|name| !name.is_empty())
}

/// What the programs' help lists, asked for once.
#[derive(Default)]
struct Known(HashMap<Vec<String>, Help>);

impl Known {
    /// What the program does not know of a command.
    fn unknown(&mut self, words: &[String]) -> Option<String> {
        let mut path = vec![words[0].clone()];
        let mut after_option = false;
        for word in &words[1..] {
            let help = self.0.entry(path.clone()).or_insert_with_key(|path| Help::of(path));
            if let Some(name) = option(word) {
                if !help.options.contains(&name) {
                    return Some(format!("{} has no --{name}", path.join(" ")));
                }
            } else if help.commands.contains(word) {
                path.push(word.clone());
            } else if !help.commands.is_empty()
                && !after_option
                && word.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            {
                return Some(format!("{} has no command {word}", path.join(" ")));
            }
            after_option = word.starts_with('-');
        }
        None
    }
}

#[test]
fn what_is_wrong_is_found() {
    let text = "Ask `earworm model\nshow --model FILE`, or\n\n    \
                X=1 earworm score a.wav | earworm listn \\\n      --fast  # earworm history\n";
    let mut known = Known::default();
    let unknown: Vec<_> = commands(text).iter().map(|words| known.unknown(words)).collect();
    let expected =
        [None, Some("earworm has no command listn"), Some("earworm model show has no --model")];
    assert_eq!(unknown, expected.map(|text| text.map(str::to_owned)));
}

#[test]
fn the_documents_use_commands_that_exist() {
    let (mut files, mut known) = (Vec::new(), Known::default());
    documents(&common::in_checkout(""), &mut files);
    let (mut checked, mut wrong) = (0, Vec::new());
    for file in &files {
        for words in commands(&std::fs::read_to_string(file).unwrap()) {
            checked += 1;
            if let Some(unknown) = known.unknown(&words) {
                wrong.push(format!("{}: {}: {unknown}", file.display(), words.join(" ")));
            }
        }
    }
    assert!(checked > 50, "only {checked} commands were found");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
