-- list-delta: how far one shadow's scores lie from production's, in 1,000 equal bins of [0, 1], over all its windows.
-- params: model, size, version String
-- caller: src/adapters/read-store.ts
SELECT sumMap(delta_bins, delta_counts) AS histogram
FROM
(
    SELECT delta_bins, delta_counts
    FROM shadow_snapshots
    WHERE model = {model:String} AND window_size = {size:String} AND version = {version:String} AND scope = 'all'
    ORDER BY window_start, production_version, matured_at DESC
    LIMIT 1 BY window_start, production_version
)
