"""Writes golden.json: what scikit-learn's models say of a small table.

Usage: python golden.py (numpy, scikit-learn 1.9); the rows are made here, from a fixed seed.
Three columns vary freely, one has two values, one repeats a few values, one is constant.
"""

import json
from pathlib import Path

import numpy as np
from sklearn.ensemble import AdaBoostClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

rng = np.random.RandomState(5)
n = 160
x = rng.rand(n, 3)
flag = (rng.rand(n) < 0.4).astype(float)
few = rng.randint(0, 4, n) / 3
x = np.column_stack([x, flag, few, np.full(n, 0.25)]).round(6)
drawn = 2 * x[:, 0] - x[:, 1] + 0.8 * flag + 0.5 * few + 0.6 * rng.randn(n)
two = (drawn > np.median(drawn)).astype(int)
three = np.digitize(drawn, np.quantile(drawn, [0.3, 0.7]))
train, test = slice(0, 120), slice(120, n)


def stump():
    return DecisionTreeClassifier(max_depth=1)


cases = []


def case(recipe, y, say, seed=0):
    cases.append({"recipe": recipe, "seed": seed, "y": y[train].tolist(), "said": say.tolist()})


def models(y):
    several = y.max() > 1

    def fit(model):
        return model.fit(x[train], y[train])

    knn = fit(KNeighborsClassifier(7)).predict_proba(x[test])
    case({"kind": "knn", "k": 7}, y, knn)
    for seed, recipe, settings in [
        (0, {"criterion": "entropy", "min_split": 10}, {"criterion": "entropy", "min_samples_split": 10}),
        (7, {"criterion": "gini", "max_depth": 3}, {"max_depth": 3}),
        (42, {}, {}),
    ]:
        tree = fit(DecisionTreeClassifier(random_state=seed, **settings)).predict_proba(x[test])
        case({"kind": "tree", **recipe}, y, tree, seed)
    for c in [0.1, 10.0]:
        logistic = fit(LogisticRegression(C=c, tol=1e-10, max_iter=10000))
        case({"kind": "logistic", "c": c}, y, logistic.decision_function(x[test]))
    svms = [{"c": 1.0}, {"c": 100.0, "gamma": 3.0}, {"c": 0.1, "gamma": 50.0}]
    for settings in svms:
        def svm(target):
            scaled = {"gamma": "scale", "C": settings["c"], **({"gamma": settings["gamma"]} if "gamma" in settings else {})}
            return SVC(**scaled, tol=1e-6).fit(x[train], target[train]).decision_function(x[test])
        say = np.column_stack([svm((y == c).astype(int)) for c in range(3)]) if several else svm(y)
        case({"kind": "svm", **settings}, y, say)
    for estimators, rate in [(1, 1.0), (20, 1.0), (30, 0.1), (10, 20.0)]:
        def boost(target):
            model = AdaBoostClassifier(stump(), n_estimators=estimators, learning_rate=rate, random_state=0)
            return model.fit(x[train], target[train]).decision_function(x[test])
        say = np.column_stack([boost((y == c).astype(int)) for c in range(3)]) if several else boost(y)
        case({"kind": "adaboost", "estimators": estimators, "rate": rate}, y, say)


models(two)
models(three)
golden = {"train": x[train].tolist(), "test": x[test].tolist(), "cases": cases}
text = json.dumps(golden, separators=(",", ":"))
Path(__file__).with_name("golden.json").write_text(text + "\n")
print(len(text), "bytes")
