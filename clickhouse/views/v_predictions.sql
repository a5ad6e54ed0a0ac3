-- v_predictions: one row a distinct event, the earliest copy of it, its codes decoded to words: a category's value, a bin's bounds, or
-- missing, other, below, above. No number is finer than its bin. Filter by model and event_time; for one window, facts_in_window is faster.
CREATE OR REPLACE VIEW v_predictions AS
SELECT
    event_time,
    model,
    version,
    role,
    request_id,
    event_id,
    status,
    probability,
    latency_us / 1000 AS latency_ms,
    encoding,
    CAST(
        (
            arrayMap(
                (code, i) -> transform(
                    concat(encoding, '/', toString(i)),
                    (SELECT groupArray(concat(encoding, '/', toString(position))) FROM (SELECT DISTINCT encoding, position FROM encodings ORDER BY encoding, position)),
                    (SELECT groupArray(toString(feature)) FROM (SELECT DISTINCT encoding, position, feature FROM encodings ORDER BY encoding, position)),
                    ''
                ),
                codes,
                arrayEnumerate(codes)
            ),
            arrayMap(
                (code, i) -> transform(
                    concat(encoding, '/', toString(i), '/', toString(code)),
                    (SELECT groupArray(concat(encoding, '/', toString(position), '/', toString(code))) FROM (SELECT encoding, position, code FROM encodings ORDER BY encoding, position, code LIMIT 1 BY encoding, position, code)),
                    (
                        SELECT groupArray(
                            multiIf(
                                meaning = 'value', value,
                                meaning = 'bin', concat(ifNull(toString(lower), ''), ' to ', ifNull(toString(upper), '')),
                                meaning = 'overflow_low', 'below',
                                meaning = 'overflow_high', 'above',
                                toString(meaning)
                            )
                        )
                        FROM (SELECT * FROM encodings ORDER BY encoding, position, code LIMIT 1 BY encoding, position, code)
                    ),
                    ''
                ),
                codes,
                arrayEnumerate(codes)
            )
        ),
        'Map(String, String)'
    ) AS features
FROM
(
    SELECT *
    FROM predictions
    ORDER BY event_id, event_time, ingested_at, producer, producer_seq
    LIMIT 1 BY event_id
)
