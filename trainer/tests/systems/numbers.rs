//! Numbers in place of the sound or beside it: of the sound, of the manifest, of words.

use std::path::Path;

use earworm_scorer::model::Input;
use earworm_scorer::{Model, Scorer, ScorerOptions, score_offline};
use earworm_train::dataset::FeatureSet;
use earworm_train::dataset::build::{BuildOptions, build};
use earworm_train::export::{LARGEST_DIFFERENCE, export};
use earworm_train::fit::{FitOptions, fit, trained_recipe};
use earworm_train::run::write_losses;

use crate::common::{RATE, made_songs, song, write_wav};
use crate::{SHARE, figure, recipe, run};

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
    // The same losses in another place are the same labels, and where they were last is kept.
    let moved = dir.path().join("moved.csv");
    std::fs::rename(&losses, &moved).unwrap();
    let gone = fit(&again, &dir.path().join("loss-net"), &FitOptions::default()).unwrap_err();
    assert!(gone.to_string().contains("--set data.join="), "{gone:#}");
    let mut elsewhere = again.clone();
    elsewhere.data.join = Some(moved.clone());
    fit(&elsewhere, &dir.path().join("loss-net"), &FitOptions::default()).unwrap();
    let kept = trained_recipe(&dir.path().join("loss-net")).unwrap();
    assert_eq!(kept.data.join, Some(moved));

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
