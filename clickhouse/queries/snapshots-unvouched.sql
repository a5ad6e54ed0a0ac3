-- snapshots-unvouched: histogram rows of one window at or above a revision that no snapshot vouches for yet: what a crash between the
-- histograms and their snapshot left behind.
-- params: model String, size String, start DateTime64(3), revision UInt32
-- caller: src/adapters/snapshot-revisions.ts
SELECT version, role, revision, scope, position, codes AS keys, counts
FROM feature_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND window_start = {start:DateTime64(3, 'UTC')}
  AND revision >= {revision:UInt32}
UNION ALL
SELECT version, role, revision, scope, toUInt16(0) AS position, bins AS keys, counts
FROM score_histograms
WHERE model = {model:String}
  AND window_size = {size:String}
  AND window_start = {start:DateTime64(3, 'UTC')}
  AND revision >= {revision:UInt32}
  AND label IS NULL
