//! LossNet, the model of another's mistakes.

use std::path::Path;

use earworm_train::dataset::build::build;
use earworm_train::run::write_losses;
use rand::SeedableRng;
use rand::seq::SliceRandom;

use crate::common::{made_songs, song, write_wav};
use crate::{recipe, run};

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
    let auc = |said: &[f64], wrong: &[bool]| earworm_train::metrics::auc(said, wrong).unwrap();
    let noise: Vec<bool> = (0..24).map(|n| !is_tone(n)).collect();
    let learnt = auc(&learn(&losses, "loss-net"), &noise);
    assert!(learnt > 0.95, "{learnt}");

    // Losses dealt out by lot, the same ones: the sound says nothing of them.
    let text = std::fs::read_to_string(&losses).unwrap();
    let mut lines = text.lines();
    let header = lines.next().unwrap();
    let rows: Vec<(&str, &str)> = lines.map(|line| line.split_once(',').unwrap()).collect();
    let nothing = |seed: u64| {
        let mut lots: Vec<usize> = (0..24).collect();
        lots.shuffle(&mut earworm_train::Rng::seed_from_u64(seed));
        let dealt = |n: usize| format!("{},{}", rows[n].0, rows[lots[n]].1);
        let dealt: Vec<String> = (0..24).map(dealt).collect();
        let by_lot = dir.path().join(format!("by-lot-{seed}.csv"));
        std::fs::write(&by_lot, format!("{header}\n{}\n", dealt.join("\n"))).unwrap();
        let id = |n: usize| rows[n].0.parse::<usize>().unwrap();
        let mut wrong = [false; 24];
        (0..24).for_each(|n| wrong[id(n)] = noise[id(lots[n])]);
        auc(&learn(&by_lot, &format!("by-lot-{seed}")), &wrong)
    };
    let nothing = (1..4).map(nothing).sum::<f64>() / 3.0;
    assert!((nothing - 0.5).abs() < 0.2, "{nothing}");
}
