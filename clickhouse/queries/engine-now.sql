-- engine-now: the engine's clock, the one that stamps recorded_at.
-- params: none
-- caller: src/adapters/snapshot-store.ts
SELECT toString(now64(3, 'UTC')) AS now
