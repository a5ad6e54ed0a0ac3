-- snapshots-volumes: distinct production events by window, all versions together.
-- params: model String, size String, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT window_start_ms, sum(volume) AS volume
FROM
(
    SELECT toUnixTimestamp64Milli(window_start) AS window_start_ms, version, volume
    FROM snapshots
    WHERE model = {model:String}
      AND window_size = {size:String}
      AND role = 'production'
      AND window_start >= {start:DateTime64(3, 'UTC')}
      AND window_start < {end:DateTime64(3, 'UTC')}
    ORDER BY window_start, version, revision DESC
    LIMIT 1 BY window_start, version
)
GROUP BY window_start_ms
ORDER BY window_start_ms
