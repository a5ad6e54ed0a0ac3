-- snapshots-each: feature histograms of the newest revision of every window of one size in a span, as they were written: no sum,
-- which costs more than all the rest where a day holds thousands of them.
-- params: model String, size String, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    version, role, encoding, position, (codes, counts) AS histogram
FROM feature_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND scope = 'all'
  AND window_start >= {start:DateTime64(3, 'UTC')}
  AND window_start < {end:DateTime64(3, 'UTC')}
  AND (window_start, version, role, revision) IN
  (
      SELECT window_start, version, role, max(revision)
      FROM snapshots
      WHERE model = {model:String}
        AND window_size = {size:String}
        AND window_start >= {start:DateTime64(3, 'UTC')}
        AND window_start < {end:DateTime64(3, 'UTC')}
      GROUP BY window_start, version, role
  )
ORDER BY window_start_ms, version, role, encoding, position
LIMIT 1 BY window_start_ms, version, role, encoding, position
