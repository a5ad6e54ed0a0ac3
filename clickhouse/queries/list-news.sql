-- list-news: the newest decision and the newest alert of every model.
-- params: none
-- caller: src/adapters/read-store.ts
SELECT 'decision' AS kind, id, model, toUnixTimestamp64Milli(window_end) AS at_ms, sentence AS text
FROM (SELECT id, model, window_end, sentence FROM decisions ORDER BY model, window_end DESC LIMIT 1 BY model)
UNION ALL
SELECT 'alert' AS kind, id, model, toUnixTimestamp64Milli(at) AS at_ms, detail AS text
FROM (SELECT id, model, at, detail FROM alerts ORDER BY model, at DESC LIMIT 1 BY model)
