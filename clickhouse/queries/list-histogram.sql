-- list-histogram: counts by code of one feature in one window, the newest revision.
-- params: model, size, version String, start DateTime64(3), position UInt16
-- caller: src/adapters/read-store.ts
SELECT (codes, counts) AS histogram
FROM feature_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND version = {version:String}
  AND role = 'production'
  AND window_start = {start:DateTime64(3, 'UTC')}
  AND scope = 'all'
  AND position = {position:UInt16}
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
