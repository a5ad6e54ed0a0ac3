-- decisions-after: decisions of a model after a window end, oldest first.
-- params: model String, after DateTime64(3), limit UInt32
-- caller: src/adapters/decision-store.ts
SELECT decision, memory, inputs, policy
FROM decisions
WHERE model = {model:String} AND window_end > {after:DateTime64(3, 'UTC')}
ORDER BY window_end
LIMIT {limit:UInt32}
