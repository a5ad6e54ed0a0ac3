-- metrics-health: of each model the trust of its newest judged window and how many features have each drift status there.
-- params: size String
-- caller: src/adapters/metrics-store.ts
SELECT 'trust' AS what, model AS a, toString(version) AS b, trust AS n
FROM (SELECT model, version, trust FROM trust_scores WHERE window_size = {size:String} ORDER BY model, window_start DESC, version DESC, revision DESC LIMIT 1 BY model)
WHERE trust IS NOT NULL
UNION ALL
SELECT 'drift' AS what, model AS a, toString(worst) AS b, toNullable(toFloat64(count())) AS n
FROM
(
    SELECT
        model,
        feature,
        multiIf(has(statuses, 'breach'), 'breach', has(statuses, 'watch'), 'watch', has(statuses, 'steady'), 'steady', 'unjudged') AS worst
    FROM
    (
        SELECT model, feature, groupArray(toString(status)) AS statuses
        FROM
        (
            SELECT model, window_start, feature, statistic, status
            FROM drift
            WHERE window_size = {size:String}
              AND subject = 'feature'
              AND (model, window_start) IN (SELECT model, max(window_start) FROM drift WHERE window_size = {size:String} GROUP BY model)
            ORDER BY model, feature, statistic, version DESC, revision DESC
            LIMIT 1 BY model, feature, statistic
        )
        GROUP BY model, feature
    )
)
GROUP BY a, b
