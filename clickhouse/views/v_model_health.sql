-- v_model_health: the newest window of each model and window size: volume, share of invalid requests, trust, features in breach, and the
-- newest decision of the model. What is not known is null.
CREATE OR REPLACE VIEW v_model_health AS
SELECT
    s.model AS model,
    s.window_size AS window_size,
    s.window_start AS window_start,
    s.volume AS volume,
    s.invalid / nullIf(s.volume, 0) AS invalid_share,
    s.versions AS versions,
    t.trust AS trust,
    d.breaches AS features_in_breach,
    nullIf(g.action, '') AS last_action,
    nullIf(g.sentence, '') AS last_sentence
FROM
(
    SELECT
        model,
        window_size,
        window_start,
        sum(volume) AS volume,
        sum(invalid) AS invalid,
        groupArray(version) AS versions
    FROM
    (
        SELECT model, window_size, window_start, version, volume, invalid
        FROM snapshots
        WHERE role = 'production'
        ORDER BY model, window_size, window_start, version, revision DESC
        LIMIT 1 BY model, window_size, window_start, version
    )
    GROUP BY model, window_size, window_start
    ORDER BY model, window_size, window_start DESC
    LIMIT 1 BY model, window_size
) AS s
LEFT JOIN
(
    SELECT model, window_size, window_start, argMax(tuple(trust), (version, revision)).1 AS trust
    FROM trust_scores
    GROUP BY model, window_size, window_start
) AS t ON s.model = t.model AND s.window_size = t.window_size AND s.window_start = t.window_start
LEFT JOIN
(
    SELECT
        model,
        window_size,
        window_start,
        toNullable(uniqExactIf(feature, status = 'breach')) AS breaches
    FROM v_drift_latest
    WHERE subject = 'feature'
    GROUP BY model, window_size, window_start
) AS d ON s.model = d.model AND s.window_size = d.window_size AND s.window_start = d.window_start
LEFT JOIN
(
    SELECT model, argMax(action, window_end) AS action, argMax(sentence, window_end) AS sentence
    FROM decisions
    GROUP BY model
) AS g ON s.model = g.model
