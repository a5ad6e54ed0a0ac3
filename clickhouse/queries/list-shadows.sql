-- list-shadows: versions that ever ran beside production, the newest window first.
-- params: model, size String
-- caller: src/adapters/read-store.ts
SELECT version
FROM shadow_snapshots
WHERE model = {model:String} AND window_size = {size:String}
GROUP BY version
ORDER BY max(window_start) DESC, version DESC
LIMIT 100
