-- snapshots-scores: score histograms summed over the newest revisions of one window size in a span, by version, role, scope.
-- params: model String, size String, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT version, role, scope, sumMap(bins, counts) AS histogram
FROM score_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND label IS NULL
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
GROUP BY version, role, scope
ORDER BY version, role, scope
