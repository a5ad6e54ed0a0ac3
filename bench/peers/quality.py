"""scikit-learn and LightGBM on the rows and sets bench/train-quality.ts wrote: argv = a folder with shape.json, one file a column, `label`
and `set` (0 fit, 1 early stopping, 2 calibration, 3 test). Prints one JSON line: metrics on the test rows by family and library.
Brier and ECE are those of the best of three on the test rows themselves: as it is, Platt, isotonic. That favours the peers."""
import json
import sys

import lightgbm
import numpy as np
import pandas as pd
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

folder = sys.argv[1]
shape = json.load(open(f"{folder}/shape.json"))
names = [c["name"] for c in shape["columns"] if c["words"]]
numbers = [c["name"] for c in shape["columns"] if not c["words"]]


def column(c):
    if not c["words"]:
        return np.fromfile(f"{folder}/{c['file']}", dtype="f8").astype("f4").astype("f8")
    return pd.Categorical.from_codes(np.fromfile(f"{folder}/{c['file']}", dtype="i4"), range(c["words"]))


x = pd.DataFrame({c["name"]: column(c) for c in shape["columns"]})
y = np.fromfile(f"{folder}/label", dtype="u1")
part = np.fromfile(f"{folder}/set", dtype="u1")
fit, stop, learn, tune, test = part == 0, part == 1, part <= 1, part == 2, part == 3


def ece(p):
    """15 bins of equal count."""
    parts = np.array_split(np.argsort(p, kind="stable"), 15)
    return float(sum(len(at) * abs(p[at].mean() - y[test][at].mean()) for at in parts) / len(p))


def metrics(predict):
    raw_tune, raw = predict(x[tune]), predict(x[test])
    logit = lambda p: np.log(np.clip(p, 1e-9, 1 - 1e-9) / (1 - np.clip(p, 1e-9, 1 - 1e-9))).reshape(-1, 1)
    platt = LogisticRegression(C=1e6).fit(logit(raw_tune), y[tune]).predict_proba(logit(raw))[:, 1]
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(raw_tune, y[tune]).predict(raw)
    best = min((raw, platt, isotonic), key=lambda p: brier_score_loss(y[test], p))
    return {
        "roc_auc": float(roc_auc_score(y[test], raw)),
        "brier": float(brier_score_loss(y[test], best)),
        "ece": min(ece(p) for p in (raw, platt, isotonic)),
    }


def logistic():
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler()), numbers),
            ("names", OneHotEncoder(handle_unknown="ignore"), names),
        ]
    )
    model = make_pipeline(columns, LogisticRegression(max_iter=2000)).fit(x[learn], y[learn])
    return metrics(lambda rows: model.predict_proba(rows)[:, 1])


def by_lightgbm():
    settings = dict(objective="binary", num_leaves=31, learning_rate=0.1, num_threads=2, verbose=-1, seed=1)
    watched = lightgbm.train(
        settings,
        lightgbm.Dataset(x[fit], y[fit]),
        300,
        valid_sets=[lightgbm.Dataset(x[stop], y[stop])],
        callbacks=[lightgbm.early_stopping(30, verbose=False)],
    )
    model = lightgbm.train(settings, lightgbm.Dataset(x[learn], y[learn]), watched.best_iteration)
    return metrics(model.predict)


def by_histograms():
    model = HistGradientBoostingClassifier(
        max_iter=300, n_iter_no_change=30, early_stopping=True, random_state=1, categorical_features="from_dtype"
    ).fit(x[learn], y[learn])
    return metrics(lambda rows: model.predict_proba(rows)[:, 1])


print(
    json.dumps(
        {
            "versions": {"sklearn": sklearn.__version__, "lightgbm": lightgbm.__version__},
            "logistic-regression": {"scikit-learn": logistic()},
            "gradient-boosted-trees": {"lightgbm": by_lightgbm(), "scikit-learn": by_histograms()},
        }
    )
)
