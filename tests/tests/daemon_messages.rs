//! Every message that the program may end or warn with is in docs/troubleshooting.md.

mod common;

use std::path::{Path, PathBuf};

/// What messages are made with; the first text behind it is the message.
const MAKERS: [&str; 14] = [
    "bail!(",
    "anyhow!(",
    "context(",
    "Failure::usage(",
    "Failure::configuration(",
    "Failure::taken(",
    "warn!(",
    "error!(",
    "complain(",
    "error(",
    "later(",
    "forbidden(",
    "Refusal(",
    "notice(",
];
/// What is shorter than this could be found anywhere.
const LEAST: usize = 6;

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The first text within the parentheses that have just been opened.
fn first_text(code: &str) -> Option<String> {
    let (mut depth, mut chars) = (1, code.chars());
    while depth > 0 {
        match chars.next()? {
            '(' => depth += 1,
            ')' => depth -= 1,
            '"' => return Some(text(&mut chars)),
            _ => {}
        }
    }
    None
}

/// A text up to its closing quote.
fn text(chars: &mut std::str::Chars<'_>) -> String {
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                // The text goes on behind the next line's indentation.
                Some('\n') => *chars = chars.as_str().trim_start().chars(),
                other => text.extend(other),
            },
            c => text.push(c),
        }
    }
    text
}

/// The first part of a message that says enough and is always the same.
fn constant_part(message: &str) -> &str {
    let mut parts = Vec::new();
    let mut rest = message;
    while let Some((before, after)) = rest.split_once('{') {
        parts.push(before);
        rest = after.split_once('}').map_or("", |(_, after)| after);
    }
    parts.push(rest);
    let parts = parts.iter().flat_map(|part| part.split([';', ':', ',', '(', ')', '…']));
    let parts: Vec<&str> = parts.map(str::trim).filter(|part| !part.is_empty()).collect();
    let long = parts.iter().find(|part| part.len() >= 2 * LEAST);
    long.or(parts.iter().max_by_key(|part| part.len())).copied().unwrap_or_default()
}

/// Without what only sets it.
fn plain(text: &str) -> String {
    text.replace('`', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_first_text_is_found() {
    let code = "format!(\"{x}: no \\\"way\\\" \\\n      at all\"), 3) \"no\"";
    assert_eq!(first_text(code).as_deref(), Some("{x}: no \"way\" at all"));
    assert_eq!(first_text("named)?; \"no\""), None);
    assert_eq!(constant_part("{x}: cannot find the file {y}; look"), "cannot find the file");
    assert_eq!(constant_part("{x} ({y})"), "");
}

#[test]
fn every_message_is_explained() {
    let mut files = Vec::new();
    sources(&common::in_checkout("daemon/src"), &mut files);
    let explained = std::fs::read_to_string(common::in_checkout("docs/troubleshooting.md"));
    let explained = plain(&explained.unwrap());
    let (mut checked, mut missing) = (0, Vec::new());
    for file in &files {
        let code = std::fs::read_to_string(file).unwrap();
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for maker in MAKERS {
            for (at, _) in code.match_indices(maker) {
                let Some(message) = first_text(&code[at + maker.len()..]) else { continue };
                let part = plain(constant_part(&message));
                if part.len() < LEAST {
                    continue;
                }
                checked += 1;
                if !explained.contains(&part) {
                    missing.push(format!("{}: {part}", file.display()));
                }
            }
        }
    }
    assert!(checked > 80, "only {checked} messages were found");
    assert!(missing.is_empty(), "docs/troubleshooting.md does not explain {missing:#?}");
}
