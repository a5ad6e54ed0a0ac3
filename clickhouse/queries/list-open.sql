-- list-open: distinct requests recorded of one span, and the newest of them, of every model: what a window that is still open holds so far.
-- params: model String ('' = any), since, until DateTime64(3)
-- caller: src/adapters/read-store.ts
SELECT model, uniqExact(event_id) AS requests, toUnixTimestamp64Milli(max(event_time)) AS newest_ms
FROM predictions
WHERE ({model:String} = '' OR model = {model:String})
  AND role = 'production'
  AND event_time >= {since:DateTime64(3, 'UTC')}
  AND event_time < {until:DateTime64(3, 'UTC')}
GROUP BY model
