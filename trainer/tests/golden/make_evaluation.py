"""Golden values of the trainer's figures and calibrations, from scikit-learn and scipy.

    python trainer/tests/golden/make_evaluation.py

writes evaluation.json beside this file. Needs numpy, scipy and scikit-learn.
"""

import json
import pathlib

import numpy as np
import scipy
import sklearn
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest, spearmanr
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    mean_absolute_error,
    mean_squared_error,
    r2_score,
    roc_auc_score,
)

rng = np.random.default_rng(20240607)


def calibration_error(probability, yes, bins=10):
    """Expected calibration error over bins of equal width."""
    which = np.minimum((probability * bins).astype(int), bins - 1)
    error = 0.0
    for b in range(bins):
        inside = which == b
        if inside.any():
            error += inside.mean() * abs(probability[inside].mean() - yes[inside].mean())
    return error


def binary():
    raw = np.round(rng.normal(size=150), 1).astype(np.float32)  # with ties
    yes = (rng.random(150) < 1 / (1 + np.exp(-(1.4 * raw + 0.3)))).astype(int)
    p = 1 / (1 + np.exp(-raw.astype(float)))
    named = (raw > 0).astype(int)
    # A decision that is right or wrong in another way, for the tests between models.
    other = np.where(rng.random(150) < 0.25, 1 - named, named)
    a, b = int(((named == yes) & (other != yes)).sum()), int(((named != yes) & (other == yes)).sum())
    temperature = minimize_scalar(
        lambda t: np.logaddexp(0, np.where(yes == 1, -1, 1) * raw.astype(float) / t).sum(),
        bounds=(0.01, 100),
        method="bounded",
        options={"xatol": 1e-10},
    ).x
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(raw, yes)
    at = np.linspace(-4, 4, 81)
    return {
        "raw": raw.tolist(),
        "yes": yes.tolist(),
        "accuracy": accuracy_score(yes, named),
        "balanced_accuracy": balanced_accuracy_score(yes, named),
        "macro_f1": f1_score(yes, named, average="macro"),
        "auc": roc_auc_score(yes, raw),
        "brier": brier_score_loss(yes, p),
        "calibration_error": calibration_error(p, yes),
        "confusion": confusion_matrix(yes, named).tolist(),
        "mcnemar": {"first": a, "second": b, "p": binomtest(a, a + b, 0.5).pvalue},
        "temperature": temperature,
        "isotonic": {"at": at.tolist(), "value": isotonic.predict(at).tolist()},
    }


def classes():
    n, k = 180, 4
    truth = rng.choice(k, size=n, p=[0.1, 0.5, 0.25, 0.15])
    raw = (rng.normal(size=(n, k)) + 1.1 * np.eye(k)[truth]).astype(np.float32)
    p = softmax(raw.astype(float), axis=1)
    named = raw.argmax(axis=1)
    temperature = minimize_scalar(
        lambda t: -log_softmax(raw.astype(float) / t, axis=1)[np.arange(n), truth].sum(),
        bounds=(0.01, 100),
        method="bounded",
        options={"xatol": 1e-10},
    ).x
    return {
        "raw": raw.tolist(),
        "truth": truth.tolist(),
        "accuracy": accuracy_score(truth, named),
        "balanced_accuracy": balanced_accuracy_score(truth, named),
        "macro_f1": f1_score(truth, named, average="macro"),
        "auc": roc_auc_score(truth, p, multi_class="ovr", average="macro"),
        "brier": float(((p - np.eye(k)[truth]) ** 2).sum(axis=1).mean()),
        "calibration_error": calibration_error(p.max(axis=1), (named == truth).astype(int)),
        "confusion": confusion_matrix(truth, named).tolist(),
        "temperature": temperature,
    }


def regression():
    truth = np.round(rng.gamma(2.0, 3.0, size=120), 1)
    predicted = np.round(0.5 * truth + rng.normal(size=120) + 2, 1)
    return {
        "predicted": predicted.tolist(),
        "truth": truth.tolist(),
        "spearman": spearmanr(predicted, truth).statistic,
        "r2": r2_score(truth, predicted),
        "mae": mean_absolute_error(truth, predicted),
        "mse": mean_squared_error(truth, predicted),
    }


def main():
    golden = {
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__, "scikit-learn": sklearn.__version__},
        "binary": binary(),
        "classes": classes(),
        "regression": regression(),
        "mcnemar": [
            {"first": a, "second": b, "p": binomtest(a, a + b, 0.5).pvalue}
            for a, b in [(1, 0), (3, 9), (0, 8), (40, 61), (500, 580)]
        ],
    }
    path = pathlib.Path(__file__).with_name("evaluation.json")
    path.write_text(json.dumps(golden, indent=1, default=float).replace("\n    ", " ") + "\n")


if __name__ == "__main__":
    main()
