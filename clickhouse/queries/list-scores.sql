-- list-scores: counts by score bin of one window, all ok rows, the newest revision.
-- params: model, size, version String, start DateTime64(3)
-- caller: src/adapters/read-store.ts
SELECT (bins, counts) AS histogram
FROM score_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND version = {version:String}
  AND role = 'production'
  AND window_start = {start:DateTime64(3, 'UTC')}
  AND scope = 'all'
  AND label IS NULL
  AND (revision, batch) =
  (
      SELECT max((revision, batch))
      FROM snapshots
      WHERE model = {model:String}
        AND window_size = {size:String}
        AND version = {version:String}
        AND role = 'production'
        AND window_start = {start:DateTime64(3, 'UTC')}
  )
LIMIT 1
