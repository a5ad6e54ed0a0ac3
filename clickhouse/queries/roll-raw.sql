-- roll-raw: copies, repeats and conflicts of each window in a span, by version and role.
-- params: model String, size_ms Int64, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT
    window_start_ms,
    version,
    role,
    sum(copies) AS rows_raw,
    sum(copies - 1) AS duplicate_requests,
    countIf(conflicting) AS conflicting_requests
FROM
(
    SELECT
        toUnixTimestamp64Milli(event_time) DIV {size_ms:Int64} * {size_ms:Int64} AS window_start_ms,
        version, role, event_id, count() AS copies, uniqExact(codes) > 1 AS conflicting
    FROM predictions
    WHERE model = {model:String}
      AND event_time >= {start:DateTime64(3, 'UTC')}
      AND event_time < {end:DateTime64(3, 'UTC')}
    GROUP BY window_start_ms, version, role, event_id
)
GROUP BY window_start_ms, version, role
ORDER BY window_start_ms, version, role
