-- drift-judged: which snapshots already have drift rows; those about labels come at maturity and say nothing of the inputs.
-- params: model String, size String, start DateTime64(3), end DateTime64(3)
-- caller: src/adapters/measure-store.ts
SELECT DISTINCT toUnixTimestamp64Milli(window_start) AS window_start_ms, version, snapshot_digest
FROM drift
WHERE model = {model:String}
  AND subject != 'label'
  AND window_size = {size:String}
  AND window_start >= {start:DateTime64(3, 'UTC')}
  AND window_start < {end:DateTime64(3, 'UTC')}
