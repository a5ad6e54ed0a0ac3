-- pairs-of: paired counts of one shadow version in a span, the newest maturity of each window.
-- params: model, size, version String, start, end DateTime64(3)
-- caller: src/adapters/measure-store.ts
SELECT
    production_version,
    version,
    scope,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    production_requests,
    production_errors,
    pairs,
    unpaired,
    ok,
    errors,
    timeouts,
    sheds,
    identical,
    matured,
    cells,
    toString(d_sum) AS d_sum,
    toString(d_sum_squares) AS d_sum_squares,
    log_wealth,
    log_wealth_reversed,
    (delta_bins, delta_counts) AS delta,
    toString(production_brier_sum) AS production_brier_sum,
    toString(brier_sum) AS brier_sum,
    toString(production_log_loss_sum) AS production_log_loss_sum,
    toString(log_loss_sum) AS log_loss_sum,
    (mapKeys(production_score_negative), mapValues(production_score_negative)) AS production_negative,
    (mapKeys(production_score_positive), mapValues(production_score_positive)) AS production_positive,
    (mapKeys(score_negative), mapValues(score_negative)) AS negative,
    (mapKeys(score_positive), mapValues(score_positive)) AS positive,
    (latency_bins, latency_counts) AS latency,
    (production_latency_bins, production_latency_counts) AS production_latency
FROM shadow_snapshots
WHERE model = {model:String}
  AND window_size = {size:String}
  AND version = {version:String}
  AND window_start >= {start:DateTime64(3, 'UTC')}
  AND window_start < {end:DateTime64(3, 'UTC')}
ORDER BY window_start, production_version, scope, matured_at DESC
LIMIT 1 BY window_start, production_version, scope
