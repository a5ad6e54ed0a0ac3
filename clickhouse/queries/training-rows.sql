-- training-rows: labelled production rows in event-time order, codes and label, quarantined spans left out, one encoding only. Over the
-- cap, an even sample by request id.
-- params: model, encoding String, start, end, horizon, as_of DateTime64(3), quarantine_starts, quarantine_ends Array(Int64), keep_per_million UInt32
-- caller: src/adapters/outcome-store.ts
SELECT toUnixTimestamp64Milli(f.event_time) AS time_ms, l.y AS label, arrayStringConcat(arrayMap(c -> hex(c), f.codes)) AS codes
FROM facts_in_window(
    model = {model:String},
    start = {start:DateTime64(3, 'UTC')},
    end = {end:DateTime64(3, 'UTC')},
    horizon = {horizon:DateTime64(3, 'UTC')}
) AS f
INNER JOIN
(
    SELECT request_id, label AS y
    FROM labels_as_of(
        model = {model:String},
        since = {start:DateTime64(3, 'UTC')},
        as_of = {as_of:DateTime64(3, 'UTC')}
    )
) AS l ON f.request_id = l.request_id
WHERE f.role = 'production'
  AND f.status = 'ok'
  AND f.encoding = {encoding:String}
  AND NOT arrayExists(
      (a, b) -> toUnixTimestamp64Milli(f.event_time) >= a AND toUnixTimestamp64Milli(f.event_time) < b,
      {quarantine_starts:Array(Int64)},
      {quarantine_ends:Array(Int64)}
  )
  AND cityHash64(f.request_id) % 1000000 < {keep_per_million:UInt32}
ORDER BY f.event_time, f.request_id
