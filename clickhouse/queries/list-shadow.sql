-- list-shadow: paired windows of the newest maturity in a span, newest first, one page. Squared errors are averaged over matured pairs.
-- params: model, size String, start, end DateTime64(3), version, scope String ('' = any), after_ms Int64, after_key String, limit UInt32
-- caller: src/adapters/read-store.ts
SELECT
    -toUnixTimestamp64Milli(window_start) AS place_ms,
    concat(version, ' ', production_version, ' ', scope) AS place_key,
    model,
    version,
    production_version,
    scope,
    window_size,
    toUnixTimestamp64Milli(window_start) AS window_start_ms,
    toUnixTimestamp64Milli(matured_at) AS matured_at_ms,
    production_requests,
    pairs,
    unpaired,
    errors,
    timeouts,
    sheds,
    identical,
    matured,
    toFloat64(d_sum) / 1e12 / nullIf(matured, 0) AS mean_difference,
    toFloat64(brier_sum) / 1e12 / nullIf(matured, 0) AS brier,
    toFloat64(production_brier_sum) / 1e12 / nullIf(matured, 0) AS production_brier
FROM
(
    SELECT *
    FROM shadow_snapshots
    WHERE model = {model:String}
      AND window_size = {size:String}
      AND window_start >= {start:DateTime64(3, 'UTC')}
      AND window_start < {end:DateTime64(3, 'UTC')}
      AND ({version:String} = '' OR version = {version:String})
      AND ({scope:String} = '' OR scope = {scope:String})
    ORDER BY window_start, version, production_version, scope, matured_at DESC
    LIMIT 1 BY window_start, version, production_version, scope
)
WHERE (place_ms, place_key) > ({after_ms:Int64}, {after_key:String})
ORDER BY place_ms, place_key
LIMIT {limit:UInt32}
