-- roll-features: counts per code of every feature of each window's distinct ok events in a span, by version and role.
-- params: model String, size_ms Int64, start DateTime64(3), end DateTime64(3), horizon DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT window_start_ms, version, role, encoding, position, groupArray(code) AS codes, groupArray(n) AS counts
FROM
(
    SELECT
        toUnixTimestamp64Milli(event_time) DIV {size_ms:Int64} * {size_ms:Int64} AS window_start_ms,
        version, role, encoding, position, code, count() AS n
    FROM facts_in_window(
        model = {model:String},
        start = {start:DateTime64(3, 'UTC')},
        end = {end:DateTime64(3, 'UTC')},
        horizon = {horizon:DateTime64(3, 'UTC')}
    )
    ARRAY JOIN codes AS code, arrayEnumerate(codes) AS position
    WHERE status = 'ok'
    GROUP BY window_start_ms, version, role, encoding, position, code
    ORDER BY window_start_ms, version, role, encoding, position, code
)
GROUP BY window_start_ms, version, role, encoding, position
ORDER BY window_start_ms, version, role, encoding, position
