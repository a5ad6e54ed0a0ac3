-- roll-models: every model with facts, and its first event.
-- params: none
-- caller: src/adapters/snapshot-store.ts
SELECT model, toUnixTimestamp64Milli(min(event_time)) AS first_ms FROM predictions GROUP BY model ORDER BY model
