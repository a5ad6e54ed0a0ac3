-- list-performance: labelled counts and metrics of the newest maturity in a span, newest window first, one page.
-- params: model, size String, start, end DateTime64(3), version, role, kind, scope String ('' = any), after_ms Int64, after_key String, limit UInt32
-- caller: src/adapters/read-store.ts
SELECT
    -toUnixTimestamp64Milli(window_start) AS place_ms,
    concat(version, ' ', toString(role), ' ', toString(kind), ' ', scope) AS place_key,
    model,
    version,
    role,
    kind,
    scope,
    window_size,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    toUnixTimestamp64Milli(matured_at) AS matured_at_ms,
    requests,
    labelled,
    positives,
    threshold,
    tp,
    fp,
    fn,
    tn,
    accuracy,
    precision,
    recall,
    f1,
    brier,
    log_loss,
    roc_auc,
    pr_auc,
    ece,
    valid,
    detail
FROM
(
    SELECT *
    FROM performance_snapshots
    WHERE model = {model:String}
      AND window_size = {size:String}
      AND window_start >= {start:DateTime64(3, 'UTC')}
      AND window_start < {end:DateTime64(3, 'UTC')}
      AND ({version:String} = '' OR version = {version:String})
      AND ({role:String} = '' OR toString(role) = {role:String})
      AND ({kind:String} = '' OR toString(kind) = {kind:String})
      AND ({scope:String} = '' OR scope = {scope:String})
    ORDER BY window_start, version, role, kind, scope, matured_at DESC, revision DESC
    LIMIT 1 BY window_start, version, role, kind, scope
)
WHERE (place_ms, place_key) > ({after_ms:Int64}, {after_key:String})
ORDER BY place_ms, place_key
LIMIT {limit:UInt32}
