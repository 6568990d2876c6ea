//! Tests of the list of licences.

use serde_json::{Value, json};

use super::*;

/// A package in `folder`, as cargo describes it.
fn package(folder: &Path, name: &str, license: &str, kind: &str) -> Value {
    let lies_here = name.starts_with("our-");
    json!({
        "id": name, "name": name, "version": "1.2.3", "authors": ["Ann <ann@example.com>"],
        "license": license, "repository": format!("https://example.com/{name}"),
        "source": if lies_here { Value::Null } else { "registry".into() },
        "manifest_path": folder.join(name).join("Cargo.toml"), "targets": [{ "kind": [kind] }],
    })
}

/// What a package needs, each thing for its purpose.
fn node(name: &str, needs: &[(&str, Option<&str>)]) -> Value {
    let one = |(name, kind): &(&str, Option<&str>)| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
    json!({ "id": name, "deps": needs.iter().map(one).collect::<Vec<_>>() })
}

fn metadata(folder: &Path) -> Metadata {
    let lib = |name, license| package(folder, name, license, "lib");
    serde_json::from_value(json!({
        "packages": [
            lib("our-program", "MIT"), lib("our-other", "MIT"), lib("our-copy", "ISC"),
            lib("sound", "MPL-2.0"), lib("window", "MIT"), lib("letters", "OFL-1.1"),
            package(folder, "macros", "MIT", "proc-macro"), lib("syntax", "MIT"),
            lib("checks", "MIT"), lib("compiler", "MIT"), lib("elsewhere", "MIT"),
        ],
        "workspace_members": ["our-program", "our-other"],
        "resolve": { "nodes": [
            node("our-program", &[
                ("our-copy", None), ("sound", None), ("window", None), ("macros", None),
                ("checks", Some("dev")), ("compiler", Some("build")),
            ]),
            node("our-other", &[("elsewhere", None)]),
            node("window", &[("letters", None), ("window", None)]),
            node("macros", &[("syntax", None)]),
        ] },
    }))
    .unwrap()
}

#[test]
fn what_is_built_in_is_listed_and_every_text_stands_once() {
    let dir = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("our-copy/LICENSE", "ISC text\n"),
        ("window/LICENSE-MIT", "MIT text\r\nof the window\r\n"),
        ("window/tests/LICENSE", "text of a test file"),
        ("window/src/part/COPYING", "text of a part"),
        ("macros/license.txt", "MIT text\nof the window"),
        ("letters/fonts/letters.txt", "text of the letters"),
        ("letters/notes.txt", "notes"),
        ("sound/README.md", "read me"),
    ] {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let metadata = metadata(dir.path());
    let packages = inside(&metadata, &["our-program"]).unwrap();
    let names: Vec<_> = packages.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, ["letters", "macros", "our-copy", "sound", "window"]);

    let text = text(&packages).unwrap();
    let list = text.strip_prefix(BEGIN).unwrap();
    for line in [
        "sound 1.2.3: MPL-2.0, https://example.com/sound, \
         source code at https://crates.io/crates/sound/1.2.3, by Ann <ann@example.com>\n",
        "window 1.2.3: MIT, https://example.com/window\n",
        "our-copy 1.2.3: ISC, https://example.com/our-copy, with changes of ours\n",
        "\nmacros 1.2.3, window 1.2.3\n\nMIT text\nof the window\n",
        "\nletters 1.2.3\n\ntext of the letters\n",
        "\nwindow 1.2.3\n\ntext of a part\n",
        "\nour-copy 1.2.3\n\nISC text\n",
    ] {
        assert_eq!(list.matches(line).count(), 1, "{line} in {list}");
    }
    assert!(!list.contains("notes") && !list.contains("test file"), "{list}");
    assert!(inside(&metadata, &["our-program", "none"]).is_err());
}
