-- summary-recorded: what the facts hold of one model: distinct production events, all rows, distinct events of any role, labels.
-- params: model String
-- caller: src/stages/summary.ts
SELECT
    (SELECT uniqExact(event_id) FROM predictions WHERE model = {model:String} AND role = 'production') AS predictions_recorded,
    (SELECT count() FROM predictions WHERE model = {model:String}) AS rows,
    (SELECT uniqExact(event_id) FROM predictions WHERE model = {model:String}) AS events,
    (SELECT count() FROM labels WHERE model = {model:String}) AS label_rows,
    (SELECT uniqExact(request_id) FROM labels WHERE model = {model:String}) AS labels_recorded,
    (SELECT count() FROM predictions WHERE model = {model:String} AND role = 'production' AND status = 'invalid') AS invalid,
    (SELECT uniqExact(window_size, window_start) FROM snapshots WHERE model = {model:String}) AS windows,
    (SELECT count() FROM drift WHERE model = {model:String}) AS drift_rows,
    (SELECT count() FROM alerts WHERE model = {model:String}) AS alerts,
    (SELECT sum(unpaired) FROM shadow_snapshots WHERE model = {model:String} AND scope = 'all') AS unpaired,
    (SELECT count() FROM dead_letters) AS dead_letters
