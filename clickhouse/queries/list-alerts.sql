-- list-alerts: alerts with what became of their delivery, newest first, one page.
-- params: model String ('' = any), after_ms Int64, after_key String, limit UInt32
-- caller: src/adapters/read-store.ts
SELECT
    -toUnixTimestamp64Milli(at) AS place_ms,
    id AS place_key,
    id,
    model,
    toUnixTimestamp64Milli(at) AS at_ms,
    alert,
    severity,
    detail,
    value,
    threshold,
    decision_id,
    link,
    delivered
FROM alerts
WHERE ({model:String} = '' OR model = {model:String})
  AND (place_ms, place_key) > ({after_ms:Int64}, {after_key:String})
ORDER BY place_ms, place_key
LIMIT 1 BY place_ms, place_key
LIMIT {limit:UInt32}
