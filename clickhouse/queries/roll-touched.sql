-- roll-touched: windows of a model that received rows since the last look, with the engine's clock of this look.
-- params: model String, size_ms Int64, seen DateTime64(3), through DateTime64(3)
-- caller: src/adapters/snapshot-store.ts
SELECT
    toUnixTimestamp64Milli(event_time) DIV {size_ms:Int64} * {size_ms:Int64} AS window_start_ms
FROM predictions
WHERE model = {model:String}
  AND recorded_at >= {seen:DateTime64(3, 'UTC')}
  AND event_time < {through:DateTime64(3, 'UTC')}
GROUP BY window_start_ms
ORDER BY window_start_ms
