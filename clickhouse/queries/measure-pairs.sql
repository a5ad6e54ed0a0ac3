-- measure-pairs: one shadow version against production on the same requests of one window, as known at as_of, by production
-- version and scope. Production's own segments slice; both are cut at production's threshold. d = (p_shadow−y)² − (p_production−y)².
-- One scan: event_id is made of request, role and a shadow's version, so a request has one distinct event of production and one of the shadow.
-- params: model, version String, start, end, horizon, as_of DateTime64(3), versions Array(String), thresholds Array(Float64), segment_positions Array(UInt16), segment_codes Array(UInt8), segment_names Array(String), lambdas Array(Float64)
-- caller: src/adapters/outcome-store.ts
SELECT
    production_version,
    scope,
    count() AS production_requests,
    countIf(production_status != 'ok') AS production_errors,
    countIf(production_status = 'ok' AND shadow_status = 'ok') AS pairs,
    countIf(shadow_status = '') AS unpaired,
    countIf(shadow_status = 'ok') AS ok,
    countIf(shadow_status = 'error') AS errors,
    countIf(shadow_status = 'timeout') AS timeouts,
    countIf(shadow_status = 'shed') AS sheds,
    countIf(is_pair AND p = q) AS identical,
    countIf(is_matured) AS matured,
    sumMapIf([toUInt8(4 * y + 2 * (p >= t) + (q >= t))], [toUInt64(1)], is_matured) AS cells,
    toString(sumIf(toInt128(round(d * 1e12)), is_matured)) AS d_sum,
    toString(sumIf(toInt128(round(d * d * 1e12)), is_matured)) AS d_sum_squares,
    sumForEachIf(arrayMap(l -> toInt64(round(log(1 - l * d) * 1e12)), {lambdas:Array(Float64)}), is_matured) AS log_wealth,
    sumForEachIf(arrayMap(l -> toInt64(round(log(1 + l * d) * 1e12)), {lambdas:Array(Float64)}), is_matured) AS log_wealth_reversed,
    sumMapIf([toUInt16(least(999, floor(abs(p - q) * 1000)))], [toUInt64(1)], is_pair) AS delta,
    toString(sumIf(toInt128(round(pow(p - y, 2) * 1e12)), is_matured)) AS production_brier_sum,
    toString(sumIf(toInt128(round(pow(q - y, 2) * 1e12)), is_matured)) AS brier_sum,
    toString(sumIf(toInt128(round(-log(greatest(if(y = 1, p, 1 - p), 1e-15)) * 1e9)), is_matured)) AS production_log_loss_sum,
    toString(sumIf(toInt128(round(-log(greatest(if(y = 1, q, 1 - q), 1e-15)) * 1e9)), is_matured)) AS log_loss_sum,
    sumMapIf([bin_p], [toUInt64(1)], is_matured AND y = 0) AS production_negative,
    sumMapIf([bin_p], [toUInt64(1)], is_matured AND y = 1) AS production_positive,
    sumMapIf([bin_q], [toUInt64(1)], is_matured AND y = 0) AS negative,
    sumMapIf([bin_q], [toUInt64(1)], is_matured AND y = 1) AS positive,
    sumMapIf([toUInt16(floor(2 * log2(greatest(assumeNotNull(shadow_latency), 1))))], [toUInt64(1)], shadow_status = 'ok' AND isNotNull(shadow_latency)) AS latency,
    sumMapIf([toUInt16(floor(2 * log2(greatest(assumeNotNull(production_latency), 1))))], [toUInt64(1)], production_status = 'ok' AND isNotNull(production_latency)) AS production_latency
FROM
(
    SELECT
        production_version,
        production_status,
        production_latency,
        shadow_status,
        shadow_latency,
        ifNull(f.production_probability, 0) AS p,
        ifNull(f.shadow_probability, 0) AS q,
        toUInt8(ifNull(l.y, 0)) AS y,
        (production_status = 'ok' AND shadow_status = 'ok') AS is_pair,
        (is_pair AND isNotNull(l.y)) AS is_matured,
        pow(q - y, 2) - pow(p - y, 2) AS d,
        transform(production_version, {versions:Array(String)}, {thresholds:Array(Float64)}, 0.5) AS t,
        toUInt16(least(999, greatest(0, floor((log(p / (1 - p)) + 14) / 28 * 1000)))) AS bin_p,
        toUInt16(least(999, greatest(0, floor((log(q / (1 - q)) + 14) / 28 * 1000)))) AS bin_q,
        arrayJoin(arrayConcat(['all'], segments)) AS scope
    FROM
    (
        SELECT
            request_id,
            anyIf(toString(version), role = 'production') AS production_version,
            anyIf(toString(status), role = 'production') AS production_status,
            anyIf(probability, role = 'production') AS production_probability,
            anyIf(latency_us, role = 'production') AS production_latency,
            anyIf(
                arrayFilter(
                    (name, position, code) -> codes[position] = code,
                    {segment_names:Array(String)},
                    {segment_positions:Array(UInt16)},
                    {segment_codes:Array(UInt8)}
                ),
                role = 'production'
            ) AS segments,
            anyIf(toString(status), role = 'shadow') AS shadow_status,
            anyIf(probability, role = 'shadow') AS shadow_probability,
            anyIf(latency_us, role = 'shadow') AS shadow_latency
        FROM facts_in_window(
            model = {model:String},
            start = {start:DateTime64(3, 'UTC')},
            end = {end:DateTime64(3, 'UTC')},
            horizon = {horizon:DateTime64(3, 'UTC')}
        )
        WHERE (role = 'production' AND status != 'invalid') OR (role = 'shadow' AND version = {version:String})
        GROUP BY request_id
        HAVING production_version != ''
    ) AS f
    LEFT JOIN
    (
        SELECT request_id, toNullable(label) AS y
        FROM labels_as_of(
            model = {model:String},
            since = {start:DateTime64(3, 'UTC')},
            as_of = {as_of:DateTime64(3, 'UTC')}
        )
    ) AS l ON f.request_id = l.request_id
)
GROUP BY production_version, scope
ORDER BY production_version, scope
