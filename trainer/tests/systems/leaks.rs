//! What tells songs apart without hearing the music: pieces on both sides of a split, and catalogues.

use std::path::Path;

use earworm_train::catalogues::{CatalogueReport, catalogues};
use earworm_train::dataset::build::build;
use earworm_train::dataset::{Dataset, FeatureSet};
use earworm_train::stats::{Kind, Source, StatsOptions, stats};

use crate::common::{RATE, made_songs, song, write_wav};
use crate::{HALF, figure, recipe, run};

/// Pieces of songs whose likes are drawn by lot: a model that has seen one piece of a song knows the
/// others, and nothing else.
#[test]
fn a_split_by_pieces_leaks() {
    let dir = tempfile::tempdir().unwrap();
    let audio = dir.path().join("audio");
    let mut options = made_songs(dir.path());
    let mut manifest = "track_id,file,artist,genre,votes,likes,calm\n".to_owned();
    for n in 0..24u32 {
        // Every song has a pitch of its own, of which its likes know nothing.
        let sound: Vec<f32> = (0..RATE * 6)
            .map(|i| {
                (i as f32 / RATE as f32 * std::f32::consts::TAU * (300.0 + 97.0 * n as f32)).sin()
            })
            .collect();
        write_wav(&audio.join(format!("{n}.wav")), &sound);
        let likes = if [0, 3, 4, 7, 9, 10, 13, 15, 16, 18, 21, 23].contains(&n) { 15 } else { 4 };
        manifest += &format!("{n},{n}.wav,artist {n},g0,20,{likes},10\n");
    }
    std::fs::write(&options.manifest, manifest).unwrap();
    options.out = dir.path().join("pitches");
    build(&options).unwrap();
    let network = "[model]\nkind = 'sound-cnn'\nchannels = [8, 8, 8, 8]\n[optimiser]\nlearning_rate = 0.01\n[budget]\nepochs = 20\nbatch = 16\n[split]\nfolds = 4\nlast = false\n";
    let data = "pieces = 4\ngroup = 'artist'\nclip_frames = 126\nclip = 'start'";
    let of = |leak: &str, name: &str| {
        let rest = format!("{network}{leak}");
        let mut recipe = recipe(&options.out, data, HALF, &rest);
        recipe.data.window_frames = 31;
        recipe.data.warm_up_frames = 31;
        run(&recipe, &dir.path().join(name))
    };
    let (leaky, sound) = (of("leak = true", "leaky"), of("", "sound"));
    // Songs are counted, not their pieces.
    assert_eq!((leaky.songs, sound.songs), (24, 24));
    assert_eq!((leaky.pieces, sound.pieces), (Some(96), Some(96)));
    assert!(sound.to_string().contains("96 pieces of 24 songs of 24 artists"), "{sound}");
    let page = std::fs::read_to_string(dir.path().join("sound/report.html")).unwrap();
    assert!(page.contains("made songs, 96 pieces of 24 songs"), "{page}");
    assert!(page.contains("96 pieces of 24 songs are few"), "{page}");
    // Either way a song's four pieces are one unit of the intervals.
    assert_eq!((leaky.groups, sound.groups), (24, 24));
    assert!(leaky.leaks && !sound.leaks);
    assert!(
        !leaky.to_string().contains("had not seen") && leaky.trust.contains("Do not trust"),
        "{leaky}"
    );
    let (with, without) = (figure(&leaky, "auc"), figure(&sound, "auc"));
    assert!(with > 0.8 && without < 0.75 && with > without + 0.2, "{leaky}\n{sound}");
}

#[test]
fn catalogues_are_told_by_their_level() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let mut manifest = "track_id,file,artist,genre,votes,likes,calm,catalogue,lot\n".to_owned();
    for n in 0..24u32 {
        // One catalogue is 20 dB quieter.
        let loud = n % 2 == 0;
        let sound: Vec<f32> =
            song(n, (n / 2) % 2 == 0).iter().map(|x| if loud { *x } else { 0.1 * x }).collect();
        write_wav(&options.audio.join(format!("{n}.wav")), &sound);
        let (catalogue, lot) = (if loud { "charts" } else { "archive" }, (n / 4) % 2);
        manifest += &format!("{n},{n}.wav,artist {n},g0,20,10,10,{catalogue},lot {lot}\n");
    }
    std::fs::write(&options.manifest, manifest).unwrap();
    build(&options).unwrap();
    let set = Dataset::open(&options.out).unwrap();
    let report = catalogues(&set, "catalogue").unwrap();
    let by_level = report.told.iter().find(|told| told.by == "level").unwrap();
    assert!(by_level.is_leak() && report.to_string().contains("warning"), "{report}");
    assert!(report.told.iter().filter(|told| told.by == "codec").all(|t| !t.is_leak()), "{report}");
    let report = catalogues(&set, "lot").unwrap();
    assert!(!report.to_string().contains("warning"), "{report}");
    let message = catalogues(&set, "track_id").unwrap_err().to_string();
    assert!(message.contains("not two values"), "{message}");
}

/// Whether both catalogues are told by one thing, or neither.
fn told_by(report: &CatalogueReport, by: &str) -> bool {
    let leaks: Vec<bool> =
        report.told.iter().filter(|told| told.by == by).map(|told| told.is_leak()).collect();
    assert!(leaks.len() == 2 && leaks[0] == leaks[1], "{by}: {report}");
    leaks[0]
}

/// Files of two codecs, none of which has an ending.
#[test]
fn catalogues_are_told_by_codec_whatever_their_files_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scorer/tests/fixtures");
    let mut manifest = "track_id,file,artist,genre,source\n".to_owned();
    for n in 0..24u32 {
        let (source, end) = if n % 2 == 0 { ("charts", "wav") } else { ("archive", "flac") };
        let tone = fixtures.join(format!("tone.{end}"));
        std::fs::copy(tone, options.audio.join(n.to_string())).unwrap();
        manifest += &format!("{n},{n},artist {n},g0,{source}\n");
    }
    std::fs::write(&options.manifest, manifest).unwrap();
    build(&options).unwrap();
    let set = Dataset::open(&options.out).unwrap();
    let codecs: Vec<_> = set.songs[..2].iter().map(|song| song.codec.as_deref()).collect();
    assert_eq!(codecs, [Some("pcm_s16le"), Some("flac")]);
    let report = catalogues(&set, "source").unwrap();
    assert!(told_by(&report, "codec"), "{report}");
    assert!(report.warning().unwrap().contains("charts by codec"), "{report}");
}

/// One catalogue has nothing above 2 kHz, as after a poor encoder, and its files have another ending, which
/// tells nothing. `fit` and `stats` say so of themselves: negatives from elsewhere are the songs of another
/// class.
#[test]
fn catalogues_are_told_by_bandwidth_and_not_by_endings() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.features = vec![FeatureSet::Descriptors];
    let mut manifest = "track_id,file,artist,genre,source,lot\n".to_owned();
    for n in 0..24u32 {
        let viral = n % 2 == 0;
        let whole = song(n, false);
        let mut sound = whole.clone();
        if !viral {
            for _ in 0..3 {
                sound = sound.windows(8).map(|near| near.iter().sum::<f32>() / 8.0).collect();
            }
        }
        // As loud as the others.
        let loudness = |x: &[f32]| (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32).sqrt();
        let gain = loudness(&whole) / loudness(&sound);
        sound.iter_mut().for_each(|v| *v *= gain);
        let (source, end) = if viral { ("charts", "wav") } else { ("archive", "wave") };
        write_wav(&options.audio.join(format!("{n}.{end}")), &sound);
        manifest += &format!("{n},{n}.{end},artist {n},g0,{source},lot {}\n", (n / 4) % 2);
    }
    std::fs::write(&options.manifest, manifest).unwrap();
    build(&options).unwrap();
    let mut set = Dataset::open(&options.out).unwrap();
    let report = catalogues(&set, "source").unwrap();
    assert!(told_by(&report, "bandwidth") && !told_by(&report, "codec"), "{report}");
    let report = catalogues(&set, "lot").unwrap();
    assert_eq!(report.warning(), None, "{report}");
    // Where an older version built a part of the data set, endings are all there is.
    set.songs[0].codec = None;
    assert!(told_by(&catalogues(&set, "source").unwrap(), "codec"));

    let head = "is = { column = 'source', value = 'charts' }";
    let rest = "[model]\nkind = 'tree'\n[split]\nfolds = 3\nlast = false";
    let out = dir.path().join("run");
    run(&recipe(&options.out, "columns = ['zcr']", head, rest), &out);
    let notes = std::fs::read_to_string(out.join("run.json")).unwrap();
    assert!(notes.contains("without hearing the music") && notes.contains("bandwidth"), "{notes}");
    let shown = stats(&StatsOptions {
        source: Source::Dataset(options.out.clone()),
        recipe: None,
        split: None,
        group: None,
        out: dir.path().join("stats"),
    })
    .unwrap();
    let warned: Vec<_> = shown.warnings.iter().filter(|w| w.kind == Kind::Catalogues).collect();
    assert_eq!(warned.len(), 1, "{:?}", shown.warnings);
    assert_eq!(warned[0].names, ["source"]);
}
