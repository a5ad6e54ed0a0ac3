-- v_drift_latest: every statistic of the newest judged window of each model and window size, the newest revision.
CREATE OR REPLACE VIEW v_drift_latest AS
SELECT
    model,
    version,
    window_size,
    window_start,
    subject,
    feature,
    statistic,
    value,
    at_least,
    threshold_watch,
    threshold,
    p_value,
    p_adjusted,
    n_reference,
    n_current,
    status,
    reason
FROM drift
WHERE (model, window_size, window_start) IN
(
    SELECT model, window_size, max(window_start) FROM drift GROUP BY model, window_size
)
ORDER BY model, window_size, version, subject, feature, statistic, revision DESC
LIMIT 1 BY model, window_size, version, subject, feature, statistic
