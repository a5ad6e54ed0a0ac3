-- list-open: requests recorded since an instant, and the newest of them, of every model: what the window that is still open holds so far.
-- params: model String ('' = any), since DateTime64(3)
-- caller: src/adapters/read-store.ts
SELECT model, count() AS requests, toUnixTimestamp64Milli(max(event_time)) AS newest_ms
FROM predictions
WHERE ({model:String} = '' OR model = {model:String})
  AND role = 'production'
  AND event_time >= {since:DateTime64(3, 'UTC')}
GROUP BY model
