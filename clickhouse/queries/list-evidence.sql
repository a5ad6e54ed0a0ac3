-- list-evidence: the evidence each decision stood on about the shadow beside production, newest window first. The inputs are long: they are
-- parsed once a decision.
-- params: model String, limit UInt32
-- caller: src/adapters/read-store.ts
WITH JSONExtract(
    inputs,
    'evidence',
    'Tuple(candidate Tuple(version String, pairs UInt64, matured UInt64), standby Tuple(version String, pairs UInt64, matured UInt64))'
) AS shadows
SELECT
    id,
    toUnixTimestamp64Milli(window_end) AS window_end_ms,
    shadows.candidate.version AS candidate,
    shadows.candidate.pairs AS candidate_pairs,
    shadows.candidate.matured AS candidate_matured,
    shadows.standby.version AS standby,
    shadows.standby.pairs AS standby_pairs,
    shadows.standby.matured AS standby_matured,
    JSONExtract(decision, 'evidence_log_e', 'Nullable(Float64)') AS log_e,
    JSONExtract(policy, 'watch', 'harm', 'e_min', 'Nullable(Float64)') AS harm_e,
    gates
FROM decisions
WHERE model = {model:String}
ORDER BY window_end DESC
LIMIT {limit:UInt32}
