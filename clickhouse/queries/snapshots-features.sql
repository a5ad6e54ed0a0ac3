-- snapshots-features: feature histograms summed per bucket over the newest revisions of one window size in a span, by version and role.
-- params: model String, size String, bucket_ms Int64, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT
    toUnixTimestamp64Milli(window_start) DIV {bucket_ms:Int64} * {bucket_ms:Int64} AS window_start_ms,
    version, role, encoding, position, any(feature) AS feature, sumMap(codes, counts) AS histogram
FROM feature_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND scope = 'all'
  AND window_start >= {start:DateTime64(3, 'UTC')}
  AND window_start < {end:DateTime64(3, 'UTC')}
  AND (window_start, version, role, (revision, batch)) IN
  (
      SELECT window_start, version, role, max((revision, batch))
      FROM snapshots
      WHERE model = {model:String}
        AND window_size = {size:String}
        AND window_start >= {start:DateTime64(3, 'UTC')}
        AND window_start < {end:DateTime64(3, 'UTC')}
      GROUP BY window_start, version, role
  )
GROUP BY window_start_ms, version, role, encoding, position
ORDER BY window_start_ms, version, role, encoding, position
