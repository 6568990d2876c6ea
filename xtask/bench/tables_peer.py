"""Fits the models of rows that the trainer's benchmark fits, in scikit-learn on one thread.

    python tables_peer.py

Prints one line of JSON: for each model the seconds that fitting it and asking it about its own rows take, the
shortest of some rounds, and how many it answers rightly. Needs numpy and scikit-learn.
"""

import os

for pool in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[pool] = "1"

import json  # noqa: E402
import time  # noqa: E402

import numpy as np  # noqa: E402
from sklearn.ensemble import AdaBoostClassifier  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.neighbors import KNeighborsClassifier  # noqa: E402
from sklearn.svm import SVC  # noqa: E402
from sklearn.tree import DecisionTreeClassifier  # noqa: E402

ROWS, COLUMNS, ROUNDS = 3000, 19, 3

MODELS = {
    "knn": lambda: KNeighborsClassifier(n_neighbors=8),
    "svm": lambda: SVC(C=1.0, gamma="scale"),
    "tree": lambda: DecisionTreeClassifier(criterion="entropy", min_samples_split=10, random_state=0),
    "adaboost": lambda: AdaBoostClassifier(n_estimators=50, learning_rate=0.5, random_state=0),
    "logistic": lambda: LogisticRegression(C=1.0),
}


def rows():
    """From the generator that the trainer's benchmark has too."""
    state = 1

    def draw():
        nonlocal state
        state = (state * 1_664_525 + 1_013_904_223) & 0xFFFFFFFF
        return (state >> 8) / (1 << 24)

    x, y = np.empty((ROWS, COLUMNS)), np.empty(ROWS, int)
    for at in range(ROWS):
        x[at] = [draw() for _ in range(COLUMNS)]
        said = x[at, 0] + x[at, 1] * x[at, 2] + 0.5 * abs(x[at, 3] - 0.5) + draw()
        y[at] = said > 1.4
    return x, y


def main():
    """Prints the line."""
    x, y = rows()
    found = {}
    for name, make in MODELS.items():
        seconds = float("inf")
        for _ in range(ROUNDS):
            start = time.perf_counter()
            said = make().fit(x, y).predict(x)
            seconds = min(seconds, time.perf_counter() - start)
        found[name] = {"seconds": seconds, "accuracy": float((said == y).mean())}
    print(json.dumps({"models": found}))


if __name__ == "__main__":
    main()
