-- roll-features: counts per code of every feature of one window's distinct ok events, by version and role.
-- params: model String, start DateTime64(3), end DateTime64(3), horizon DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT version, role, encoding, position, groupArray(code) AS codes, groupArray(n) AS counts
FROM
(
    SELECT version, role, encoding, position, code, count() AS n
    FROM facts_in_window(
        model = {model:String},
        start = {start:DateTime64(3, 'UTC')},
        end = {end:DateTime64(3, 'UTC')},
        horizon = {horizon:DateTime64(3, 'UTC')}
    )
    ARRAY JOIN codes AS code, arrayEnumerate(codes) AS position
    WHERE status = 'ok'
    GROUP BY version, role, encoding, position, code
    ORDER BY version, role, encoding, position, code
)
GROUP BY version, role, encoding, position
ORDER BY version, role, encoding, position
