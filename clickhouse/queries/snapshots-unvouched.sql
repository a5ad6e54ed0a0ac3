-- snapshots-unvouched: histogram rows of windows at or above a revision: of a window whose next revision this is, what a crash between the
-- histograms and their snapshot left behind; of another window in the span, also rows that its snapshot vouches for.
-- params: model String, size String, first DateTime64(3), last DateTime64(3) (starts of windows, both included), revision UInt32
-- caller: src/adapters/snapshot-revisions.ts
SELECT
    toUnixTimestamp64Milli(window_start) AS window_start_ms, version, role, revision, scope, position, codes AS keys, counts
FROM feature_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND window_start BETWEEN {first:DateTime64(3, 'UTC')} AND {last:DateTime64(3, 'UTC')}
  AND revision >= {revision:UInt32}
UNION ALL
SELECT
    toUnixTimestamp64Milli(window_start) AS window_start_ms, version, role, revision, scope, toUInt16(0) AS position, bins AS keys, counts
FROM score_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND window_start BETWEEN {first:DateTime64(3, 'UTC')} AND {last:DateTime64(3, 'UTC')}
  AND revision >= {revision:UInt32}
  AND label IS NULL
