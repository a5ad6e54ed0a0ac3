-- reconcile-letters: what was parked lately, with its bytes: rows in it are accounted for, entries without rows are lost.
-- params: window_s UInt32
-- caller: src/adapters/reconciliation-store.ts
SELECT stream, entry_id, reason, toUInt32(n) AS n, body
FROM dead_letters
WHERE parked_at >= now64(3, 'UTC') - toIntervalSecond({window_s:UInt32})
ORDER BY stream, entry_id
LIMIT 1 BY stream, entry_id
LIMIT 10000
