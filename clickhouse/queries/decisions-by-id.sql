-- decisions-by-id: one decision, whole.
-- params: id String
-- caller: src/adapters/decision-store.ts
SELECT decision, memory, inputs, policy FROM decisions WHERE id = {id:String} LIMIT 1
