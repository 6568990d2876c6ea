//! How fast the features of whole songs are; `cargo xtask bench --only features` compares them with
//! librosa, torchaudio, essentia and pychorus.
//!
//! `cargo bench --workspace --bench features -- [--rounds WORK=COUNT,…] [FILE…]` prints one line of JSON. Each
//! work has its seconds on one thread, the shortest of some rounds (5 unless said otherwise), for 30 s of sound
//! or for a file, and numbers from its result by which peers show that they did the same. Without files it makes
//! two songs; `--make FOLDER` writes them as wav and ends.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use earworm_scorer::decode::AudioFile;
use earworm_scorer::features::{Chorus, Extractor, FeatureSet, find_chorus, names};
use earworm_scorer::front_end::{
    FrontEnd, FrontEndSettings, LevelKind, LevelSettings, MelNorm, MelScale,
};
use earworm_scorer::{Resampler, downmix_interleaved};

#[allow(dead_code, unreachable_pub, reason = "the tests use it too")]
#[path = "../tests/common/songs.rs"]
mod songs;

const RATE: u32 = songs::RATE;
/// The rate that sounds are taken to have when they are resampled, as most files have it.
const FROM: u32 = 44_100;
const BOTH: [FeatureSet; 2] = [FeatureSet::Descriptors, FeatureSet::LowLevel];
/// Seconds of sound that mel bands and descriptors are timed on.
const SOUND: usize = 30;
/// Files that are timed one by one; all of them are in the throughput.
const TIMED: usize = 4;
/// Files in which the place of the chorus is compared: few have one that all find.
const COMPARED: usize = 16;
const ROUNDS: usize = 5;
/// Sections of at least this many seconds are looked for, here as by the peer.
const CLIP_SECONDS: f64 = 10.0;

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if arguments.first().is_some_and(|a| a == "--make") {
        let folder = PathBuf::from(arguments.get(1).expect("--make FOLDER"));
        make(&folder).iter().for_each(|file| println!("{}", file.display()));
        return;
    }
    let rounds = Rounds::take(&mut arguments);
    let temporary = tempfile::tempdir().expect("a temporary folder");
    if arguments.is_empty() {
        let made = make(temporary.path());
        arguments = made.iter().map(|file| file.display().to_string()).collect();
    }
    let files: Vec<PathBuf> = arguments.into_iter().map(PathBuf::from).collect();
    let timed = &files[..files.len().min(TIMED)];
    let songs: Vec<Vec<f32>> = timed.iter().map(|file| decode(file)).collect();
    let starts: Vec<&[f32]> =
        songs.iter().map(|song| &song[..song.len().min(SOUND * RATE as usize)]).collect();
    let seconds: f64 = starts.iter().map(|song| song.len() as f64 / f64::from(RATE)).sum();
    let a_sound = SOUND as f64 / seconds;

    let a_file = 1.0 / timed.len() as f64;
    let a_faster_sound = a_sound * f64::from(FROM) / f64::from(RATE);
    let decoding = || timed.iter().for_each(|file| drop(black_box(decode_mono(file))));
    let resampling = || starts.iter().for_each(|sound| drop(black_box(resample(FROM, sound))));
    let both_sets = || timed.iter().for_each(|file| drop(black_box(song(file))));
    let choruses = || {
        for file in timed {
            black_box(chorus(file));
        }
    };
    let in_rounds = |name: &'static str, seconds: &dyn Fn(usize) -> f64, share: f64| {
        (name, (seconds(rounds.of(name)) * share).to_string())
    };
    let work = [
        in_rounds("decode", &|rounds| shortest(rounds, decoding), a_file),
        in_rounds("resample", &|rounds| shortest(rounds, resampling), a_faster_sound),
        in_rounds("mel_db", &|rounds| mel(&starts, rounds), a_sound),
        in_rounds("descriptors", &|rounds| extraction(&starts, &BOTH[..1], rounds), a_sound),
        in_rounds("low_level", &|rounds| extraction(&starts, &BOTH[1..], rounds), a_sound),
        in_rounds("both", &|rounds| extraction(&starts, &BOTH, rounds), a_sound),
        in_rounds("song", &|rounds| shortest(rounds, both_sets), a_file),
        in_rounds("chorus", &|rounds| shortest(rounds, choruses), a_file),
    ];
    let number = |name, value| (name, list(&[Some(value)]));
    let starts_of_choruses: Vec<Option<f64>> =
        files.iter().take(COMPARED).map(|file| Some(chorus(file)?.start)).collect();
    let results = [
        number("decode", rms(timed.iter().map(|file| decode_mono(file).1))),
        number("resample", rms(starts.iter().map(|sound| resample(FROM, sound)))),
        number("mel_db", mean_mel_db(&starts)),
        number("descriptors", mean_of(&starts, FeatureSet::Descriptors, "spec_cent")),
        number("low_level", mean_of(&starts, FeatureSet::LowLevel, "spectral_centroid")),
        number("song", mean_of_songs(timed, "spec_cent")),
        ("chorus", list(&starts_of_choruses)),
    ];
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (rate_of_one, _) = throughput(&files, 1);
    let (rate, decoding) = throughput(&files, threads);
    println!(
        "{{\"seconds\": {}, \"results\": {}, \"songs\": {}, \"threads\": {threads}, \
         \"songs_per_second_of_one\": {rate_of_one}, \
         \"songs_per_second\": {rate}, \"share_of_decoding\": {decoding}}}",
        object(&work),
        object(&results),
        files.len(),
    );
}

/// Named values as JSON.
fn object(of: &[(&str, String)]) -> String {
    let of: Vec<String> = of.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", of.join(", "))
}

/// Numbers as JSON, with `null` for none.
fn list(of: &[Option<f64>]) -> String {
    let of: Vec<String> =
        of.iter().map(|value| value.map_or("null".to_owned(), |x| x.to_string())).collect();
    format!("[{}]", of.join(", "))
}

/// How many rounds each work has.
struct Rounds(HashMap<String, usize>);

impl Rounds {
    /// Takes what `--rounds` says off the front of the arguments.
    fn take(arguments: &mut Vec<String>) -> Self {
        if arguments.first().is_none_or(|first| first != "--rounds") {
            return Self(HashMap::new());
        }
        let taken: Vec<String> = arguments.drain(..arguments.len().min(2)).collect();
        let each = |each: &str| {
            let (work, count) = each.split_once('=')?;
            Some((work.to_owned(), count.parse::<usize>().ok()?))
        };
        let rounds: Option<HashMap<String, usize>> =
            taken.get(1).and_then(|all| all.split(',').map(each).collect());
        Self(rounds.expect("--rounds WORK=COUNT,..."))
    }

    fn of(&self, work: &str) -> usize {
        self.0.get(work).copied().unwrap_or(ROUNDS)
    }
}

/// Of all samples together.
fn rms(sounds: impl Iterator<Item = Vec<f32>>) -> f64 {
    let (sum, count) =
        sounds.flatten().fold((0.0, 0.0), |(sum, n), x| (sum + f64::from(x).powi(2), n + 1.0));
    f64::sqrt(sum / count)
}

fn mel(sounds: &[&[f32]], rounds: usize) -> f64 {
    let mut front_end = FrontEnd::new(&mel_settings()).expect("valid settings");
    shortest(rounds, || sounds.iter().for_each(|s| drop(black_box(front_end.frames_of(s)))))
}

fn mean_mel_db(sounds: &[&[f32]]) -> f64 {
    let mut front_end = FrontEnd::new(&mel_settings()).expect("valid settings");
    let mean = |sound: &&[f32]| {
        let frames = front_end.frames_of(sound);
        let bands = || frames.iter().flat_map(|frame| frame.mel_db).copied();
        // As librosa's and torchaudio's `top_db`.
        let floor = bands().fold(f32::MIN, f32::max) - 80.0;
        bands().map(|x| f64::from(x.max(floor))).sum::<f64>() / bands().count() as f64
    };
    sounds.iter().map(mean).sum::<f64>() / sounds.len() as f64
}

/// One feature, on average over some sounds.
fn mean_of(sounds: &[&[f32]], set: FeatureSet, feature: &str) -> f64 {
    let at = names(set).iter().position(|name| name == feature).expect("one of its features");
    let mut extractor = Extractor::new(RATE, &[set]).expect("a rate that suits");
    let value = |s: &&[f32]| f64::from(extractor.extract(s).expect("sound")[at]);
    sounds.iter().map(value).sum::<f64>() / sounds.len() as f64
}

/// One of the descriptors of whole files, on average.
fn mean_of_songs(files: &[PathBuf], feature: &str) -> f64 {
    let at = names(BOTH[0]).iter().position(|name| name == feature).expect("one of its features");
    files.iter().map(|file| f64::from(song(file)[at])).sum::<f64>() / files.len() as f64
}

/// What a data set keeps of a song, from its file on.
fn song(file: &Path) -> Vec<f32> {
    let mut extractor = Extractor::new(RATE, &BOTH).expect("a rate that suits");
    extractor.extract(&decode(file)).expect("sound")
}

fn chorus(file: &Path) -> Option<Chorus> {
    find_chorus(&decode(file), RATE, CLIP_SECONDS)
}

/// 30 s of mel decibels as librosa and torchaudio make them, 2048/512/128.
fn mel_settings() -> FrontEndSettings {
    FrontEndSettings {
        sample_rate: RATE,
        n_fft: 2048,
        hop: 512,
        n_mels: 128,
        mel_scale: MelScale::Slaney,
        mel_norm: MelNorm::Slaney,
        f_min: 0.0,
        f_max: RATE as f32 / 2.0,
        amin: 1e-10,
        level: LevelSettings { kind: LevelKind::None, gate_db: -70.0, floor_db: 80.0 },
    }
}

/// Seconds of the quickest of some rounds.
fn shortest(rounds: usize, mut round: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        round();
        start.elapsed().as_secs_f64()
    };
    (0..rounds).map(time).fold(f64::MAX, f64::min)
}

fn extraction(songs: &[&[f32]], sets: &[FeatureSet], rounds: usize) -> f64 {
    let mut extractor = Extractor::new(RATE, sets).expect("a rate that suits");
    shortest(rounds, || {
        for song in songs {
            black_box(extractor.extract(song).expect("sound"));
        }
    })
}

/// Files a second through decoding and all features on so many threads, and the share of their time
/// that was decoding and resampling.
fn throughput(files: &[PathBuf], threads: usize) -> (f64, f64) {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let times: Vec<(f64, f64)> = std::thread::scope(|scope| {
        let work = || {
            let mut extractor = Extractor::new(RATE, &BOTH).expect("a rate that suits");
            let (mut decoding, mut all) = (0.0, 0.0);
            while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                let start = Instant::now();
                let samples = decode(file);
                decoding += start.elapsed().as_secs_f64();
                black_box(extractor.extract(&samples).expect("sound"));
                all += start.elapsed().as_secs_f64();
            }
            (decoding, all)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|t| t.join().expect("no thread panics")).collect()
    });
    let seconds = start.elapsed().as_secs_f64();
    let (decoding, all) = times.iter().fold((0.0, 0.0), |sum, t| (sum.0 + t.0, sum.1 + t.1));
    (files.len() as f64 / seconds, decoding / all)
}

/// A file's sample rate and its samples as one channel.
fn decode_mono(path: &Path) -> (u32, Vec<f32>) {
    let mut file = AudioFile::open(path).unwrap_or_else(|error| panic!("{error}"));
    let format = file.format();
    let (mut mono, mut samples) = (Vec::new(), Vec::new());
    while let Some(block) = file.next_block().expect("the file can be read") {
        downmix_interleaved(block, format.channels, &mut mono);
        samples.extend_from_slice(&mono);
    }
    (format.sample_rate, samples)
}

fn resample(rate: u32, mono: &[f32]) -> Vec<f32> {
    let mut resampler = Resampler::new(rate, RATE).expect("a rate that suits");
    let mut samples = Vec::new();
    for block in mono.chunks(4096) {
        resampler.push(block, |out| samples.extend_from_slice(out));
    }
    resampler.finish(|out| samples.extend_from_slice(out));
    samples
}

fn decode(path: &Path) -> Vec<f32> {
    let (rate, mono) = decode_mono(path);
    resample(rate, &mono)
}

/// Writes two made songs.
fn make(folder: &Path) -> Vec<PathBuf> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let write = |seed: u64| {
        let path = folder.join(format!("made-{seed}.wav"));
        let mut wav = hound::WavWriter::create(&path, spec).expect("a file can be written");
        for x in songs::make(seed).samples {
            wav.write_sample((x.clamp(-1.0, 1.0) * 32_767.0) as i16).expect("room on the disk");
        }
        wav.finalize().expect("room on the disk");
        path
    };
    [0, 1].map(write).to_vec()
}
