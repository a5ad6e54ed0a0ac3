-- roll-counts: outcome counts and integer score sums of each window's distinct events in a span, by version and role. Latency falls into
-- half-octave bins: floor(2·log2(µs)).
-- params: model String, size_ms Int64, start DateTime64(3), end DateTime64(3), horizon DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT
    toUnixTimestamp64Milli(event_time) DIV {size_ms:Int64} * {size_ms:Int64} AS window_start_ms,
    version,
    role,
    max(encoding) AS encoding,
    count() AS volume,
    countIf(status = 'ok') AS ok,
    countIf(status = 'invalid') AS invalid,
    countIf(status = 'error') AS errors,
    countIf(status = 'timeout') AS timeouts,
    countIf(status = 'shed') AS sheds,
    toString(sumIf(toInt128(round(assumeNotNull(probability) * 1e12)), status = 'ok')) AS score_sum,
    toString(sumIf(toInt128(round(pow(assumeNotNull(probability), 2) * 1e12)), status = 'ok')) AS score_sum_squares,
    sumMapIf(
        [toUInt16(floor(2 * log2(greatest(assumeNotNull(latency_us), 1))))],
        [toUInt64(1)],
        status = 'ok' AND latency_us IS NOT NULL
    ) AS latency
FROM facts_in_window(
    model = {model:String},
    start = {start:DateTime64(3, 'UTC')},
    end = {end:DateTime64(3, 'UTC')},
    horizon = {horizon:DateTime64(3, 'UTC')}
)
GROUP BY window_start_ms, version, role
ORDER BY window_start_ms, version, role
