-- alerts-known: which of these alerts were already delivered.
-- params: ids Array(String)
-- caller: src/adapters/decision-store.ts
SELECT id FROM alerts WHERE has({ids:Array(String)}, id)
