-- metrics-counts: how many decisions, alerts and parked rows there are, by what tells them apart. `a` and `b` are labels: model and action,
-- alert and severity, stream and reason.
-- params: none
-- caller: src/adapters/metrics-store.ts
SELECT 'decisions' AS what, model AS a, toString(action) AS b, toFloat64(uniqExact(id)) AS n FROM decisions GROUP BY a, b
UNION ALL
SELECT 'alerts' AS what, alert AS a, toString(severity) AS b, toFloat64(uniqExact(id)) AS n FROM alerts GROUP BY a, b
UNION ALL
SELECT 'letters' AS what, stream AS a, toString(reason) AS b, toFloat64(sum(rows)) AS n
FROM (SELECT stream, entry_id, any(reason) AS reason, max(n) AS rows FROM dead_letters GROUP BY stream, entry_id)
GROUP BY a, b
