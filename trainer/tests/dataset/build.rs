//! What is built: frames as the front end makes them, read again where something changed.

use std::path::Path;
use std::time::Duration;

use earworm_train::dataset::Dataset;
use earworm_train::dataset::build::build;
use earworm_train::dataset::merge::compact;

use crate::{RATE, SONGS, counts, frames_of, made_songs, shards, write_seconds, write_song};

#[test]
fn songs_come_back_as_the_front_end_makes_them() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let report = build(&options).unwrap();
    assert_eq!(counts(&report), (SONGS as usize, 0, 1));
    assert!(report.skipped[0].1.contains("gone.wav"), "{report}");
    assert!(shards(&options.out).len() > 3);

    let dataset = Dataset::open(&options.out).unwrap();
    let ids: Vec<String> = dataset.songs.iter().map(|song| song.track.id.clone()).collect();
    assert_eq!(ids, (0..SONGS).map(|n| format!("s{n}")).collect::<Vec<_>>(), "manifest order");
    for (at, song) in dataset.songs.iter().enumerate() {
        let mut wav = hound::WavReader::open(options.audio.join(&song.track.file)).unwrap();
        let samples: Vec<f32> =
            wav.samples::<i16>().map(|s| f32::from(s.unwrap()) / 32768.0).collect();
        let mut front_end = earworm_scorer::front_end::FrontEnd::new(&dataset.front_end).unwrap();
        let expected = front_end.frames_of(&samples);
        let view = dataset.frames(at);
        assert_eq!((view.len(), view.bands), (expected.len(), 8));
        assert!(
            view.iter().zip(expected.iter()).all(|(a, b)| a.0 == b.mel_db && a.1 == b.level_db)
        );
        assert_eq!((song.frames, song.audible), (view.len(), view.len()));
        assert_eq!(song.seconds, samples.len() as f64 / f64::from(RATE));
        assert_eq!((song.clipped, song.chorus), (0.0, None));
    }
    dataset.verify().unwrap();
    assert_eq!(dataset.features().unwrap(), None);
    assert_eq!(dataset.songs[3].track.number("plays").unwrap(), 9.0);
}

#[test]
fn only_what_changed_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    let all = SONGS as usize;
    build(&options).unwrap();
    let before = Dataset::open(&options.out).unwrap();
    assert_eq!(counts(&build(&options).unwrap()), (0, all, 1));

    // A new time alone changes nothing, new audio and a file that is no audio do.
    write_song(&options.audio.join("3.wav"), 3);
    write_song(&options.audio.join("4.wav"), 400);
    std::fs::write(options.audio.join("5.wav"), "no audio").unwrap();
    let report = build(&options).unwrap();
    assert!(report.to_string().contains("5.wav"), "{report}");
    assert_eq!(counts(&report), (1, all - 2, 2));
    let after = Dataset::open(&options.out).unwrap();
    assert_eq!(after.songs.len(), all - 1);
    assert_ne!(before.sha256, after.sha256);
    // What was opened before the build still holds what it held.
    assert_eq!(frames_of(&before).len(), all);
    before.verify().unwrap();

    // Songs that left the manifest leave the data set, and compacting frees their space.
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    let fewer: Vec<&str> = text.lines().take(5).collect();
    std::fs::write(&options.manifest, fewer.join("\n")).unwrap();
    assert_eq!(counts(&build(&options).unwrap()), (0, 4, 0));
    drop((before, after));
    let frames = frames_of(&Dataset::open(&options.out).unwrap());
    let (large, small) = compact(&options.out).unwrap();
    assert!(small < large, "{large} {small}");
    let compacted = Dataset::open(&options.out).unwrap();
    compacted.verify().unwrap();
    assert_eq!(frames_of(&compacted), frames);
    let (file, used) = compacted.bytes();
    assert!(file < used + 100, "nothing but headers beside the songs");

    // Other settings: everything is read again, if that is asked for.
    drop(compacted);
    let settings = std::fs::read_to_string(dir.path().join("front_end.toml")).unwrap();
    let other = dir.path().join("other.toml");
    std::fs::write(&other, settings.replace("n_mels = 8", "n_mels = 9")).unwrap();
    options.front_end = Some(other);
    let refused = build(&options).unwrap_err().to_string();
    assert!(refused.contains("another --front-end"), "{refused}");
    options.rebuild = true;
    assert_eq!(counts(&build(&options).unwrap()), (4, 0, 0));
    assert_eq!(Dataset::open(&options.out).unwrap().frames(0).bands, 9);
}

/// Files of one size and one time tell nothing of what is in them.
#[test]
fn a_size_and_a_time_are_no_content() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    let all = SONGS as usize;
    let keep_time = |name: &str| {
        let file = std::fs::File::options().write(true).open(options.audio.join(name)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    };
    ["2.wav", "5.wav"].into_iter().for_each(keep_time);
    build(&options).unwrap();
    let before = frames_of(&Dataset::open(&options.out).unwrap());

    // Two songs change places in the manifest.
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    let text = text.replace(",2.wav", ",#").replace(",5.wav", ",2.wav").replace(",#", ",5.wav");
    std::fs::write(&options.manifest, text).unwrap();
    assert_eq!(counts(&build(&options).unwrap()), (2, all - 2, 1));
    let after = frames_of(&Dataset::open(&options.out).unwrap());
    assert_eq!((&after["s2"], &after["s5"]), (&before["s5"], &before["s2"]));
    assert_ne!(before["s2"], before["s5"]);

    // One is written over, and its time set back: only looking at it shows that.
    write_seconds(&options.audio.join("5.wav"), 500, 6 + 5 % 3);
    keep_time("5.wav");
    assert_eq!(counts(&build(&options).unwrap()), (0, all, 1));
    options.verify = true;
    assert_eq!(counts(&build(&options).unwrap()), (1, all - 1, 1));
    assert_ne!(frames_of(&Dataset::open(&options.out).unwrap())["s2"], after["s2"]);
}

#[test]
fn a_schema_and_a_parquet_manifest() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/manifest-snappy.parquet");
    for (name, song) in [("a.wav", 1), ("b.wav", 2)] {
        write_song(&options.audio.join(name), song);
    }
    let schema = dir.path().join("schema.toml");
    std::fs::write(&schema, "[columns]\nid = \"track_id\"\ngroup = \"artist\"\n").unwrap();
    options.manifest = golden;
    options.schema = Some(schema);
    let report = build(&options).unwrap();
    assert_eq!(counts(&report), (2, 0, 2), "{report}");
    let dataset = Dataset::open(&options.out).unwrap();
    assert_eq!(dataset.description.schema.group(), "artist");
    assert_eq!(dataset.songs[1].track.text("artist").unwrap(), "B, C");
    assert_eq!(dataset.songs[0].track.number("share").unwrap(), 0.1);
    assert!(dataset.songs[1].track.number("liked").is_err());
}
