-- ledger-head: the last sealed ledger entry.
-- params: none
-- caller: src/adapters/ledger-copy.ts
SELECT seq, generation, hash
FROM governance_log
ORDER BY seq DESC, generation DESC
LIMIT 1
