-- roll-scores: counts per score bin (1,000 bins equal in logit on [-14, 14]) of each window's distinct ok events in a span, for all rows
-- and for each listed segment (1-based position and code).
-- params: model String, size_ms Int64, start DateTime64(3), end DateTime64(3), horizon DateTime64(3), segment_positions Array(UInt16), segment_codes Array(UInt8), segment_names Array(String)
-- caller: src/adapters/snapshot-store.ts
SELECT window_start_ms, version, role, scope, groupArray(bin) AS bins, groupArray(n) AS counts
FROM
(
    SELECT
        toUnixTimestamp64Milli(event_time) DIV {size_ms:Int64} * {size_ms:Int64} AS window_start_ms,
        version,
        role,
        arrayJoin(
            arrayConcat(
                ['all'],
                arrayFilter(
                    (name, position, code) -> codes[position] = code,
                    {segment_names:Array(String)},
                    {segment_positions:Array(UInt16)},
                    {segment_codes:Array(UInt8)}
                )
            )
        ) AS scope,
        toUInt16(
            least(999, greatest(0, floor((log(assumeNotNull(probability) / (1 - assumeNotNull(probability))) + 14) / 28 * 1000)))
        ) AS bin,
        count() AS n
    FROM facts_in_window(
        model = {model:String},
        start = {start:DateTime64(3, 'UTC')},
        end = {end:DateTime64(3, 'UTC')},
        horizon = {horizon:DateTime64(3, 'UTC')}
    )
    WHERE status = 'ok'
    GROUP BY window_start_ms, version, role, scope, bin
    ORDER BY window_start_ms, version, role, scope, bin
)
GROUP BY window_start_ms, version, role, scope
ORDER BY window_start_ms, version, role, scope
