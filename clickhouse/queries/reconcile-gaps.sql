-- reconcile-gaps: the holes in one producer's sequence over rows recorded lately, with the times of both neighbours. A hole counts once
-- its upper neighbour is older than the grace: until then the missing rows may still be pending with another consumer.
-- params: kind String, producer String, window_s UInt32, grace_s UInt32
-- caller: src/adapters/reconciliation-store.ts
SELECT
    toUInt64(previous_seq + 1) AS first_missing,
    toUInt64(seq - 1) AS last_missing,
    toInt64(toUnixTimestamp64Milli(previous_time)) AS after_ms,
    toInt64(toUnixTimestamp64Milli(time)) AS before_ms
FROM
(
    SELECT
        seq,
        time,
        recorded,
        row_number() OVER (ORDER BY seq) AS place,
        lagInFrame(seq) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS previous_seq,
        lagInFrame(time) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS previous_time
    FROM
    (
        SELECT producer_seq AS seq, min(at) AS time, min(recorded_at) AS recorded
        FROM
        (
            SELECT producer_seq, event_time AS at, recorded_at
            FROM predictions
            WHERE {kind:String} = 'events' AND producer = {producer:String}
            UNION ALL
            SELECT producer_seq, received_at AS at, recorded_at
            FROM labels
            WHERE {kind:String} = 'labels' AND producer = {producer:String}
        )
        WHERE recorded_at >= now64(3, 'UTC') - toIntervalSecond({window_s:UInt32})
        GROUP BY producer_seq
    )
)
WHERE place > 1 AND seq > previous_seq + 1 AND recorded <= now64(3, 'UTC') - toIntervalSecond({grace_s:UInt32})
ORDER BY first_missing
LIMIT 10000
