-- ledger-after: sealed ledger entries after a place, in order; rows doubled by a retried insert come once.
-- params: seq UInt64, hash String, limit UInt32
-- caller: src/adapters/ledger-copy.ts
SELECT
    seq,
    generation,
    prev_hash,
    hash,
    toUnixTimestamp64Milli(at) AS at_ms,
    model,
    actor,
    reason,
    events,
    entry
FROM governance_log
WHERE (seq, hash) > ({seq:UInt64}, {hash:String})
ORDER BY seq, hash
LIMIT 1 BY seq, hash, entry, prev_hash, generation, at, model, actor, reason, events
LIMIT {limit:UInt32}
