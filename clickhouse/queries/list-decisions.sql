-- list-decisions: decisions, newest window first, one page; without their inputs.
-- params: model, action String ('' = any), after_ms Int64, after_key String, limit UInt32
-- caller: src/adapters/read-store.ts
SELECT
    -toUnixTimestamp64Milli(window_end) AS place_ms,
    concat(model, ' ', id) AS place_key,
    id,
    model,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    toUnixTimestamp64Milli(window_end) AS window_end_ms,
    toUnixTimestamp64Milli(at) AS at_ms,
    action,
    nullIf(version, '') AS about,
    rule,
    drift_verdict,
    drift_decision,
    sentence,
    reasons,
    gates,
    inputs_digest,
    policy_digest,
    rules_version
FROM decisions
WHERE ({model:String} = '' OR model = {model:String})
  AND ({action:String} = '' OR action = {action:String})
  AND (place_ms, place_key) > ({after_ms:Int64}, {after_key:String})
ORDER BY place_ms, place_key
LIMIT 1 BY place_ms, place_key
LIMIT {limit:UInt32}
