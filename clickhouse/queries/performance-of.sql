-- performance-of: performance snapshots of one window size and scope in a span, the newest maturity and revision of each.
-- params: model, size, scope String, start, end DateTime64(3)
-- caller: src/adapters/measure-store.ts
SELECT
    version,
    role,
    scope,
    kind,
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
    toString(brier_sum) AS brier_sum,
    toString(log_loss_sum) AS log_loss_sum,
    (score_bins_negative, score_counts_negative) AS negative,
    (score_bins_positive, score_counts_positive) AS positive,
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
    detail,
    revision
FROM performance_snapshots
WHERE model = {model:String}
  AND window_size = {size:String}
  AND window_start >= {start:DateTime64(3, 'UTC')}
  AND window_start < {end:DateTime64(3, 'UTC')}
  AND scope = {scope:String}
ORDER BY window_start, version, role, kind, matured_at DESC, revision DESC
LIMIT 1 BY window_start, version, role, kind
