-- list-last-decisions: the newest decision of every model, without its inputs.
-- params: none
-- caller: src/adapters/read-store.ts
SELECT
    0 AS place_ms,
    '' AS place_key,
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
ORDER BY model, window_end DESC
LIMIT 1 BY model
