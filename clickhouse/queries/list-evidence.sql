-- list-evidence: the evidence each decision stood on about the shadow beside production, newest window first.
-- params: model String, limit UInt32
-- caller: src/adapters/read-store.ts
SELECT
    id,
    toUnixTimestamp64Milli(window_end) AS window_end_ms,
    JSONExtractString(inputs, 'evidence', 'candidate', 'version') AS candidate,
    JSONExtractUInt(inputs, 'evidence', 'candidate', 'pairs') AS candidate_pairs,
    JSONExtractUInt(inputs, 'evidence', 'candidate', 'matured') AS candidate_matured,
    JSONExtractString(inputs, 'evidence', 'standby', 'version') AS standby,
    JSONExtractUInt(inputs, 'evidence', 'standby', 'pairs') AS standby_pairs,
    JSONExtractUInt(inputs, 'evidence', 'standby', 'matured') AS standby_matured,
    JSONExtract(decision, 'evidence_log_e', 'Nullable(Float64)') AS log_e,
    JSONExtract(policy, 'watch', 'harm', 'e_min', 'Nullable(Float64)') AS harm_e,
    gates
FROM decisions
WHERE model = {model:String}
ORDER BY window_end DESC
LIMIT {limit:UInt32}
