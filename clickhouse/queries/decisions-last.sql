-- decisions-last: the newest decision of a model, whole.
-- params: model String
-- caller: src/adapters/decision-store.ts
SELECT decision, memory, inputs, policy
FROM decisions
WHERE model = {model:String}
ORDER BY window_end DESC
LIMIT 1
