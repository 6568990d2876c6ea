//! What tells songs apart without hearing the music: pieces on both sides of a split, and catalogues.

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
    assert_eq!((leaky.songs, sound.songs), (96, 96));
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
    let report = earworm_train::catalogues::catalogues(&set, "catalogue").unwrap();
    let by_level = report.told.iter().find(|told| told.by == "level").unwrap();
    assert!(by_level.is_leak() && report.to_string().contains("warning"), "{report}");
    assert!(report.told.iter().filter(|told| told.by == "codec").all(|t| !t.is_leak()), "{report}");
    let report = earworm_train::catalogues::catalogues(&set, "lot").unwrap();
    assert!(!report.to_string().contains("warning"), "{report}");
    let message = earworm_train::catalogues::catalogues(&set, "track_id").unwrap_err().to_string();
    assert!(message.contains("not two values"), "{message}");
}

/// One catalogue has nothing above 2 kHz, as after a poor encoder, and comes in files of another kind. `fit`
/// and `stats` say so of themselves: negatives from elsewhere are the songs of another class.
#[test]
fn catalogues_are_told_by_bandwidth_and_by_codec() {
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
    let set = Dataset::open(&options.out).unwrap();
    let report = earworm_train::catalogues::catalogues(&set, "source").unwrap();
    for by in ["bandwidth", "codec"] {
        let told: Vec<_> = report.told.iter().filter(|told| told.by == by).collect();
        assert!(told.len() == 2 && told.iter().all(|told| told.is_leak()), "{by}: {report}");
    }
    let report = earworm_train::catalogues::catalogues(&set, "lot").unwrap();
    assert_eq!(report.warning(), None, "{report}");

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
