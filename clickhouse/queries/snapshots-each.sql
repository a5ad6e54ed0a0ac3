-- snapshots-each: feature counts of the newest revision of every window of one size in a span, as they were written, packed for RowBinary:
-- consecutive codes as their first one, and each count as its lowest byte, its second where any needs it, and the rest of it likewise.
-- The bytes carried are what a look at a day of windows costs; so packed they are a ninth, at any traffic less than a third.
-- params: model String, size String, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    toString(version) AS of_version,
    toString(role) AS of_role,
    toString(encoding) AS of_encoding,
    position,
    multiIf(
        length(codes) != length(counts), 2,
        codes = range(toUInt16(codes[1]), toUInt16(codes[1] + length(codes))), 1,
        0
    ) AS shape,
    if(shape = 1, [codes[1]], codes) AS keys,
    arrayMax(counts) AS most,
    CAST(counts, 'Array(UInt8)') AS low,
    if(most < 256, [], CAST(arrayMap(n -> bitShiftRight(n, 8), counts), 'Array(UInt8)')) AS middle,
    if(most < 65536, [], arrayMap(n -> bitShiftRight(n, 16), counts)) AS high
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
ORDER BY window_start, version, role, encoding, position
LIMIT 1 BY window_start, version, role, encoding, position
SETTINGS max_threads = 1
