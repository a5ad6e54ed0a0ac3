-- roll-holes: rows missing from producers' contiguous sequences as one window shows them: between two rows that follow each other in a producer's
-- sequence, both before the window's end and one of them in it. A hole that lies before the window is not this one's; a window's own rows at its
-- edge may be missed in the next. A missing row marks the window incomplete. Only producers that seem to lack rows are looked at closely.
-- params: start DateTime64(3), end DateTime64(3), before DateTime64(3), after DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT sum(producer_seq - previous_seq - 1) AS missing
FROM
(
    SELECT
        producer_seq,
        event_time,
        lagInFrame(producer_seq, 1, producer_seq) OVER before_it AS previous_seq,
        lagInFrame(event_time, 1, event_time) OVER before_it AS previous_time
    FROM predictions
    INNER JOIN
    (
        SELECT producer, min(producer_seq) AS low, max(producer_seq) AS high
        FROM predictions
        WHERE event_time >= {before:DateTime64(3, 'UTC')} AND event_time < {end:DateTime64(3, 'UTC')}
        GROUP BY producer
        HAVING high - low + 1 > uniqExact(producer_seq)
    ) AS spans USING (producer)
    WHERE event_time >= {before:DateTime64(3, 'UTC')} - INTERVAL 1 DAY
      AND event_time < {after:DateTime64(3, 'UTC')}
      AND producer_seq BETWEEN low AND high
    WINDOW before_it AS (PARTITION BY producer ORDER BY producer_seq ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
)
WHERE producer_seq > previous_seq + 1
  AND greatest(event_time, previous_time) >= {start:DateTime64(3, 'UTC')}
  AND least(event_time, previous_time) < {end:DateTime64(3, 'UTC')}
