-- reconcile-before: the last row of a producer below a sequence number, over all facts; no row when there is none. Asked only
-- for a producer that appears in mid-sequence.
-- params: kind String, producer String, low UInt64
-- caller: src/adapters/reconciliation-store.ts
SELECT toUInt64(max(producer_seq)) AS previous_seq, toInt64(toUnixTimestamp64Milli(max(at))) AS after_ms
FROM
(
    SELECT producer_seq, event_time AS at
    FROM predictions
    WHERE {kind:String} = 'events' AND producer = {producer:String} AND producer_seq < {low:UInt64}
    UNION ALL
    SELECT producer_seq, received_at AS at
    FROM labels
    WHERE {kind:String} = 'labels' AND producer = {producer:String} AND producer_seq < {low:UInt64}
)
HAVING count() > 0
