-- list-snapshots: the newest revision of each snapshot in a span, newest window first, one page.
-- params: model, size String, start, end DateTime64(3), version, role String ('' = any), after_ms Int64, after_key String, limit UInt32
-- caller: src/adapters/read-store.ts
SELECT
    -toUnixTimestamp64Milli(window_start) AS place_ms,
    concat(version, ' ', toString(role)) AS place_key,
    model,
    version,
    role,
    window_size,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    toUnixTimestamp64Milli(window_end) AS window_end_ms,
    revision,
    volume,
    ok,
    invalid,
    errors,
    timeouts,
    sheds,
    duplicate_requests,
    conflicting_requests,
    late_rows,
    toFloat64(score_sum) / 1e12 / nullIf(ok, 0) AS mean_score,
    (latency_bins, latency_counts) AS latency,
    flags,
    digest
FROM
(
    SELECT *
    FROM snapshots
    WHERE model = {model:String}
      AND window_size = {size:String}
      AND window_start >= {start:DateTime64(3, 'UTC')}
      AND window_start < {end:DateTime64(3, 'UTC')}
      AND ({version:String} = '' OR version = {version:String})
      AND ({role:String} = '' OR toString(role) = {role:String})
    ORDER BY window_start, version, role, revision DESC
    LIMIT 1 BY window_start, version, role
)
WHERE (place_ms, place_key) > ({after_ms:Int64}, {after_key:String})
ORDER BY place_ms, place_key
LIMIT {limit:UInt32}
