-- drift-of: stored drift rows of one window size in a span, for the newest revision measured. Rows about labels come with
-- maturity, at no fixed moment of the window, so that decisions never see them here.
-- params: model, size String, start, end DateTime64(3)
-- caller: src/adapters/measure-store.ts
SELECT
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    version,
    revision,
    snapshot_digest,
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
WHERE model = {model:String}
  AND subject != 'label'
  AND window_size = {size:String}
  AND window_start >= {start:DateTime64(3, 'UTC')}
  AND window_start < {end:DateTime64(3, 'UTC')}
ORDER BY window_start, version, subject, feature, statistic, revision DESC
LIMIT 1 BY window_start, version, subject, feature, statistic
