//! What seed systems B and D and the follow-ups need around their networks: rows from sound, manifest and
//! words; numbers beside the sound; pieces of songs; embeddings; several sources in one target; catalogues.

use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use earworm_scorer::model::Input;
use earworm_scorer::{Model, Scorer, ScorerOptions, score_offline};
use earworm_train::dataset::build::{BuildOptions, build};
use earworm_train::dataset::{Dataset, FeatureSet};
use earworm_train::evaluate::Evaluation;
use earworm_train::export::{LARGEST_DIFFERENCE, export};
use earworm_train::fit::{FitOptions, fit};
use earworm_train::nn::{Blueprint, ModelRecipe};
use earworm_train::onnx::{Attribute, Dim, Graph};
use earworm_train::recipe::Recipe;
use earworm_train::report::evaluate;
use earworm_train::run::write_losses;
use earworm_train::stats::{Kind, Source, StatsOptions, stats};

mod common;

use common::{RATE, made_songs, song, write_wav};

/// A recipe on a data set, with `data`, `head` and the rest put in.
fn recipe(set: &Path, data: &str, head: &str, rest: &str) -> Recipe {
    let text = format!(
        r#"
        name = "made"
        licence = "CC0-1.0"
        seed = 3
        [data]
        set = "{}"
        name = "made songs"
        window_frames = 126
        warm_up_frames = 32
        {data}
        [[heads]]
        name = "liked"
        meaning = "liked"
        {head}
        {rest}
    "#,
        set.display()
    );
    Recipe::parse(&text, &[]).unwrap()
}

const SHARE: &str = "share = { count = 'likes', of = 'votes', prior = 2.0 }";
const HALF: &str = "above = { column = 'likes / votes', threshold = 0.5 }";

fn run(recipe: &Recipe, out: &Path) -> Evaluation {
    fit(recipe, out, &FitOptions::default()).unwrap();
    evaluate(out).unwrap()
}

fn figure(evaluation: &Evaluation, name: &str) -> f64 {
    let found = evaluation.figures.iter().find(|f| f.name == name && f.scope == "all");
    found.unwrap_or_else(|| panic!("no {name} in {evaluation}")).value
}

/// The made songs with words: those that are liked have a chorus, and some have none at all.
fn with_words(folder: &Path) -> BuildOptions {
    let mut options = made_songs(folder);
    options.features = vec![FeatureSet::Descriptors];
    let text = std::fs::read_to_string(&options.manifest).unwrap();
    let mut lines = text.lines();
    let mut manifest = lines.next().unwrap().to_owned() + ",words,year,plays,chart\n";
    for (n, line) in lines.enumerate() {
        let liked = (n / 2) % 2 == 0;
        let words = match (n % 6, liked) {
            (0, _) => "",
            (_, true) => "愛してる\n愛してる\n愛してる\nla la la",
            (_, false) => "Über den Wolken\nмуss die Freiheit\nwohl grenzenlos sein",
        };
        let plays = if liked { 900 + n } else { 10 + n };
        let chart = if n % 5 == 0 { String::new() } else { format!("{}", u8::from(liked)) };
        manifest += &format!("{line},\"{words}\",{},{plays},{chart}\n", 1980 + n);
    }
    std::fs::write(&options.manifest, manifest).unwrap();
    options
}

#[test]
fn rows_come_from_sound_manifest_and_words() {
    let dir = tempfile::tempdir().unwrap();
    let options = with_words(dir.path());
    build(&options).unwrap();
    let set = &options.out;
    let training =
        "[split]\nfolds = 3\n[optimiser]\nlearning_rate = 0.01\n[budget]\nepochs = 60\nbatch = 8";
    // Words alone tell; gaps are filled.
    let words = "lyrics = 'words'\ncolumns = ['lyrics_repeated_lines', 'lyrics_vocabulary', 'year']\nscale = 'standard'";
    let rest =
        format!("[model]\nkind = 'few-features'\nembedding = 4\nwidth = 8\nblocks = 1\n{training}");
    let of_words = run(&recipe(set, words, SHARE, &rest), &dir.path().join("words"));
    assert!(figure(&of_words, "auc") > 0.75, "{of_words}");
    let message = export(&dir.path().join("words"), &dir.path().join("model")).err().unwrap();
    assert!(format!("{message:#}").contains("lyrics_vocabulary"), "{message:#}");

    // LossNet: how wrong that model is about a song, from its sound.
    let losses = dir.path().join("losses.csv");
    assert_eq!(write_losses(&dir.path().join("words"), &losses).unwrap(), 24);
    let joined =
        format!("join = '{}'\ncolumns = ['zcr', 'mfcc']\nscale = 'standard'", losses.display());
    let loss = "value = { column = 'loss', low = 0.0, high = 1.0 }";
    let rest_of_loss = format!("{rest}\n[loss]\nkind = 'mse'");
    let net = run(&recipe(set, &joined, loss, &rest_of_loss), &dir.path().join("loss-net"));
    assert_eq!(net.songs, 24);
    // Other losses make other labels: what was begun with these does not go on with those.
    let before = std::fs::read_to_string(&losses).unwrap();
    std::fs::write(&losses, before.clone() + "\n").unwrap();
    let again = recipe(set, &joined, loss, &rest_of_loss);
    let error = fit(&again, &dir.path().join("loss-net"), &FitOptions::default()).unwrap_err();
    assert!(format!("{error:#}").contains("data.join"), "{error:#}");
    std::fs::write(&losses, before).unwrap();
    fit(&again, &dir.path().join("loss-net"), &FitOptions::default()).unwrap();

    // Several sources in one target, some of which do not know a song.
    let blend = "blend = { sources = [{ column = 'plays', scale = 'log-range' }, { column = 'chart', scale = 'range' }] }";
    let sound = "columns = ['zcr', 'spec_cent', 'mfcc']\nscale = 'standard'";
    let rest = format!(
        "[model]\nkind = 'mlp'\nwidths = [8]\ndropout = 0.0\n{training}\n[loss]\nkind = 'mse'"
    );
    let blended = run(&recipe(set, sound, blend, &rest), &dir.path().join("blend"));
    assert!(figure(&blended, "r2") > 0.8, "{blended}");

    // A column that is not there is named.
    let missing = recipe(
        set,
        "columns = ['zcr', 'year', 'bpm']",
        SHARE,
        &rest.replace("[loss]\nkind = 'mse'", ""),
    );
    let message = fit(&missing, &dir.path().join("missing"), &FitOptions::default()).unwrap_err();
    assert!(format!("{message:#}").contains("\"bpm\""), "{message:#}");
}

#[test]
fn sound_and_numbers_go_into_one_model_that_the_scorer_runs() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.features = vec![FeatureSet::Descriptors];
    build(&options).unwrap();
    let data = "beside = ['zcr', 'spec_cent']\nscale = 'standard'\ngroup = 'artist'";
    let rest = "[split]\nfolds = 3\n[optimiser]\nlearning_rate = 0.01\n[budget]\nepochs = 15\nbatch = 8\n[model]\n";
    for (name, model) in [
        ("late-fusion", "kind = 'late-fusion'\npatch = 9\nhidden = 8\nwidth = 8"),
        (
            "autoen-chorder",
            "kind = 'autoen-chorder'\npatch = 9\nhidden = 8\ncode = 2\nlayers = 3\npreparation = 3",
        ),
    ] {
        let out = dir.path().join(name);
        let evaluation = run(&recipe(&options.out, data, SHARE, &format!("{rest}{model}")), &out);
        assert!(figure(&evaluation, "auc") > 0.9, "{name}: {evaluation}");
        let report = export(&out, &dir.path().join(format!("{name}-model"))).unwrap();
        assert!(report.windows > 0 && report.difference <= LARGEST_DIFFERENCE, "{name}: {report}");
        let model = Model::load(&report.model).unwrap();
        assert!(matches!(model.metadata().input, Input::MelAndDescriptors { .. }));
        let score = |liked| {
            let mut scorer = Scorer::new(model.clone(), RATE, ScorerOptions::FILE).unwrap();
            scorer.push_mono(&song(1000, liked), &mut ()).unwrap();
            scorer.finish(&mut ()).unwrap();
            scorer.reading().integrated.unwrap()
        };
        assert!(score(true) > score(false) + 5.0, "{name}: {} {}", score(true), score(false));
        // Exactly one window of sound: 126 frames of 512 samples every 512.
        let sound = &song(1000, true)[..126 * 512];
        let mut scorer = Scorer::new(model.clone(), RATE, ScorerOptions::LIVE).unwrap();
        scorer.push_mono(sound, &mut ()).unwrap();
        scorer.finish(&mut ()).unwrap();
        let raw = score_offline(&model, sound).unwrap();
        assert_eq!(scorer.reading().integrated, Some(model.metadata().score(&raw)), "{name}");
    }
}

/// LossNet: from the sound, how wrong another model is about a song. That model knows nothing of the sound
/// and always says the middle; so it is right about tones, all of which lie there, and wrong about noise.
#[test]
fn loss_net_tells_from_the_sound_where_another_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let options = made_songs(dir.path());
    let mut manifest = "track_id,file,artist,genre,lot,popularity\n".to_owned();
    let is_tone = |n: u32| (n / 2).is_multiple_of(2);
    for n in 0..24u32 {
        write_wav(&options.audio.join(format!("{n}.wav")), &song(n, is_tone(n)));
        let popularity = if is_tone(n) { 50 } else { 100 * (n % 2) };
        manifest += &format!("{n},{n}.wav,artist {},g0,{},{popularity}\n", n / 2, n % 5);
    }
    std::fs::write(&options.manifest, manifest).unwrap();
    build(&options).unwrap();
    let training = "[split]\nfolds = 3\nlast = false\n[loss]\nkind = 'mse'\n[optimiser]\nlearning_rate = 0.01\n[budget]\nepochs = 20\nbatch = 8";
    let value = "value = { column = 'popularity', low = 0.0, high = 100.0 }";
    let other = "columns = ['lot']\nscale = 'standard'\ngroup = 'artist'";
    let small =
        format!("[model]\nkind = 'few-features'\nembedding = 1\nwidth = 1\nblocks = 1\n{training}");
    run(&recipe(&options.out, other, value, &small), &dir.path().join("other"));
    let losses = dir.path().join("losses.csv");
    assert_eq!(write_losses(&dir.path().join("other"), &losses).unwrap(), 24);

    let learn = |losses: &Path, name: &str| -> Vec<f64> {
        let data = format!("join = '{}'\ngroup = 'artist'", losses.display());
        let target = "value = { column = 'loss', low = 0.0, high = 1.0 }";
        let net = format!(
            "[model]\nkind = 'attention-pool'\npatch = 9\nhidden = 8\nattention = 4\n{training}"
        );
        let out = dir.path().join(name);
        run(&recipe(&options.out, &data, target, &net), &out);
        let run = earworm_train::run::Run::open(&out).unwrap();
        let mut said: Vec<(u32, f64)> = run
            .songs()
            .map(|(_, row)| (row.track_id.parse().unwrap(), f64::from(row.raw[0])))
            .collect();
        said.sort_by_key(|&(n, _)| n);
        said.into_iter().map(|(_, said)| said).collect()
    };
    let noise: Vec<bool> = (0..24).map(|n| !is_tone(n)).collect();
    let learnt = earworm_train::metrics::auc(&learn(&losses, "loss-net"), &noise).unwrap();
    assert!(learnt > 0.95, "{learnt}");

    // Losses dealt out by lot, the same ones: the sound says nothing of them.
    let text = std::fs::read_to_string(&losses).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    let rows: Vec<(&str, &str)> = lines.map(|line| line.split_once(',').unwrap()).collect();
    let dealt: Vec<String> =
        (0..24).map(|n| format!("{},{}", rows[n].0, rows[(7 * n + n / 4) % 24].1)).collect();
    let by_lot = dir.path().join("by-lot.csv");
    std::fs::write(&by_lot, format!("{header}\n{}\n", dealt.join("\n"))).unwrap();
    let nothing = earworm_train::metrics::auc(&learn(&by_lot, "by-lot"), &noise).unwrap();
    assert!(nothing < 0.9, "{nothing}");
}

/// Words and metadata beside the sound: here only they tell, and the sound is noise in all songs.
#[test]
fn words_and_metadata_are_fused_with_the_sound() {
    let dir = tempfile::tempdir().unwrap();
    let options = with_words(dir.path());
    for n in 0..24 {
        write_wav(&options.audio.join(format!("{n}.wav")), &song(n, false));
    }
    build(&options).unwrap();
    let data = "lyrics = 'words'\nbeside = ['lyrics_repeated_lines', 'lyrics_vocabulary', 'year']\nscale = 'standard'";
    let rest = "[split]\nfolds = 3\n[optimiser]\nlearning_rate = 0.01\n[budget]\nepochs = 25\nbatch = 8\n[model]\nkind = 'late-fusion'\npatch = 9\nhidden = 4\nwidth = 8";
    let out = dir.path().join("fused");
    let evaluation = run(&recipe(&options.out, data, SHARE, rest), &out);
    // A sixth of the songs has no words at all.
    assert!(figure(&evaluation, "auc") > 0.75, "{evaluation}");
    let message = format!("{:#}", export(&out, &dir.path().join("model")).err().unwrap());
    assert!(message.contains("lyrics_repeated_lines") && message.contains("year"), "{message}");
}

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

/// A model over VGGish's patches: the mean of each band, or the first `values` of a patch.
fn embedding(path: &Path, frames: usize, flat: bool) {
    let mut graph = Graph::default();
    graph.input("patch", &[Dim::Any("batch"), Dim::Size(frames), Dim::Size(64)]);
    graph.output("embedding", &[Dim::Any("batch"), Dim::Any("values")]);
    if flat {
        graph.node("Flatten", &["patch"], &["embedding"], vec![Attribute::int("axis", 1)]);
    } else {
        let mean = vec![Attribute::ints("axes", &[1]), Attribute::int("keepdims", 0)];
        graph.node("ReduceMean", &["patch"], &["embedding"], mean);
    }
    std::fs::write(path, graph.encode_plain("means")).unwrap();
}

#[test]
fn embeddings_stand_in_place_of_frames() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.front_end = None;
    options.features = vec![FeatureSet::Descriptors];
    // One song is shorter than a patch.
    write_wav(&options.audio.join("5.wav"), &song(5, true)[..12_000]);
    let path = |name: &str| -> PathBuf { dir.path().join(name) };
    embedding(&path("means.onnx"), 96, false);
    options.embedding = Some(path("means.onnx"));
    let report = build(&options).unwrap();
    assert_eq!(report.built, 23, "{report}");
    let short = report.skipped.iter().find(|(id, _)| id == "5").unwrap();
    assert!(short.1.contains("less than one patch"), "{report}");
    let set = Dataset::open(&options.out).unwrap();
    assert_eq!(set.front_end.n_mels, 64);
    // Six seconds are six whole patches of 0.96 s.
    assert!(set.songs.iter().all(|song| (song.frames, song.audible) == (6, 6)));

    let data = "beside = ['zcr', 'spec_cent']\nscale = 'standard'\ngroup = 'artist'";
    let rest = "[split]\nfolds = 3\n[optimiser]\nlearning_rate = 0.01\n[budget]\nepochs = 15\nbatch = 8\n[model]\nkind = 'autoen-chorder'\npatch = 1\nhidden = 8\ncode = 2\nlayers = 3\npreparation = 3";
    let mut recipe = recipe(&options.out, data, SHARE, rest);
    (recipe.data.window_frames, recipe.data.warm_up_frames) = (6, 6);
    let evaluation = run(&recipe, &path("run"));
    assert!(figure(&evaluation, "auc") > 0.9, "{evaluation}");
    let message = format!("{:#}", export(&path("run"), &path("model")).err().unwrap());
    assert!(message.contains("embeddings"), "{message}");

    // What cannot be used is named.
    let refused = |file: &str| {
        let options =
            BuildOptions { embedding: Some(path(file)), out: path("other"), ..options.clone() };
        format!("{:#}", build(&options).unwrap_err())
    };
    embedding(&path("wide.onnx"), 96, true);
    embedding(&path("shape.onnx"), 50, false);
    std::fs::write(path("text.onnx"), "no model").unwrap();
    std::fs::write(path("weights.pth"), "no model").unwrap();
    assert!(refused("wide.onnx").contains("6144 values"));
    assert!(refused("shape.onnx").contains("the shape"));
    assert!(refused("text.onnx").contains("text.onnx"));
    assert!(refused("gone.onnx").contains("gone.onnx"));
    assert!(refused("weights.pth").contains(".safetensors"));
}

/// The weights of VGGish as a file: what stands in the data set is what the network itself makes of a patch.
#[test]
fn a_file_of_weights_makes_embeddings() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = made_songs(dir.path());
    options.front_end = None;
    let (bands, frames) = (earworm_train::embed::BANDS, earworm_train::embed::FRAMES);
    // A thirty-second of the published width: four values in place of 128.
    let blueprint = Blueprint {
        bands,
        beside: 0,
        frames,
        outputs: 4,
        mean: &vec![0.0; bands],
        deviation: &vec![1.0; bands],
        output_bias: &[0.0; 4],
        seed: 6,
        device: &Device::Cpu,
    };
    let recipe: ModelRecipe = toml::from_str("kind = 'vggish'\nwidth = 0.03125").unwrap();
    let network = earworm_train::nn::build(&recipe, &blueprint).unwrap();
    let of_embedding = |name: &str| name.starts_with("features") || name.starts_with("embeddings");
    let mut tensors = network.weights().tensors();
    // Its outputs are the embedding itself.
    tensors.insert("outputs.weight".into(), Tensor::eye(4, DType::F32, &Device::Cpu).unwrap());
    network.weights().set(&tensors).unwrap();
    tensors.retain(|name, _| of_embedding(name));
    let path = dir.path().join("vggish.safetensors");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    options.embedding = Some(path.clone());
    build(&options).unwrap();
    let set = Dataset::open(&options.out).unwrap();
    assert_eq!(set.front_end.n_mels, 4);
    let place = set.songs.iter().position(|song| song.track.id == "3").unwrap();
    let samples = song(3, false);
    let patch = earworm_train::embed::FrontEnd::new().patch(&samples);
    let x = Tensor::from_vec(patch, (frames, 1, bands), &Device::Cpu).unwrap();
    let own = network.forward(&x, &[0], None).unwrap().flatten_all().unwrap();
    let own = own.to_vec1::<f32>().unwrap();
    let (first, _) = set.frames(place).iter().next().unwrap();
    assert!(own.iter().any(|&v| v > 0.0), "{own:?}");
    assert!(own.iter().zip(first).all(|(a, b)| (a - b).abs() < 1e-4), "{own:?} {first:?}");

    // A file that lacks a layer is refused, and so are weights for frames of decibels.
    tensors.retain(|name, _| name != "embeddings.4.weight");
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let again = BuildOptions { out: dir.path().join("again"), ..options };
    let message = format!("{:#}", build(&again).unwrap_err());
    assert!(message.contains("embeddings.4.weight"), "{message}");
    let named: ModelRecipe =
        toml::from_str("kind = 'vggish'\nweights = 'vggish.safetensors'").unwrap();
    assert!(named.validate().unwrap_err().to_string().contains("ln(mel + 0.01)"));
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

#[test]
fn the_recipes_of_the_seeds_are_valid() {
    let mut count = 0;
    for folder in ["seed-a", "seed-b", "seed-c", "seed-d", "seed-e"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes").join(folder);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if !path.file_name().unwrap().to_str().unwrap().starts_with("front_end") {
                Recipe::load(&path, &[]).unwrap();
                count += 1;
            }
        }
    }
    assert_eq!(count, 23);
}
