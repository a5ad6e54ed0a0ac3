-- roll-raw: copies, repeats and conflicts of one window, by version and role.
-- params: model String, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT
    version,
    role,
    sum(copies) AS rows_raw,
    sum(copies - 1) AS duplicate_requests,
    countIf(conflicting) AS conflicting_requests
FROM
(
    SELECT version, role, event_id, count() AS copies, uniqExact(codes) > 1 AS conflicting
    FROM predictions
    WHERE model = {model:String}
      AND event_time >= {start:DateTime64(3, 'UTC')}
      AND event_time < {end:DateTime64(3, 'UTC')}
    GROUP BY version, role, event_id
)
GROUP BY version, role
ORDER BY version, role
