-- list-drift: drift rows of the newest revision in a span, newest window first, one page.
-- params: model, size String, start, end DateTime64(3), version, subject, feature, statistic, status String ('' = any), after_ms Int64, after_key String, limit UInt32
-- caller: src/adapters/read-store.ts
SELECT
    -toUnixTimestamp64Milli(window_start) AS place_ms,
    concat(version, ' ', subject, ' ', feature, ' ', statistic) AS place_key,
    model,
    version,
    window_size,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
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
FROM
(
    SELECT *
    FROM drift
    WHERE model = {model:String}
      AND window_size = {size:String}
      AND window_start >= {start:DateTime64(3, 'UTC')}
      AND window_start < {end:DateTime64(3, 'UTC')}
      AND ({version:String} = '' OR version = {version:String})
      AND ({subject:String} = '' OR subject = {subject:String})
      AND ({feature:String} = '' OR feature = {feature:String})
      AND ({statistic:String} = '' OR statistic = {statistic:String})
    ORDER BY window_start, version, subject, feature, statistic, revision DESC
    LIMIT 1 BY window_start, version, subject, feature, statistic
)
WHERE ({status:String} = '' OR status = {status:String})
  AND (place_ms, place_key) > ({after_ms:Int64}, {after_key:String})
ORDER BY place_ms, place_key
LIMIT {limit:UInt32}
