"""Writes scipy.json: what SciPy and NumPy say of columns of real tables, for the core to agree with. Run by hand:

    python3 -m venv VENV && VENV/bin/pip install scipy==1.17.1 numpy
    VENV/bin/python test/golden/scipy-oracle.py TABLES > test/golden/scipy.json

TABLES is the folder of the public tables. The first half of a table's rows is the reference, the second the current sample. The
binning is STATISTICS section 1, written a second time here and independently of the TypeScript. Only counts and summary
numbers are stored, never a row. Exact figures come from the raw values (rounded to float32, as the house does).
"""

import csv
import gzip
import json
import math
import sys

import numpy as np
import scipy
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

COLUMNS = [
    ("adult-census", "adult-census/adult-train.csv.gz", ",", ["?"], {"age": "n", "hours-per-week": "n", "workclass": "w", "occupation": "w"}),
    ("bank-marketing", "bank-marketing/bank-additional-full.csv.gz", ";", [""], {"age": "n", "campaign": "n", "euribor3m": "n", "job": "w"}),
    ("hotel-bookings", "hotel-bookings/hotel-bookings-by-arrival.csv.gz", ",", ["NULL", "NA"], {"lead_time": "n", "market_segment": "w", "country": "w"}),
    ("noaa-weather", "noaa-weather/ne-weather.csv.gz", ",", [""], {"visibility": "n", "temperature": "n"}),
    ("harvard-drift/sea_0123_abrupto_noise_0.2", "harvard-drift/sea_0123_abrupto_noise_0.2.csv.gz", ",", [""], {"X1": "n"}),
    ("elec2", "elec2/electricity.csv.gz", ",", [""], {"nswdemand": "n", "vicprice": "n"}),
]
OVERFLOW, OTHER, MISSING, INNER, VOCABULARY = 8, 254, 255, 230, 240


def read(path, delimiter, nulls, names):
    with gzip.open(path, "rt", encoding="utf8", newline="") as file:
        rows = csv.DictReader(file, delimiter=delimiter)
        return list(zip(*[[None if row[n] in nulls else row[n] for n in names] for row in rows]))


def edges_of(values):
    """Each distinct value its own bin where they fit, else the values at the quantiles, each once."""
    ordered = np.sort(values)
    distinct = np.unique(ordered)
    if len(distinct) <= INNER:
        return distinct
    places = [math.ceil(k * len(ordered) / INNER) - 1 for k in range(1, INNER + 1)]
    return np.unique(ordered[places])


def codes_of(values, low, edges):
    high = edges[-1]
    codes = OVERFLOW + np.searchsorted(edges, values, side="left")
    for side, outside in ((-1, values < low), (1, values > high)):
        for at in np.flatnonzero(outside):
            edge = float(low) if side < 0 else float(high)
            reach = [np.float32(edge + side * float(high - low) * 2.0 ** (k - 4)) for k in range(OVERFLOW - 1)]
            level = next((k for k, b in enumerate(reach) if (values[at] >= b if side < 0 else values[at] <= b)), OVERFLOW - 1)
            codes[at] = OVERFLOW - 1 - level if side < 0 else OVERFLOW + len(edges) + level
    return codes


def histogram(codes):
    return np.bincount(codes, minlength=256).astype(np.int64)


def pooled(reference, current):
    """Cells empty on both sides dropped; the smallest pooled until each expects five rows in the smaller sample."""
    n, m = reference.sum(), current.sum()
    needed = 5 * (n + m) / min(n, m)
    cells, open_cell = [], False
    order = sorted((r + c, i) for i, (r, c) in enumerate(zip(reference, current)) if r + c > 0)
    for _, i in order:
        if not open_cell:
            cells.append([0, 0])
        cells[-1][0] += int(reference[i])
        cells[-1][1] += int(current[i])
        open_cell = sum(cells[-1]) < needed
    return np.array(cells).T


def psi(cells):
    k, n, m = cells.shape[1], cells[0].sum(), cells[1].sum()
    r = (cells[0] + 0.5) / (n + 0.5 * k)
    c = (cells[1] + 0.5) / (m + 0.5 * k)
    return float(np.sum((c - r) * np.log(c / r)))


def groups(reference, current, bins):
    """Ten groups of equal reference mass, a bin going where the middle of its mass lies; then low, high and missing."""
    cells = np.zeros((2, 13), dtype=np.int64)
    inner = slice(OVERFLOW, OVERFLOW + bins)
    mass = reference[inner].sum()
    middles = np.cumsum(reference[inner]) - reference[inner] / 2
    group = np.minimum(9, np.floor(10 * middles / mass)).astype(int)
    for row, counts in enumerate((reference, current)):
        np.add.at(cells[row], group, counts[inner])
        cells[row, 10] = counts[:OVERFLOW].sum()
        cells[row, 11] = counts[OVERFLOW + bins : 2 * OVERFLOW + bins].sum()
        cells[row, 12] = counts[MISSING]
    return cells


def shares(reference, current):
    r, c = reference / reference.sum(), current / current.sum()
    return {
        "js_distance_base2": float(jensenshannon(r, c, base=2)),
        "js_distance_natural": float(jensenshannon(r, c)),
        "hellinger": float(np.linalg.norm(np.sqrt(r) - np.sqrt(c)) / math.sqrt(2)),
        "tvd": float(np.abs(r - c).sum() / 2),
        "l_infinity": float(np.abs(r - c).max()),
    }


def tested(reference, current, cells_of_psi):
    cells = pooled(reference, current)
    test = stats.chi2_contingency(cells, correction=False)
    return {
        "chi2_contingency": float(test.statistic),
        "chi2_p": float(test.pvalue),
        "psi_10": psi(pooled(*cells_of_psi)),
    }


def sparse(counts):
    return [[int(i), int(counts[i])] for i in np.flatnonzero(counts)]


def numeric(column):
    values = np.array([math.nan if cell is None else float(cell) for cell in column]).astype(np.float32)
    half = len(values) // 2
    a, b = values[:half], values[half:]
    present = [side[~np.isnan(side)] for side in (a, b)]
    edges = edges_of(present[0])
    low = present[0].min()
    codes = [np.where(np.isnan(side), MISSING, codes_of(np.nan_to_num(side), low, edges)) for side in (a, b)]
    reference, current = (histogram(c) for c in codes)
    exact = [side.astype(np.float64) for side in present]
    inner = [c[(c >= OVERFLOW) & (c < OVERFLOW + len(edges))] - OVERFLOW for c in codes]
    held = [v[(v >= low) & (v <= edges[-1])] for v in exact]
    means = (np.bincount(inner[0], weights=held[0], minlength=len(edges)) / np.bincount(inner[0], minlength=len(edges))).astype(np.float32)
    sd = float(np.std(exact[0]))
    # W1 moves by at most what each value is moved when it is put at its bin's mean.
    moved = sum(float(np.abs(v - means[i]).sum()) / len(all_) for v, i, all_ in zip(held, inner, exact))
    steps = [np.cumsum(h[:MISSING]) / h[:MISSING].sum() for h in (reference, current)]
    d = float(np.abs(steps[0] - steps[1]).max())
    n, m = len(exact[0]), len(exact[1])
    return {
        "kind": "continuous",
        "low": float(low),
        "edges": [float(e) for e in edges],
        "means": [float(x) for x in means],
        "mean": float(np.float32(exact[0].mean())),
        "sd": float(np.float32(sd)),
        "reference": sparse(reference),
        "current": sparse(current),
        "exact": {
            "ks_d": float(stats.ks_2samp(*exact, method="asymp").statistic),
            "w1_over_refstd": float(stats.wasserstein_distance(*exact)) / sd,
        },
        "bound": {"w1_over_refstd": moved / sd},
        "binned": {
            "ks_d": d,
            "ks_p": float(special.kolmogorov(d * math.sqrt(n * m / (n + m)))),
            **tested(reference, current, groups(reference, current, len(edges))),
            **shares(reference, current),
        },
    }


def nominal(column):
    half = len(column) // 2
    counts = {}
    for cell in column[:half]:
        if cell is not None:
            counts[cell] = counts.get(cell, 0) + 1
    vocabulary = [v for v, _ in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))][:VOCABULARY]
    code = {v: i for i, v in enumerate(vocabulary)}
    both = [[MISSING if c is None else code.get(c, OTHER) for c in side] for side in (column[:half], column[half:])]
    reference, current = (histogram(np.array(side)) for side in both)
    return {
        "kind": "nominal",
        "values": vocabulary,
        "reference": sparse(reference),
        "current": sparse(current),
        "binned": {**tested(reference, current, (reference, current)), **shares(reference, current)},
    }


def main(folder):
    columns = []
    for table, file, delimiter, nulls, wanted in COLUMNS:
        for (name, kind), cells in zip(wanted.items(), read(f"{folder}/{file}", delimiter, nulls, list(wanted))):
            columns.append({"table": table, "column": name, **(numeric(cells) if kind == "n" else nominal(cells))})
    lines = ",\n".join(json.dumps(column, ensure_ascii=False) for column in columns)
    versions = {"scipy": scipy.__version__, "numpy": np.__version__}
    print(f'{{"made_by": {json.dumps(versions)}, "columns": [\n{lines}\n]}}')


main(sys.argv[1])
