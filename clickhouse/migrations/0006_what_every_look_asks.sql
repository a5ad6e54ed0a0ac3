-- What is asked at every look must not read all that was ever kept: the first event of each model and the newest judged window are kept
-- beside each part, and labels are found by when they were recorded as predictions are.
ALTER TABLE predictions ADD PROJECTION IF NOT EXISTS first_event (SELECT model, min(event_time) GROUP BY model);
ALTER TABLE predictions MATERIALIZE PROJECTION first_event;
ALTER TABLE drift ADD PROJECTION IF NOT EXISTS newest_window (SELECT model, window_size, max(window_start) GROUP BY model, window_size);
ALTER TABLE drift MATERIALIZE PROJECTION newest_window;
ALTER TABLE labels ADD INDEX IF NOT EXISTS recorded recorded_at TYPE minmax GRANULARITY 1;
ALTER TABLE labels MATERIALIZE INDEX recorded;
