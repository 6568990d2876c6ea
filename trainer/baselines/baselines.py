"""Baselines on hand-made audio statistics, for a score to be held against.

    pip install -r requirements.txt
    python baselines.py --data DIR [--folds folds.csv] --out baselines.json [--cache DIR]

DIR holds `tracks.csv` and `audio/`. `folds.csv` has the columns `track_id,fold`, as the trainer writes
it; without it, five artist-grouped folds are made and written beside --out. Every number comes from
predictions for songs whose artist the model has not seen. One process, one thread.

Label: (liked + 10 m) / (annotations + 10), where m is the share of likes over the training rows. Models
learn from that; Spearman's rho is taken against the raw share liked / annotations; the AUC asks for
"smoothed label above its median over all songs" (there m is over all songs; ties are below).

Two of each: over all songs, and within genre (computed in each genre, averaged by number of songs).
Predictions are pooled over the folds. A model that says little more than the training mean looks
worse than chance when pooled, since the mean of the training rows falls where that of the held-out
rows rises; so `by_fold` also gives the mean over folds of the metrics inside each fold.
"""

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import json
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

FEATURES = "librosa-statistics-v1"  # name of the cache; change it when the features change
RATE = 22050
PRIOR = 10.0
DRAWS = 1000
SEED = 0
METRICS = ["spearman", "auc", "spearman_within_genre", "auc_within_genre"]


# ---------------------------------------------------------------- features

def statistics(path):
    """Mean and standard deviation over time of the usual librosa descriptors; 108 numbers a song."""
    y, _ = librosa.load(path, sr=RATE, mono=True)
    magnitude = np.abs(librosa.stft(y))
    power = magnitude ** 2
    mfcc = librosa.feature.mfcc(
        S=librosa.power_to_db(librosa.feature.melspectrogram(S=power, sr=RATE)), n_mfcc=20)
    rows = np.vstack([
        mfcc,
        librosa.feature.chroma_stft(S=power, sr=RATE),
        librosa.feature.spectral_contrast(S=magnitude, sr=RATE),
        librosa.feature.spectral_centroid(S=magnitude, sr=RATE),
        librosa.feature.spectral_bandwidth(S=magnitude, sr=RATE),
        librosa.feature.spectral_rolloff(S=magnitude, sr=RATE),
        librosa.feature.zero_crossing_rate(y),
        librosa.feature.rms(S=magnitude),
    ])
    deltas = librosa.feature.delta(mfcc).std(axis=1)
    return np.concatenate([rows.mean(axis=1), rows.std(axis=1), deltas])


def load_features(tracks, data, cache):
    """One row of statistics a song, kept in the cache folder (if any) one file a song."""
    rows = []
    for i, track in enumerate(tracks.itertuples()):
        kept = cache / FEATURES / f"{track.track_id}.npz" if cache else None
        if kept and kept.exists():
            rows.append(np.load(kept)["x"])
            continue
        x = statistics(data / "audio" / track.file)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, x=x)
        rows.append(x)
        if (i + 1) % 20 == 0:
            print(f"  features: {i + 1} of {len(tracks)}", flush=True)
    return np.array(rows)


# ---------------------------------------------------------------- labels and folds

def smoothed(tracks, train):
    """The label of every song, drawn towards the share of likes over the training rows."""
    m = tracks.liked[train].sum() / tracks.annotations[train].sum()
    return ((tracks.liked + PRIOR * m) / (tracks.annotations + PRIOR)).to_numpy()


def read_or_make_folds(tracks, path, out):
    """The fold of each song; with no file, artist-grouped folds, which are written beside `out`."""
    if path:
        table = pd.read_csv(path).set_index("track_id").fold
        missing = set(tracks.track_id) - set(table.index)
        if missing:
            raise SystemExit(f"{path}: no fold for {len(missing)} songs, such as {min(missing)}")
        return table.loc[tracks.track_id].to_numpy()
    folds = np.zeros(len(tracks), dtype=int)
    split = GroupKFold(5, shuffle=True, random_state=SEED)
    for k, (_, test) in enumerate(split.split(tracks, groups=tracks.artist)):
        folds[test] = k
    pd.DataFrame({"track_id": tracks.track_id, "fold": folds}).to_csv(
        out.parent / "folds.csv", index=False)
    return folds


def check_folds(tracks, folds):
    """Refuses folds in which an artist is on both sides."""
    spread = pd.Series(folds).groupby(tracks.artist.to_numpy()).nunique()
    if (spread > 1).any():
        raise SystemExit(f"folds split an artist: {', '.join(spread.index[spread > 1][:5])}")


# ---------------------------------------------------------------- models

def search(model, grid, x, y, groups):
    """The model with its parameters chosen by an inner artist-grouped search, fitted on all of x."""
    inner = GroupKFold(5, shuffle=True, random_state=SEED)
    return GridSearchCV(
        make_pipeline(StandardScaler(), model), grid, cv=inner,
        scoring="neg_mean_squared_error", n_jobs=1).fit(x, y, groups=groups)


def ridge(x, y, groups):
    """Ridge regression on z-scored columns."""
    return search(Ridge(), {"ridge__alpha": np.logspace(0, 5, 16)}, x, y, groups)


def svr(x, y, groups):
    """Support vector regression with a Gaussian kernel; gamma is relative to 1 / columns."""
    grid = {"svr__C": [0.03, 0.1, 0.3, 1.0, 3.0], "svr__gamma": np.array([0.1, 0.3, 1.0]) / x.shape[1]}
    return search(SVR(epsilon=0.1), grid, x, y, groups)


def genre_means(genre, y, train):
    """For every song, the mean training label of its genre."""
    return pd.Series(genre).map(pd.Series(y[train]).groupby(genre[train]).mean()).to_numpy()


def out_of_fold(fit, x, tracks, folds):
    """Predictions for each song by the model that was fitted without its fold."""
    artist = tracks.artist.to_numpy()
    predicted = np.zeros(len(tracks))
    chosen = []
    for fold in np.unique(folds):
        train = folds != fold
        y = smoothed(tracks, train)
        centre, scale = y[train].mean(), y[train].std()  # so that SVR's epsilon means something
        model = fit(x[train], (y[train] - centre) / scale, artist[train])
        predicted[~train] = centre + scale * model.predict(x[~train])
        chosen.append({k.split("__")[1]: float(v) for k, v in model.best_params_.items()})
    return predicted, chosen


def genre_out_of_fold(tracks, folds):
    """The genre-only baseline."""
    genre = tracks.genre.to_numpy()
    predicted = np.zeros(len(tracks))
    for fold in np.unique(folds):
        train = folds != fold
        predicted[~train] = genre_means(genre, smoothed(tracks, train), train)[~train]
    return predicted


# ---------------------------------------------------------------- metrics

def spearman(predicted, share):
    """Spearman's rho; 0 where one side is constant."""
    a, b = rankdata(predicted), rankdata(share)
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def auc(predicted, high):
    """Area under the ROC curve, by ranks (ties count half); NaN where only one class is there."""
    n = int(high.sum())
    if n == 0 or n == len(high):
        return float("nan")
    return float((rankdata(predicted)[high].sum() - n * (n + 1) / 2) / (n * (len(high) - n)))


def within(metric, predicted, truth, genre):
    """The metric in each genre, averaged by number of songs; genres where it is NaN are left out."""
    parts = [(metric(predicted[genre == g], truth[genre == g]), (genre == g).sum())
             for g in np.unique(genre)]
    parts = [(value, n) for value, n in parts if not np.isnan(value)]
    if not parts:
        return float("nan")
    values, sizes = zip(*parts)
    return float(np.average(values, weights=sizes))


def all_metrics(predicted, share, high, genre):
    """The four metrics, in the order of METRICS."""
    return np.array([
        spearman(predicted, share), auc(predicted, high),
        within(spearman, predicted, share, genre), within(auc, predicted, high, genre)])


def artist_draws(artist):
    """Row numbers of each bootstrap draw: artists with replacement, all of their songs."""
    rng = np.random.default_rng(SEED)
    rows = [np.flatnonzero(artist == name) for name in np.unique(artist)]
    for _ in range(DRAWS):
        yield np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])


def evaluate(predicted, tracks, folds):
    """Pooled metrics with 95 % intervals over artists, and their means over folds."""
    genre = tracks.genre.to_numpy()
    share = (tracks.liked / tracks.annotations).to_numpy()
    label = smoothed(tracks, np.ones(len(tracks), bool))
    high = label > np.median(label)
    columns = (predicted, share, high, genre)
    draws = [all_metrics(*(c[rows] for c in columns)) for rows in artist_draws(tracks.artist.to_numpy())]
    low, top = np.nanpercentile(draws, [2.5, 97.5], axis=0)
    by_fold = np.nanmean(
        [all_metrics(*(c[folds == f] for c in columns)) for f in np.unique(folds)], axis=0)
    values = all_metrics(*columns)
    return {name: {"value": round(float(values[i]), 4),
                   "low": round(float(low[i]), 4), "high": round(float(top[i]), 4),
                   "by_fold": round(float(by_fold[i]), 4)} for i, name in enumerate(METRICS)}


# ---------------------------------------------------------------- command line

def print_table(results):
    """A plain table: value, interval, and mean over folds."""
    print(f"{'baseline':<18}" + "".join(f"{name:>30}" for name in METRICS))
    for name, result in results.items():
        cells = (result["metrics"][m] for m in METRICS)
        print(f"{name:<18}" + "".join(
            f"{c['value']:>10.3f} [{c['low']:>6.3f},{c['high']:>6.3f}]" + " " * 4 for c in cells))
        print(f"{'  mean of folds':<18}" + "".join(
            f"{result['metrics'][m]['by_fold']:>10.3f}" + " " * 20 for m in METRICS))


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with tracks.csv and audio/")
    parser.add_argument("--folds", type=Path, help="track_id,fold; made when left out")
    parser.add_argument("--out", type=Path, required=True, help="JSON to write")
    parser.add_argument("--cache", type=Path, help="folder to keep features in")
    return parser.parse_args()


def main():
    """Runs the four baselines and writes their metrics."""
    args = arguments()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    tracks = pd.read_csv(args.data / "tracks.csv")
    folds = read_or_make_folds(tracks, args.folds, args.out)
    check_folds(tracks, folds)
    x = load_features(tracks, args.data, args.cache)
    with_genre = np.hstack([x, pd.get_dummies(tracks.genre).to_numpy(dtype=float)])

    predictions = {
        "genre": (genre_out_of_fold(tracks, folds), None),
        "ridge": out_of_fold(ridge, x, tracks, folds),
        "svr": out_of_fold(svr, x, tracks, folds),
        "ridge+genre": out_of_fold(ridge, with_genre, tracks, folds),
    }
    results = {name: {"metrics": evaluate(predicted, tracks, folds), "chosen": chosen}
               for name, (predicted, chosen) in predictions.items()}
    print_table(results)
    args.out.write_text(json.dumps({
        "songs": len(tracks), "artists": int(tracks.artist.nunique()),
        "folds": int(len(np.unique(folds))), "features": FEATURES, "columns": int(x.shape[1]),
        "interval": f"95 %, bootstrap over artists, {DRAWS} draws", "baselines": results,
        "predictions": {name: {str(t): round(float(v), 5) for t, v in zip(tracks.track_id, p)}
                        for name, (p, _) in predictions.items()},
    }, indent=1) + "\n")


if __name__ == "__main__":
    main()
