"""LightGBM on the rows bench/train.ts wrote: argv = features (float32, row-major), labels (bytes), rows, features, threads.
Prints one JSON line: seconds of 100 trees with 31 leaves, the best of two."""
import json
import sys
import time

import lightgbm
import numpy

path, labels, rows, features, threads = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
x = numpy.fromfile(path, dtype="f4").reshape(rows, features)
y = numpy.fromfile(labels, dtype="u1")
parameters = dict(objective="binary", num_leaves=31, learning_rate=0.1, max_bin=247, num_threads=threads, verbose=-1)
dataset = lightgbm.Dataset(x, y, params=parameters, free_raw_data=False).construct()
seconds = []
for _ in range(2):
    begin = time.time()
    lightgbm.train(parameters, dataset, 100)
    seconds.append(time.time() - begin)
print(json.dumps({"lightgbm": lightgbm.__version__, "seconds": min(seconds)}))
