-- snapshots-unjudged: production's newest snapshots of some window sizes whose inputs have no drift rows yet, each with how many versions
-- answered in its window; drift rows about labels come at maturity and say nothing of the inputs.
-- params: model String, sizes Array(String), start DateTime64(3), end DateTime64(3)
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
    digest,
    answering
FROM
(
    SELECT *, count() OVER (PARTITION BY window_size, window_start) AS answering
    FROM
    (
        SELECT *
        FROM snapshots
        WHERE model = {model:String}
          AND role = 'production'
          AND window_size IN {sizes:Array(String)}
          AND window_start >= {start:DateTime64(3, 'UTC')}
          AND window_start < {end:DateTime64(3, 'UTC')}
          AND window_end <= {end:DateTime64(3, 'UTC')}
        ORDER BY window_size, window_start, version, revision DESC
        LIMIT 1 BY window_size, window_start, version
    )
)
WHERE (window_size, window_start, version, digest) NOT IN (
    SELECT window_size, window_start, version, snapshot_digest
    FROM drift
    WHERE model = {model:String}
      AND subject != 'label'
      AND window_size IN {sizes:Array(String)}
      AND window_start >= {start:DateTime64(3, 'UTC')}
      AND window_start < {end:DateTime64(3, 'UTC')}
)
ORDER BY window_start, version
