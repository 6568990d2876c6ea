//! `dataset stats`: pictures and warnings.

use std::path::Path;
use std::process::{Command, Output};

use earworm_train::dataset::FeatureSet;
use earworm_train::dataset::build::build_with;
use earworm_train::stats::{Kind, Source, StatsOptions, stats};

use crate::features::Moments;
use crate::{RATE, complaint, made_songs};

fn png_size(path: &Path) -> (u32, u32) {
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(&bytes[1..4], b"PNG", "{}", path.display());
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[test]
fn stats_warn_of_what_would_spoil_a_result() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    // One recording under two names by two artists, a clipped one, a silent one and a short one.
    std::fs::copy(options.audio.join("0.wav"), options.audio.join("8.wav")).unwrap();
    let write = |name: &str, seconds: f32, sample: &dyn Fn(u32) -> i16| {
        let path = options.audio.join(name);
        let mut spec = hound::WavReader::open(&path).unwrap().spec();
        spec.channels = 1;
        let mut wav = hound::WavWriter::create(&path, spec).unwrap();
        (0..(seconds * RATE as f32) as u32).for_each(|i| wav.write_sample(sample(i)).unwrap());
        wav.finalize().unwrap();
    };
    write("1.wav", 6.0, &|i| if i % 50 < 25 { i16::MAX } else { i16::MIN });
    write("2.wav", 6.0, &|i| if i < RATE / 10 { 3000 } else { 0 });
    write("3.wav", 0.5, &|i| (i % 100) as i16 * 90);
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    let text: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(row, line)| match row {
            0 => format!("{line},side,same,empty,half"),
            row => format!("{line},{},7,,{}", row % 3, if row % 2 == 0 { "1.5" } else { "nan" }),
        })
        .collect();
    std::fs::write(&options.manifest, text.join("\n")).unwrap();
    options.features = vec![FeatureSet::Descriptors];
    build_with(&options, &Moments).unwrap();
    let out = dir.path().join("pictures");
    let found = stats(&StatsOptions {
        source: Source::Dataset(options.out.clone()),
        recipe: None,
        split: Some("side".to_owned()),
        group: None,
        out: out.clone(),
    })
    .unwrap();
    let warning = |kind: Kind, word: &str| {
        let found = found.warnings.iter().find(|w| w.kind == kind && w.message.contains(word));
        found.unwrap_or_else(|| panic!("no {kind:?} about {word}"))
    };
    assert!(warning(Kind::Leak, "\"artist\"").names.contains(&"artist 1".to_owned()));
    assert_eq!(warning(Kind::Leak, "1 recordings").names, ["s0 = s8"]);
    assert_eq!(warning(Kind::Double, "1 recordings").names.len(), 1);
    assert!(warning(Kind::Clipped, "1 songs").names[0].starts_with("s1 (100.00 %"));
    assert!(warning(Kind::Silent, "silent").names[0].starts_with("s2 "));
    assert_eq!(warning(Kind::Silent, "shorter").names, ["s3 (0.5 s)"]);
    assert!(warning(Kind::Constant, "columns").names.contains(&"same".to_owned()));
    let missing = &warning(Kind::Missing, "columns").names;
    assert!(missing.iter().any(|name| name.starts_with("empty: 14 of 14")), "{missing:?}");
    assert!(missing.iter().any(|name| name.starts_with("half: 7 of 14")), "{missing:?}");
    assert!(warning(Kind::Unread, "1 songs").names[0].contains("gone.wav"));
    for picture in ["columns.png", "features.png", "audio.png", "correlation.png"] {
        assert!(found.pictures.iter().any(|name| name == picture), "{:?}", found.pictures);
        let (width, height) = png_size(&out.join(picture));
        assert!(width >= 800 && height >= 300, "{picture}: {width} × {height}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("stats.json")).unwrap()).unwrap();
    assert_eq!(json["songs"], 14);
    assert!(found.to_string().contains("warning: leak: 1 recordings"), "{found}");
}

#[test]
fn stats_of_a_bare_table() {
    let dir = tempfile::tempdir().unwrap();
    let table = dir.path().join("songs.csv");
    let mut text = "name,artist,tempo,energy,twice,hits,kind\n".to_owned();
    for row in 0..60u32 {
        let (tempo, hits) = (80 + row * 37 % 90, 10f64.powf(f64::from(row % 13) / 2.0));
        text += &format!(
            "n{row},a{},{tempo},{},{},{hits:.0},k{}\n",
            row % 20,
            f64::from(row % 7) / 7.0,
            2 * tempo,
            row % 3
        );
    }
    std::fs::write(&table, text).unwrap();
    let out = dir.path().join("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    command.args(["dataset", "stats", "--table"]).arg(&table).arg("--out").arg(&out);
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = String::from_utf8_lossy(&stdout);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    for word in ["60 songs", "20 values of \"artist\"", "tempo", "kind: k0 20", "twice"] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert!(text.contains("say almost the same"), "{text}");
    for picture in ["columns.png", "categories.png", "correlation.png"] {
        png_size(&out.join(picture));
    }
    let text = complaint(command.args(["--split", "kinds"]));
    assert!(text.contains("did you mean kind?"), "{text}");
}
