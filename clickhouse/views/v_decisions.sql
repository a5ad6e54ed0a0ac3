-- v_decisions: one row a decision, its reasons and gates as arrays that SQL can look into; without the stored inputs.
CREATE OR REPLACE VIEW v_decisions AS
SELECT
    id,
    model,
    window_start,
    window_end,
    at,
    action,
    nullIf(version, '') AS version,
    rule,
    drift_verdict,
    drift_decision,
    sentence,
    JSONExtract(reasons, 'Array(Tuple(signal String, value Nullable(String), threshold Nullable(Float64), n Nullable(Int64), detail String))') AS reasons,
    JSONExtract(gates, 'Array(Tuple(gate String, kind String, result String, value Nullable(Float64), threshold Nullable(Float64), unit String, n Nullable(Int64), detail String))') AS gates,
    JSONExtract(decision, 'evidence_log_e', 'Nullable(Float64)') AS evidence_log_e,
    inputs_digest,
    policy_digest,
    rules_version
FROM decisions
ORDER BY model, window_end, id
LIMIT 1 BY id
