-- v_shadow_pairs: both versions' answers to the same request, and its label once it came (the first received one). A request only one of
-- them answered is not here: unpaired ones are counted in shadow_snapshots.
CREATE OR REPLACE VIEW v_shadow_pairs AS
SELECT
    p.model AS model,
    p.request_id AS request_id,
    p.event_time AS event_time,
    p.version AS production_version,
    s.version AS shadow_version,
    p.probability AS production_probability,
    s.probability AS shadow_probability,
    s.probability - p.probability AS difference,
    l.label AS label,
    pow(s.probability - l.label, 2) - pow(p.probability - l.label, 2) AS squared_error_difference
FROM
(
    SELECT model, request_id, event_time, version, assumeNotNull(probability) AS probability
    FROM predictions
    WHERE role = 'production' AND status = 'ok'
    ORDER BY event_id, event_time, ingested_at, producer, producer_seq
    LIMIT 1 BY event_id
) AS p
INNER JOIN
(
    SELECT model, request_id, version, assumeNotNull(probability) AS probability
    FROM predictions
    WHERE role = 'shadow' AND status = 'ok'
    ORDER BY event_id, event_time, ingested_at, producer, producer_seq
    LIMIT 1 BY event_id
) AS s ON p.model = s.model AND p.request_id = s.request_id
LEFT JOIN
(
    SELECT model, request_id, toNullable(argMin(label, (received_at, observed_at, producer, producer_seq))) AS label
    FROM labels
    GROUP BY model, request_id
) AS l ON p.model = l.model AND p.request_id = l.request_id
