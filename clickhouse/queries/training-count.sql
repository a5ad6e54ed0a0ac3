-- training-count: how many labelled production rows a training could use.
-- params: model, encoding String, start, end DateTime64(3)
-- caller: src/adapters/outcome-store.ts
SELECT count() AS rows
FROM predictions
WHERE model = {model:String}
  AND role = 'production'
  AND status = 'ok'
  AND encoding = {encoding:String}
  AND event_time >= {start:DateTime64(3, 'UTC')}
  AND event_time < {end:DateTime64(3, 'UTC')}
