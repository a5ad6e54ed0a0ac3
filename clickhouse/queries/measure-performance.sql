-- measure-performance: labelled counts of one window's distinct ok events as known at as_of, by version, role and scope; each
-- version at its own frozen threshold. Sums are integers, so that any order of rows gives the same bytes.
-- params: model String, start, end, horizon, as_of DateTime64(3), versions Array(String), thresholds Array(Float64), segment_positions Array(UInt16), segment_codes Array(UInt8), segment_names Array(String)
-- caller: src/adapters/outcome-store.ts
SELECT
    version,
    role,
    scope,
    count() AS requests,
    countIf(isNotNull(y)) AS labelled,
    countIf(y = 1) AS positives,
    any(t) AS threshold,
    countIf(y = 1 AND p >= t) AS tp,
    countIf(y = 0 AND p >= t) AS fp,
    countIf(y = 1 AND p < t) AS fn,
    countIf(y = 0 AND p < t) AS tn,
    toString(sumIf(toInt128(round(pow(p - assumeNotNull(y), 2) * 1e12)), isNotNull(y))) AS brier_sum,
    toString(sumIf(toInt128(round(-log(greatest(if(assumeNotNull(y) = 1, p, 1 - p), 1e-15)) * 1e9)), isNotNull(y))) AS log_loss_sum,
    sumMapIf([bin], [toUInt64(1)], y = 0) AS negative,
    sumMapIf([bin], [toUInt64(1)], y = 1) AS positive
FROM
(
    SELECT
        f.version AS version,
        f.role AS role,
        assumeNotNull(f.probability) AS p,
        l.y AS y,
        transform(toString(f.version), {versions:Array(String)}, {thresholds:Array(Float64)}, 0.5) AS t,
        toUInt16(least(999, greatest(0, floor((log(p / (1 - p)) + 14) / 28 * 1000)))) AS bin,
        arrayJoin(
            arrayConcat(
                ['all'],
                arrayFilter(
                    (name, position, code) -> f.codes[position] = code,
                    {segment_names:Array(String)},
                    {segment_positions:Array(UInt16)},
                    {segment_codes:Array(UInt8)}
                )
            )
        ) AS scope
    FROM facts_in_window(
        model = {model:String},
        start = {start:DateTime64(3, 'UTC')},
        end = {end:DateTime64(3, 'UTC')},
        horizon = {horizon:DateTime64(3, 'UTC')}
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
    WHERE f.status = 'ok'
)
GROUP BY version, role, scope
ORDER BY version, role, scope
