-- roll-touched: windows of a model that received rows since the last look, and those that hold other copies of the same events: an
-- earlier copy that comes late takes the event out of the later window.
-- params: model String, size_ms Int64, seen DateTime64(3), through DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
WITH (
    SELECT minOrNull(event_time)
    FROM predictions
    WHERE model = {model:String}
      AND recorded_at >= {seen:DateTime64(3, 'UTC')}
      AND event_time < {through:DateTime64(3, 'UTC')}
) AS oldest
SELECT toUnixTimestamp64Milli(event_time) DIV {size_ms:Int64} * {size_ms:Int64} AS window_start_ms
FROM predictions
WHERE model = {model:String}
  AND event_time >= oldest
  AND event_time < {through:DateTime64(3, 'UTC')}
  AND event_id IN
  (
      SELECT event_id
      FROM predictions
      WHERE model = {model:String}
        AND recorded_at >= {seen:DateTime64(3, 'UTC')}
        AND event_time < {through:DateTime64(3, 'UTC')}
  )
GROUP BY window_start_ms
ORDER BY window_start_ms
