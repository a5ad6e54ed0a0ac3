-- reconcile-sequences: what each producer's contiguous sequence should hold and holds, over rows recorded lately. `appeared` is 1 when
-- nothing of the producer is older than the look-back's first five minutes: its predecessor must then be looked for.
-- params: window_s UInt32
-- caller: src/adapters/reconciliation-store.ts
SELECT
    kind,
    producer,
    toUInt64(min(producer_seq)) AS low,
    toUInt64(max(producer_seq)) AS high,
    toUInt64(groupBitmap(producer_seq)) AS present,
    toUInt8(min(recorded_at) > now64(3, 'UTC') - toIntervalSecond({window_s:UInt32}) + toIntervalMinute(5)) AS appeared
FROM
(
    SELECT 'events' AS kind, producer, producer_seq, recorded_at
    FROM predictions
    WHERE recorded_at >= now64(3, 'UTC') - toIntervalSecond({window_s:UInt32})
    UNION ALL
    SELECT 'labels' AS kind, producer, producer_seq, recorded_at
    FROM labels
    WHERE recorded_at >= now64(3, 'UTC') - toIntervalSecond({window_s:UInt32})
)
GROUP BY kind, producer
ORDER BY kind, producer
