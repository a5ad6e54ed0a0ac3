-- snapshots-latest: the newest revision of every snapshot of a model in a span, one window size.
-- params: model String, size String, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT
    model,
    version,
    role,
    window_size,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    toUnixTimestamp64Milli(window_end) AS window_end_ms,
    revision,
    rows_raw,
    volume,
    ok,
    invalid,
    errors,
    timeouts,
    sheds,
    duplicate_requests,
    conflicting_requests,
    late_rows,
    toString(score_sum) AS score_sum,
    toString(score_sum_squares) AS score_sum_squares,
    latency_bins,
    latency_counts,
    encoding,
    flags,
    digest
FROM snapshots
WHERE model = {model:String}
  AND window_size = {size:String}
  AND window_start >= {start:DateTime64(3, 'UTC')}
  AND window_start < {end:DateTime64(3, 'UTC')}
ORDER BY window_start, version, role, revision DESC, batch DESC
LIMIT 1 BY window_start, version, role
