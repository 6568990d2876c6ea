//! Which figures a task is measured by.

use super::baselines::{
    always_the_mean, always_the_mean_r2, always_the_median, base_rates, coin, constant, majority,
    majority_f1, no_order,
};
use super::figure::Figure;
use super::songs::{Songs, pick};
use crate::metrics::bootstrap::{FEWEST_UNITS, averaged, draw, interval};
use crate::metrics::{
    accuracy, auc, auc_one_vs_rest, balanced_accuracy, brier, brier_of_classes, calibration_error,
    macro_f1, mean_absolute_error, mean_squared_error, r_squared, spearman,
};
use crate::run::Task;

/// Bins of the calibration error.
const BINS: usize = 10;
/// Figures of what was named or how likely it was held: there are none where nothing was named.
const OF_CLASSES: [&str; 5] =
    ["accuracy", "balanced accuracy", "macro f1", "brier", "calibration error"];

/// Over which songs a figure is taken before it is averaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// All at once: probabilities mean the same in every part.
    Pooled,
    /// The songs of each part.
    Parts,
    /// The songs of each genre of each part.
    Genres,
}

/// Takes a figure of some songs.
type Take = fn(&Songs, &[usize]) -> Option<f64>;
/// What a guess without listening gets, and what that guess is.
type Guess = fn(&Songs, &[usize]) -> Option<(f64, String)>;

/// A figure that can be taken of songs.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Over which songs.
    pub within: Within,
    /// Whether more is better.
    pub higher_is_better: bool,
    compute: Take,
    baseline: Guess,
}

impl Kind {
    /// Whether songs have such a figure at all.
    pub fn is_of(&self, songs: &Songs) -> bool {
        songs.decides() || !OF_CLASSES.contains(&self.name)
    }

    /// The figure of some songs, indices may repeat; `None` where it has no meaning.
    pub fn of(&self, songs: &Songs, chosen: &[usize]) -> Option<f64> {
        if !self.is_of(songs) {
            return None;
        }
        let figure = |part: &[usize]| (self.compute)(songs, part);
        let genres = songs.genres.len();
        let value = match self.within {
            Within::Pooled => figure(chosen),
            Within::Parts => averaged(chosen, |s| songs.part[s], songs.parts, figure),
            Within::Genres => {
                let key = |s: usize| songs.part[s] * genres + songs.genre[s];
                averaged(chosen, key, songs.parts * genres, figure)
            }
        };
        value.filter(|value| value.is_finite())
    }
}

const fn kind(
    name: &'static str,
    within: Within,
    higher_is_better: bool,
    compute: Take,
    baseline: Guess,
) -> Kind {
    Kind { name, within, higher_is_better, compute, baseline }
}

const AUC: Kind = kind("auc", Within::Parts, true, of_auc, coin);
const SPEARMAN: Kind = kind("spearman", Within::Parts, true, of_spearman, no_order);
const ACCURACY: Kind = kind("accuracy", Within::Parts, true, of_accuracy, majority);
const MAE: Kind = kind("mae", Within::Parts, false, of_mae, always_the_median);

/// The figures of a task, the most telling first. Those within genre are left out where songs have
/// none.
pub fn kinds(task: Task, genres: bool) -> Vec<Kind> {
    let classified = [
        kind("balanced accuracy", Within::Parts, true, of_balanced_accuracy, constant),
        kind("macro f1", Within::Parts, true, of_macro_f1, majority_f1),
        kind("brier", Within::Parts, false, of_brier, base_rates),
        kind("calibration error", Within::Pooled, false, of_calibration_error, |_, _| None),
    ];
    let r2 = kind("r2", Within::Parts, true, of_r2, always_the_mean_r2);
    let mse = kind("mse", Within::Parts, false, of_mse, always_the_mean);
    let auc_within = Kind { within: Within::Genres, ..AUC };
    let spearman_within = Kind { within: Within::Genres, ..SPEARMAN };
    let mut kinds = match task {
        Task::Share => vec![AUC, SPEARMAN, auc_within, spearman_within, ACCURACY],
        Task::Binary => vec![ACCURACY, AUC, auc_within],
        Task::Classes => vec![ACCURACY, AUC],
        Task::Regression => vec![SPEARMAN, spearman_within, r2, MAE, mse],
    };
    if task != Task::Regression {
        kinds.extend(classified);
    }
    if task == Task::Share {
        kinds.extend([r2, MAE]);
    }
    kinds.retain(|kind| genres || kind.within != Within::Genres);
    kinds
}

/// The few figures that fit beside each other for one genre or group.
pub fn short_kinds(task: Task) -> Vec<Kind> {
    match task {
        Task::Share => vec![AUC, SPEARMAN],
        Task::Binary => vec![ACCURACY, AUC],
        Task::Classes => vec![ACCURACY],
        Task::Regression => vec![SPEARMAN, MAE],
    }
}

/// Takes figures of some songs, with intervals over their units where there are enough of them. Figures
/// without meaning are left out.
pub fn measure(
    songs: &Songs,
    chosen: &[usize],
    kinds: &[Kind],
    draws: usize,
    seed: u64,
) -> Vec<Figure> {
    let values: Vec<Option<f64>> = kinds.iter().map(|kind| kind.of(songs, chosen)).collect();
    let units = songs.units_of(chosen);
    let draws = if units.len() < FEWEST_UNITS { 0 } else { draws };
    let drawn = draw(&units, draws, seed, |songs_of_draw| {
        kinds.iter().map(|kind| kind.of(songs, songs_of_draw)).collect()
    });
    let mut figures = Vec::new();
    for (row, (kind, value)) in kinds.iter().zip(values).enumerate() {
        let Some(value) = value else { continue };
        let baseline = (kind.baseline)(songs, chosen);
        // Chance adds to the calibration error of every draw, so that all of them can lie above it.
        let ends =
            drawn.get(row).and_then(|drawn| interval(drawn)).map(|(low, high)| match kind.name {
                "calibration error" => (low.min(value), high.max(value)),
                _ => (low, high),
            });
        figures.push(Figure {
            name: kind.name.into(),
            scope: if kind.within == Within::Genres { "within genre" } else { "all" }.into(),
            value,
            low: ends.map(|(low, _)| low),
            high: ends.map(|(_, high)| high),
            baseline: baseline.as_ref().map(|b| b.0),
            baseline_is: baseline.map(|b| b.1),
            higher_is_better: kind.higher_is_better,
        });
    }
    figures
}

/// Values of a column with one value a class.
fn pick_rows(column: &[f64], classes: usize, chosen: &[usize]) -> Vec<f64> {
    chosen.iter().flat_map(|&s| &column[s * classes..(s + 1) * classes]).copied().collect()
}

fn of_auc(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    if songs.task == Task::Classes {
        let classes = songs.classes.len();
        let plain = pick_rows(&songs.plain, classes, chosen);
        return auc_one_vs_rest(&plain, &pick(&songs.label, chosen), classes);
    }
    let high: Vec<bool> = chosen.iter().map(|&song| songs.is_score(song)).collect();
    auc(&pick(&songs.score, chosen), &high)
}

fn of_spearman(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    let truth = pick(&songs.truth, chosen);
    let ordered = truth.iter().any(|value| *value != truth[0]);
    // Songs without an order say nothing; a model that says the same of all knows nothing of theirs.
    ordered.then(|| spearman(&pick(&songs.score, chosen), &truth).unwrap_or(0.0))
}

fn of_accuracy(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    accuracy(&pick(&songs.decided, chosen), &pick(&songs.label, chosen))
}

fn of_balanced_accuracy(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    let classes = songs.classes.len();
    balanced_accuracy(&pick(&songs.decided, chosen), &pick(&songs.label, chosen), classes)
}

fn of_macro_f1(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    macro_f1(&pick(&songs.decided, chosen), &pick(&songs.label, chosen), songs.classes.len())
}

fn of_brier(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    if songs.task == Task::Classes {
        let classes = songs.classes.len();
        let probability = pick_rows(&songs.probability, classes, chosen);
        return brier_of_classes(&probability, &pick(&songs.label, chosen), classes);
    }
    let said: Vec<f64> = chosen.iter().map(|&song| songs.of_score(song)).collect();
    let high: Vec<bool> = chosen.iter().map(|&song| songs.is_score(song)).collect();
    brier(&said, &high)
}

fn of_calibration_error(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    let (said, right): (Vec<f64>, Vec<bool>) = chosen
        .iter()
        .map(|&song| match songs.task {
            // How sure it was of the class it holds likeliest.
            Task::Classes => {
                let sure = |&class: &usize| songs.of_class(song, class);
                let likeliest = (0..songs.classes.len())
                    .rev()
                    .max_by(|a, b| sure(a).total_cmp(&sure(b)))
                    .unwrap_or(0);
                (sure(&likeliest), likeliest == songs.label[song])
            }
            _ => (songs.of_score(song), songs.is_score(song)),
        })
        .unzip();
    calibration_error(&said, &right, BINS)
}

fn of_r2(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    r_squared(&pick(&songs.said, chosen), &pick(&songs.truth, chosen))
}

fn of_mae(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    mean_absolute_error(&pick(&songs.said, chosen), &pick(&songs.truth, chosen))
}

fn of_mse(songs: &Songs, chosen: &[usize]) -> Option<f64> {
    mean_squared_error(&pick(&songs.said, chosen), &pick(&songs.truth, chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 240 songs made by a formula, whose figures were taken before this module was widened.
    fn songs_of_before() -> Songs {
        let n = 240usize;
        let noise = |i: usize, k: usize| ((i * k + 17) % 997) as f64 / 997.0;
        let column = |f: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..n).map(f).collect() };
        let share = |i: usize| (0.3 * noise(i, 619) + 0.4 * noise(i, 271)).min(1.0);
        let artist = |i: usize| (i * i) % 61;
        // Units are sorted by name, as before.
        let mut names: Vec<String> = (0..n).map(|i| format!("artist {}", artist(i))).collect();
        let of_song = names.clone();
        names.sort();
        names.dedup();
        let unit = of_song.iter().map(|name| names.iter().position(|n| n == name).unwrap());
        Songs {
            task: Task::Share,
            classes: vec!["lower".into(), "upper".into()],
            score_class: 1,
            ids: (0..n).map(|i| i.to_string()).collect(),
            score: column(&|i| 0.35 * share(i) + 0.4 * noise(i, 443) - 0.3),
            said: column(&share),
            truth: column(&share),
            label: (0..n).map(|i| usize::from(share(i) > 0.34)).collect(),
            decided: vec![1; n],
            probability: vec![0.5; 2 * n],
            plain: vec![0.5; 2 * n],
            part: (0..n).map(|i| artist(i) % 5).collect(),
            parts: 5,
            genre: (0..n).map(|i| (i * 7) % 4).collect(),
            genres: (0..4).map(|g| format!("g{g}")).collect(),
            unit: unit.collect(),
            units: names,
            grouped: true,
        }
    }

    #[test]
    fn songs_without_an_order_say_nothing_of_it() {
        let mut songs = songs_of_before();
        assert_eq!(of_spearman(&songs, &[3]), None);
        songs.truth[4] = songs.truth[3];
        assert_eq!(of_spearman(&songs, &[3, 4]), None);
        // Who says the same of songs that have one does not know it.
        songs.score[6] = songs.score[5];
        assert_eq!(of_spearman(&songs, &[5, 6]), Some(0.0));
        // A genre of one song counts no more than none.
        let within = |songs: &Songs, chosen: &[usize]| {
            let kinds = kinds(Task::Share, true);
            let named = |kind: &&Kind| kind.name == "spearman" && kind.within == Within::Genres;
            kinds.iter().find(named).unwrap().of(songs, chosen).unwrap()
        };
        let (all, but_the_first): (Vec<usize>, Vec<usize>) =
            ((0..240).collect(), (1..240).collect());
        songs.genre[0] = 4;
        songs.genres.push("alone".into());
        assert_eq!(within(&songs, &all), within(&songs, &but_the_first));
    }

    #[test]
    fn the_four_figures_of_a_share_are_as_before() {
        let songs = songs_of_before();
        let figures = measure(&songs, &songs.all(), &kinds(Task::Share, true)[..4], 1000, 1);
        let expected = [
            ("auc", "all", 0.6852248839098115, 0.6400279572747927, 0.7413707574906634),
            ("spearman", "all", 0.38143569235894054, 0.28587220965264676, 0.5001034503308219),
            ("auc", "within genre", 0.6587757034632034, 0.5735145759903377, 0.7279934990764484),
            (
                "spearman",
                "within genre",
                0.3270147907647908,
                0.16525910029531302,
                0.4522327684623793,
            ),
        ];
        assert_eq!(figures.len(), 4);
        for (figure, (name, scope, value, low, high)) in figures.iter().zip(expected) {
            assert_eq!((&*figure.name, &*figure.scope), (name, scope));
            assert_eq!(
                (figure.value, figure.interval()),
                (value, Some((low, high))),
                "{name} {scope}"
            );
        }
    }

    #[test]
    fn baselines_are_what_a_constant_answer_gets() {
        let songs = songs_of_before();
        let all = songs.all();
        let figures = measure(&songs, &all, &kinds(Task::Share, true), 10, 1);
        let find = |name: &str| figures.iter().find(|f| f.name == name).unwrap();
        let upper = songs.label.iter().sum::<usize>() as f64 / 240.0;
        let accuracy = find("accuracy");
        // All songs are called upper, which is the baseline itself or its opposite.
        assert!((accuracy.value - upper).abs() < 1e-12);
        assert!((accuracy.baseline.unwrap() - upper.max(1.0 - upper)).abs() < 1e-12);
        assert_eq!(find("balanced accuracy").value, 0.5);
        assert!((find("brier").baseline.unwrap() - upper * (1.0 - upper)).abs() < 1e-12);
        assert_eq!(find("brier").value, 0.25);
        assert!((find("r2").value - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_few_units_have_no_interval() {
        let mut songs = songs_of_before();
        let kinds = kinds(Task::Share, false);
        let intervals = |songs: &Songs, chosen: &[usize]| {
            let figures = measure(songs, chosen, &kinds, 50, 1);
            let auc = figures.iter().find(|f| f.name == "auc").unwrap();
            assert_eq!(auc.beats_baseline().is_some(), auc.interval().is_some());
            figures.iter().filter(|figure| figure.interval().is_some()).count()
        };
        let all = songs.all();
        assert!(intervals(&songs, &all) > 0);
        songs.unit = all.iter().map(|song| song % FEWEST_UNITS).collect();
        assert!(intervals(&songs, &all) > 0);
        // All songs are of seven artists, and some of one.
        songs.unit = all.iter().map(|song| song % (FEWEST_UNITS - 1)).collect();
        assert_eq!(intervals(&songs, &all), 0);
        let of_one: Vec<usize> = all.into_iter().filter(|&song| songs.unit[song] == 0).collect();
        assert_eq!(intervals(&songs, &of_one), 0);
    }

    #[test]
    fn where_nothing_was_named_there_are_no_figures_of_it() {
        let mut songs = songs_of_before();
        songs.decided.clear();
        let figures = measure(&songs, &songs.all(), &kinds(Task::Share, true), 10, 1);
        let names: Vec<&str> = figures.iter().map(|figure| figure.name.as_str()).collect();
        assert!(OF_CLASSES.iter().all(|name| !names.contains(name)), "{names:?}");
        assert!(names.contains(&"auc") && names.contains(&"mae"), "{names:?}");
    }

    #[test]
    fn what_has_no_meaning_is_left_out() {
        let songs = songs_of_before();
        // One song: no order, one class.
        let names: Vec<String> = measure(&songs, &[3], &kinds(Task::Share, true), 10, 1)
            .into_iter()
            .map(|figure| figure.name)
            .collect();
        assert!(!names.contains(&"auc".to_owned()) && names.contains(&"accuracy".to_owned()));
        assert!(measure(&songs, &[], &kinds(Task::Share, true), 10, 1).is_empty());
    }
}
