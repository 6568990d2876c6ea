//! Data sets from audio files to frames on disk, and everything that can go wrong on the way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Result, bail};
use earworm_train::dataset::build::{BuildOptions, BuildReport, build, build_with};
use earworm_train::dataset::merge::{compact, merge};
use earworm_train::dataset::{Dataset, FeatureSet, FeatureSource, Part};
use earworm_train::stats::{Kind, Source, StatsOptions, stats};

const RATE: u32 = 8_000;
const SONGS: u32 = 14;

/// A song of noise with a level and a length of its own.
fn write_song(path: &Path, number: u32) {
    write_seconds(path, number, 6 + number % 3);
}

fn write_seconds(path: &Path, number: u32, seconds: u32) {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut wav = hound::WavWriter::create(path, spec).unwrap();
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    for _ in 0..RATE * seconds {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let loudest = 1000 + 500 * (number % 7);
        wav.write_sample((state % (2 * loudest)) as i16 - loudest as i16).unwrap();
    }
    wav.finalize().unwrap();
}

/// Songs of seven artists, a small front end, and one song that is missing.
fn made_songs(folder: &Path) -> BuildOptions {
    let audio = folder.join("audio");
    std::fs::create_dir_all(&audio).unwrap();
    let mut manifest = "track_id,file,artist,genre,plays\n".to_owned();
    for n in 0..SONGS {
        write_song(&audio.join(format!("{n}.wav")), n);
        manifest += &format!("s{n},{n}.wav,artist {},g{},{}\n", n / 2, n % 2, n * n);
    }
    manifest += "gone,gone.wav,nobody,g0,1\n";
    std::fs::write(folder.join("tracks.csv"), manifest).unwrap();
    let front_end = r#"
        sample_rate = 8000
        n_fft = 256
        hop = 128
        n_mels = 8
        mel_scale = "slaney"
        mel_norm = "slaney"
        f_min = 50.0
        f_max = 3500.0
        amin = 1e-10
        level = { kind = "running_mean", gate_db = -70.0, floor_db = 50.0 }
    "#;
    std::fs::write(folder.join("front_end.toml"), front_end).unwrap();
    BuildOptions {
        manifest: folder.join("tracks.csv"),
        audio,
        out: folder.join("set"),
        front_end: Some(folder.join("front_end.toml")),
        // A few songs in each shard.
        shard_bytes: Some(60_000),
        ..BuildOptions::default()
    }
}

fn counts(report: &BuildReport) -> (usize, usize, usize) {
    (report.built, report.kept, report.skipped.len())
}

/// All frames by track.
fn frames_of(dataset: &Dataset) -> BTreeMap<String, (Vec<f32>, Vec<f32>)> {
    let frames = |at: usize| {
        let view = dataset.frames(at);
        (view.mel_db.to_vec(), view.level_db.to_vec())
    };
    let songs = dataset.songs.iter().enumerate();
    songs.map(|(at, song)| (song.track.id.clone(), frames(at))).collect()
}

fn shards(set: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(set.join("shards")).unwrap();
    let mut shards: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    shards.sort();
    shards
}

/// The program with arguments that are the same as `options`.
fn program(options: &BuildOptions) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    command.args(["dataset", "build", "--manifest"]).arg(&options.manifest);
    command.arg("--audio").arg(&options.audio).arg("--out").arg(&options.out);
    command.arg("--front-end").arg(options.front_end.as_ref().unwrap()).arg("--allow-missing");
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

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

    // Other settings: everything is read again.
    drop(compacted);
    let settings = std::fs::read_to_string(dir.path().join("front_end.toml")).unwrap();
    let other = dir.path().join("other.toml");
    std::fs::write(&other, settings.replace("n_mels = 8", "n_mels = 9")).unwrap();
    options.front_end = Some(other);
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

/// Waits until the index has been written anew, or the build has ended.
fn saved_again(build: &mut Child, set: &Path) {
    let saved = || std::fs::metadata(set.join("index.parquet")).and_then(|m| m.modified()).ok();
    let before = saved();
    // The first index of a new folder names no songs.
    let mut to_come = if before.is_none() { 2 } else { 1 };
    let mut last = before;
    while to_come > 0 && build.try_wait().unwrap().is_none() {
        let now = saved();
        to_come -= usize::from(now != last);
        last = now;
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn killed_at_any_moment_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    // Songs long enough to be killed in.
    for n in 0..SONGS {
        write_seconds(&options.audio.join(format!("{n}.wav")), n, 100);
    }
    let whole = BuildOptions { out: dir.path().join("whole"), ..options.clone() };
    build(&whole).unwrap();
    let whole = Dataset::open(&whole.out).unwrap();
    // How long a build takes here and now.
    let begun = std::time::Instant::now();
    let one_by_one = || {
        let mut command = program(&options);
        command.args(["--jobs", "1", "--save-every", "0"]);
        command
    };
    assert!(one_by_one().status().unwrap().success());
    let full = begun.elapsed();
    std::fs::remove_dir_all(&options.out).unwrap();
    let (mut killed, mut unfinished) = (0, 0);
    for round in 0..40u32 {
        let mut child = one_by_one().spawn().unwrap();
        if round % 2 == 0 {
            // Any moment: while it starts, reads, writes or ends.
            std::thread::sleep(full * (round * 37 % 100) / 100);
        } else {
            // Just after, or in the middle of, what follows a save.
            saved_again(&mut child, &options.out);
            std::thread::sleep(Duration::from_millis(u64::from(round % 9)));
        }
        child.kill().unwrap();
        killed += usize::from(!child.wait().unwrap().success());
        // Whatever is there can be opened, or says that it is not there yet.
        match Dataset::open(&options.out) {
            Ok(dataset) => {
                dataset.verify().unwrap();
                let done = dataset.songs.len() == SONGS as usize;
                unfinished += usize::from(!done);
                drop(dataset);
                if done {
                    std::fs::remove_dir_all(&options.out).unwrap();
                }
            }
            Err(error) => {
                let text = format!("{error:#}");
                assert!(text.contains("no songs") || text.contains("is no data set"), "{text}");
            }
        }
    }
    assert!(killed > 10 && unfinished > 3, "killed {killed}, unfinished {unfinished} of 40");
    eprintln!("killed {killed} times, {unfinished} times with some songs there");
    let output = program(&options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let dataset = Dataset::open(&options.out).unwrap();
    dataset.verify().unwrap();
    assert_eq!(dataset.sha256, whole.sha256);
    assert_eq!(frames_of(&dataset), frames_of(&whole));
    let left: Vec<_> = std::fs::read_dir(&options.out).unwrap().flatten().collect();
    assert!(left.iter().all(|e| !e.file_name().to_string_lossy().starts_with(".writing-")));
}

#[cfg(unix)]
#[test]
fn a_stopped_build_saves_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let mut stopped = 0;
    for wait in [30, 60, 90, 120, 150] {
        std::fs::remove_dir_all(&options.out).ok();
        let child = program(&options).args(["--jobs", "1"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        // SAFETY: a signal to a child that has not been waited for yet.
        unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) };
        let output = child.wait_with_output().unwrap();
        match output.status.code() {
            Some(130) => stopped += 1,
            // Before the handler was there the signal ends the process; at the end it comes too late.
            None | Some(0) => {}
            code => panic!("{code:?}: {}", String::from_utf8_lossy(&output.stderr)),
        }
    }
    eprintln!("stopped in time {stopped} times of 5");
    build(&options).unwrap();
    Dataset::open(&options.out).unwrap().verify().unwrap();
}

#[test]
fn damaged_shards_are_noticed_and_mended() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    build(&options).unwrap();
    let whole = Dataset::open(&options.out).unwrap().sha256;
    for keep in [0usize, 1, 63, 64, 65, 5_000, 30_001] {
        let shard = shards(&options.out)[1].clone();
        let mut bytes = std::fs::read(&shard).unwrap();
        bytes.truncate(keep);
        std::fs::write(&shard, bytes).unwrap();
        let message = format!("{:#}", Dataset::open(&options.out).unwrap_err());
        assert!(message.contains("run `dataset build` again"), "{message}");
        assert!(message.contains("shard-"), "{message}");
        let report = build(&options).unwrap();
        assert!(report.built > 0 && report.built < SONGS as usize, "{report}");
        let mended = Dataset::open(&options.out).unwrap();
        mended.verify().unwrap();
        assert_eq!(mended.sha256, whole);
    }
    // A value that changed is only seen by reading everything.
    let shard = shards(&options.out)[0].clone();
    let mut bytes = std::fs::read(&shard).unwrap();
    bytes[400] ^= 1;
    std::fs::write(&shard, bytes).unwrap();
    let message = Dataset::open(&options.out).unwrap().verify().unwrap_err().to_string();
    assert!(message.contains("--verify"), "{message}");
    assert_eq!(build(&options).unwrap().built, 0);
    options.verify = true;
    assert_eq!(build(&options).unwrap().built, 1);
    Dataset::open(&options.out).unwrap().verify().unwrap();

    // Shards that are gone, and an index that is no index.
    std::fs::remove_dir_all(options.out.join("shards")).unwrap();
    assert_eq!(counts(&build(&options).unwrap()), (SONGS as usize, 0, 1));
    std::fs::write(options.out.join("index.parquet"), "PAR1 no more").unwrap();
    let message = format!("{:#}", build(&options).unwrap_err());
    assert!(message.contains("delete index.parquet"), "{message}");
    std::fs::remove_file(options.out.join("index.parquet")).unwrap();
    build(&options).unwrap();
    assert_eq!(Dataset::open(&options.out).unwrap().sha256, whole);
}

#[test]
fn parts_make_the_same_data_set() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let features = BuildOptions { features: vec![FeatureSet::Descriptors], ..options.clone() };
    build_with(&features, &Moments).unwrap();
    let whole = Dataset::open(&options.out).unwrap();

    let build_part = |index, of| {
        let out = dir.path().join("parts");
        let options = BuildOptions { out, part: Some(Part { index, of }), ..features.clone() };
        build_with(&options, &Moments).unwrap();
        options.folder()
    };
    // More parts than some have songs for.
    let parts: Vec<PathBuf> = (0..9).rev().map(|index| build_part(index, 9)).collect();
    assert!(parts[0].ends_with("part-8-of-9"));
    let out = dir.path().join("merged");
    let report = merge(&parts, &out).unwrap();
    assert_eq!((report.songs, report.skipped), (SONGS as usize, 1));
    let merged = Dataset::open(&out).unwrap();
    merged.verify().unwrap();
    assert_eq!(merged.sha256, whole.sha256);
    assert_eq!(frames_of(&merged), frames_of(&whole));
    assert_eq!(merged.features().unwrap(), whole.features().unwrap());
    assert_eq!(merged.skipped, whole.skipped);

    // Merged once more it is the same byte for byte, and the build goes on from there.
    let again = dir.path().join("again");
    merge(&parts, &again).unwrap();
    for file in ["index.parquet", "tracks.parquet", "features.parquet", "dataset.json"] {
        assert!(std::fs::read(out.join(file)).unwrap() == std::fs::read(again.join(file)).unwrap());
    }
    drop(merged);
    let report = build_with(&BuildOptions { out: again, ..features.clone() }, &Moments).unwrap();
    assert_eq!(counts(&report), (0, SONGS as usize, 1));

    let refused = |parts: &[PathBuf]| {
        let out = dir.path().join("refused");
        let message = format!("{:#}", merge(parts, &out).unwrap_err());
        assert!(!out.exists());
        message
    };
    assert!(refused(&parts[1..]).contains("part 8 of 9 is missing"));
    let twice = [parts.clone(), vec![parts[3].clone()]].concat();
    assert!(refused(&twice).contains("there twice"));
    assert!(refused(std::slice::from_ref(&options.out)).contains("without --shard"));
    let mut others = parts.clone();
    others[2] = build_part(6, 7);
    assert!(refused(&others).contains("different numbers of parts"));
    let plain = BuildOptions {
        out: dir.path().join("plain"),
        part: Some(Part { index: 6, of: 9 }),
        ..options.clone()
    };
    build(&plain).unwrap();
    others[2] = plain.folder();
    assert!(refused(&others).contains("different front-end settings or features"));
    let message = format!("{:#}", merge(&parts, &out).unwrap_err());
    assert!(message.contains("exists"), "{message}");
    // A part whose index was lost is not finished.
    let most =
        parts.iter().max_by_key(|part| Dataset::open(part).map_or(0, |part| part.songs.len()));
    std::fs::remove_file(most.unwrap().join("index.parquet")).unwrap();
    assert!(refused(&parts).contains("is not finished"));
}

/// Stands for the scorer's features: mean and greatest sample, missing for one song.
struct Moments;

impl FeatureSource for Moments {
    fn names(&self, set: FeatureSet) -> Result<Vec<String>> {
        Ok(match set {
            FeatureSet::Descriptors => vec!["mean".to_owned(), "greatest".to_owned()],
            FeatureSet::LowLevel => vec!["length".to_owned()],
        })
    }

    fn extract(&self, samples: &[f32], rate: u32, sets: &[FeatureSet]) -> Result<Vec<f32>> {
        assert_eq!(rate, RATE);
        if samples.len() as u32 == 8 * RATE {
            bail!("a song of eight seconds");
        }
        let mean = samples.iter().sum::<f32>() / samples.len() as f32;
        let greatest = samples.iter().copied().fold(f32::MIN, f32::max);
        Ok(sets
            .iter()
            .flat_map(|set| match set {
                FeatureSet::Descriptors => vec![mean, greatest],
                FeatureSet::LowLevel => vec![samples.len() as f32],
            })
            .collect())
    }

    fn chorus(&self, samples: &[f32], rate: u32, seconds: f64) -> Result<Option<f64>> {
        let length = samples.len() as f64 / f64::from(rate);
        Ok((length > 6.0).then_some(length - seconds))
    }

    fn finds_choruses(&self) -> bool {
        true
    }
}

#[test]
fn features_and_choruses_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.features = vec![FeatureSet::LowLevel, FeatureSet::Descriptors];
    options.chorus = Some(2.5);
    build_with(&options, &Moments).unwrap();
    let dataset = Dataset::open(&options.out).unwrap();
    let features = dataset.features().unwrap().unwrap();
    assert_eq!(features.names, ["mean", "greatest", "length"]);
    for (song, row) in dataset.songs.iter().zip(&features.rows) {
        if song.seconds == 8.0 {
            assert_eq!(row, &[None, None, None]);
        } else {
            assert_eq!(row[2], Some(song.seconds * f64::from(RATE)));
            assert!(row[1].unwrap() > 0.02);
        }
        assert_eq!(song.chorus, (song.seconds > 6.0).then_some(song.seconds - 2.5));
    }
    let plain = frames_of(&dataset);
    drop(dataset);
    // The table belongs to the songs it was made of.
    std::fs::remove_file(options.out.join("features.parquet")).unwrap();
    let message = format!("{:#}", Dataset::open(&options.out).unwrap().features().unwrap_err());
    assert!(message.contains("run `dataset build` again"), "{message}");
    assert_eq!(build_with(&options, &Moments).unwrap().built, 0);
    assert_eq!(Dataset::open(&options.out).unwrap().features().unwrap(), Some(features));
    // Another set of features: everything is read again, the frames stay the same.
    options.features.pop();
    assert_eq!(build_with(&options, &Moments).unwrap().built, SONGS as usize);
    let dataset = Dataset::open(&options.out).unwrap();
    assert_eq!(dataset.features().unwrap().unwrap().names, ["length"]);
    assert_eq!(frames_of(&dataset), plain);
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

/// Runs the program and checks that it fails with one line and code 2.
fn complaint(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.stderr(Stdio::piped()).output().unwrap();
    let text = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "{text}");
    text
}

#[test]
fn bad_input_is_one_line_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let manifest = |text: &str| {
        std::fs::write(dir.path().join("bad.csv"), text).unwrap();
        BuildOptions { manifest: dir.path().join("bad.csv"), ..options.clone() }
    };
    let file = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        dir.path().join(name)
    };
    file("audio/noise.wav", "no audio at all");
    for (text, word) in [
        ("track_id,files\n1,0.wav\n", "did you mean files?"),
        ("track_id,file\n1,0.wav\n1,1.wav\n", "row 2 names the track 1"),
        ("track_id,file\n", "has no rows"),
        ("track_id,file\n1,x.wav\n2,y.wav\n", "not one audio file"),
        ("track_id,file\n1,noise.wav\n", "not one song"),
    ] {
        let text = complaint(&mut program(&manifest(text)));
        assert!(text.contains(word) && text.contains("bad.csv"), "{text}");
        assert!(!options.out.exists(), "{text}");
    }
    let with = |arguments: &[&str]| {
        let mut command = program(&options);
        command.args(arguments);
        command
    };
    let typo = file("typo.toml", "[columns]\nfiel = \"file\"\n");
    let missing = file("missing.toml", "[columns]\ngenre = \"genres\"\n");
    let front_end = Some(file("front_end.bad.toml", "sample_rate = 3\n"));
    let out = file("in-the-way", "").join("set");
    for (word, mut command) in [
        ("cannot read", program(&BuildOptions { manifest: "/no.csv".into(), ..options.clone() })),
        ("not one audio", program(&BuildOptions { audio: "/no".into(), ..options.clone() })),
        ("cannot make the folder", program(&BuildOptions { out, ..options.clone() })),
        ("cannot make", program(&BuildOptions { out: "/proc/set".into(), ..options.clone() })),
        ("front_end.bad.toml", program(&BuildOptions { front_end, ..options.clone() })),
        ("did you mean file?", with(&["--schema", typo.to_str().unwrap()])),
        ("did you mean genre?", with(&["--schema", missing.to_str().unwrap()])),
        ("--chorus", with(&["--chorus=-3"])),
        ("--jobs", with(&["--jobs", "0"])),
    ] {
        let text = complaint(&mut command);
        assert!(text.contains(word), "{word}: {text}");
        assert!(!options.out.exists(), "{text}");
    }
    // A data set of another version, and a folder that is none.
    let old = dir.path().join("old");
    std::fs::create_dir(&old).unwrap();
    std::fs::write(old.join("front_end.json"), "{}").unwrap();
    let text = complaint(&mut program(&BuildOptions { out: old.clone(), ..options.clone() }));
    assert!(text.contains("earlier version") && text.contains("build it again"), "{text}");
    let mut verify = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
    assert!(
        complaint(verify.args(["dataset", "verify"]).arg(dir.path())).contains("is no data set")
    );
}

#[test]
fn songs_that_cannot_be_read_are_told_in_a_line_and_the_others_kept() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let mut text = std::fs::read_to_string(&options.manifest).unwrap();
    for n in 0..6 {
        text += &format!("lost{n},lost{n}.wav,nobody,g0,1\n");
    }
    std::fs::write(&options.manifest, text).unwrap();
    let build = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_earworm-train"));
        command.args(["dataset", "build", "--manifest"]).arg(&options.manifest);
        command.arg("--audio").arg(&options.audio).arg("--out").arg(&options.out);
        command.arg("--front-end").arg(options.front_end.as_ref().unwrap()).args(more);
        command.stdout(Stdio::null());
        command
    };
    let text = complaint(&mut build(&[]));
    assert!(text.contains("7 of 21 songs could not be read: gone, lost0, lost1"), "{text}");
    assert!(text.contains("and 2 more") && text.contains("--allow-missing"), "{text}");
    Dataset::open(&options.out).unwrap().verify().unwrap();
    assert_eq!(Dataset::open(&options.out).unwrap().songs.len(), SONGS as usize);
    let output = build(&["--allow-missing"]).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
}

#[test]
fn two_builds_do_not_meet() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    build(&options).unwrap();
    let lock = std::fs::File::create(options.out.join(".build-lock")).unwrap();
    lock.lock().unwrap();
    let message = format!("{:#}", build(&options).unwrap_err());
    assert!(message.contains("being built by another process"), "{message}");
    assert!(compact(&options.out).is_err());
    drop(lock);
    build(&options).unwrap();
}

#[test]
fn a_full_disk_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    // No file may grow beyond so many kB: what a full disk answers, a write fails midway.
    let limited = |blocks: u32| {
        let mut shell = Command::new("bash");
        let line = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        shell.args(["-c", &line, "limited"]).stdout(Stdio::null());
        let inner = program(&options);
        shell.arg(inner.get_program()).args(inner.get_args());
        shell
    };
    if !limited(1 << 20).arg("--help").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no bash that limits file sizes");
        return;
    }
    let mut songs = Vec::new();
    for blocks in [1, 64, 160] {
        let text = complaint(&mut limited(blocks));
        assert!(text.contains("cannot write"), "{text}");
        match Dataset::open(&options.out) {
            Ok(dataset) => {
                dataset.verify().unwrap();
                assert!(text.contains("run the same command again"), "{text}");
                songs.push(dataset.songs.len());
            }
            Err(error) => {
                let text = format!("{error:#}");
                assert!(text.contains("no data set") || text.contains("no songs"), "{text}");
            }
        }
    }
    assert!(!songs.is_empty() && songs.is_sorted() && *songs.last().unwrap() < SONGS as usize);
    let report = build(&options).unwrap();
    assert_eq!(report.kept, *songs.last().unwrap());
    Dataset::open(&options.out).unwrap().verify().unwrap();
}

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

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path)
}

/// The options that `earworm-train dataset NAME` has.
fn options_of(name: &str) -> Vec<String> {
    use clap::Subcommand;
    use earworm_train::dataset_cli::DatasetCommand;
    let command = DatasetCommand::augment_subcommands(clap::Command::new("dataset"));
    let command = command.find_subcommand(name).unwrap_or_else(|| panic!("no command {name}"));
    command.get_arguments().filter_map(|a| Some(format!("--{}", a.get_long()?))).collect()
}

#[test]
fn the_examples_use_options_that_exist() {
    for path in ["slurm/dataset.sbatch", "kubernetes/dataset-job.yaml"] {
        let text = std::fs::read_to_string(example(path)).unwrap();
        let commands: Vec<&str> = text.split("earworm-train dataset ").skip(1).collect();
        assert!(commands.len() >= 2, "{path}");
        for command in commands {
            let words: Vec<&str> = command.split_whitespace().collect();
            // What follows until the command ends: in both files at an empty or outdented line.
            let end = words.iter().position(|word| matches!(*word, "fi" | "resources:"));
            let known = options_of(words[0]);
            let used = words[..end.unwrap_or(words.len())]
                .iter()
                .filter_map(|word| word.find("--").map(|at| &word[at..]))
                .map(|word| word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()));
            let used: Vec<&str> = used.collect();
            assert!(!used.is_empty(), "{path}: {command}");
            for option in used {
                assert!(known.iter().any(|name| name == option), "{path}: {option}");
            }
        }
    }
}

#[test]
fn the_slurm_example_builds_and_merges() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    // Without the song that is not there.
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    let there: Vec<&str> = text.lines().filter(|line| !line.starts_with("gone")).collect();
    std::fs::write(&options.manifest, there.join("\n")).unwrap();
    let script = example("slurm/dataset.sbatch");
    let program = Path::new(env!("CARGO_BIN_EXE_earworm-train")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let run = |task: &str, arguments: &[&str]| {
        let output = Command::new("bash")
            .arg(&script)
            .args(arguments)
            .env("PATH", &path)
            .env("MANIFEST", &options.manifest)
            .env("AUDIO", &options.audio)
            .env("OUT", dir.path().join("sets"))
            .env("SHARDS", "3")
            .env("SLURM_ARRAY_TASK_ID", task)
            .env("SLURM_CPUS_PER_TASK", "2")
            .output()
            .unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for task in ["0", "1", "2"] {
        let (fine, text) = run(task, &[]);
        assert!(fine, "{text}");
    }
    let (fine, text) = run("", &["merge"]);
    assert!(fine, "{text}");
    build(&BuildOptions { front_end: None, ..options.clone() }).unwrap();
    let merged = Dataset::open(&dir.path().join("sets/merged")).unwrap();
    assert_eq!(merged.sha256, Dataset::open(&options.out).unwrap().sha256);
}

#[test]
fn the_kubernetes_example_is_yaml_of_two_jobs() {
    let script = "import sys, yaml, json\n\
                  print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let named = std::env::var_os("EARWORM_PYTHON").map(PathBuf::from);
    let cached = std::env::home_dir().map(|home| home.join(".cache/earworm/venv/bin/python"));
    let pythons = [named, cached, Some(PathBuf::from("python3"))];
    let output = pythons.into_iter().flatten().find_map(|python| {
        let probe = Command::new(&python).args(["-c", "import yaml"]).output().ok()?;
        let file = example("kubernetes/dataset-job.yaml");
        let run = || Command::new(&python).args(["-c", script]).arg(file).output().unwrap();
        probe.status.success().then(run)
    });
    let Some(output) = output else {
        eprintln!("skipped: no Python with PyYAML");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let jobs: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let [build, merge] = jobs.as_array().unwrap().as_slice() else { panic!("{jobs}") };
    assert_eq!(build["spec"]["completionMode"], "Indexed");
    for job in [build, merge] {
        assert_eq!((&job["kind"], &job["apiVersion"]), (&"Job".into(), &"batch/v1".into()));
        let container = &job["spec"]["template"]["spec"]["containers"][0];
        let shards = container["env"][0]["value"].as_str().unwrap();
        assert_eq!(shards, build["spec"]["completions"].to_string());
        assert!(container["args"][0].as_str().unwrap().contains("earworm-train dataset"));
    }
}
