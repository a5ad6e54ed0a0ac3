-- roll-holes: rows missing from producers' contiguous sequences around one window: between the first and last sequence seen
-- since one window earlier. A missing row marks the window incomplete.
-- params: start DateTime64(3), end DateTime64(3), before DateTime64(3), after DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT sum(missing) AS missing
FROM
(
    SELECT producer, any(high) - any(low) + 1 - uniqExact(producer_seq) AS missing
    FROM
    (
        SELECT producer, producer_seq, low, high
        FROM predictions
        INNER JOIN
        (
            SELECT producer, min(producer_seq) AS low, max(producer_seq) AS high
            FROM predictions
            WHERE event_time >= {before:DateTime64(3, 'UTC')} AND event_time < {end:DateTime64(3, 'UTC')}
            GROUP BY producer
        ) AS spans USING (producer)
        WHERE event_time >= {before:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
          AND event_time < {after:DateTime64(3, 'UTC')}
          AND producer_seq BETWEEN low AND high
    )
    GROUP BY producer
)
