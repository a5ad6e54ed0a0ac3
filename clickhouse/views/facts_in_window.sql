-- facts_in_window: the distinct events of one window, the earliest copy of each (event_time, ingested_at); an event whose
-- earlier copy lies before the window, within the deduplication horizon, is not this window's.
-- params: model String, start DateTime64(3), end DateTime64(3), horizon DateTime64(3) (start − dedup_horizon)
CREATE OR REPLACE VIEW facts_in_window AS
SELECT *
FROM predictions
WHERE model = {model:String}
  AND event_time >= {start:DateTime64(3, 'UTC')}
  AND event_time < {end:DateTime64(3, 'UTC')}
  AND event_id NOT IN
  (
      SELECT event_id
      FROM predictions
      WHERE model = {model:String}
        AND event_time >= {horizon:DateTime64(3, 'UTC')}
        AND event_time < {start:DateTime64(3, 'UTC')}
        AND event_id IN
        (
            SELECT event_id
            FROM predictions
            WHERE model = {model:String}
              AND event_time >= {start:DateTime64(3, 'UTC')}
              AND event_time < {end:DateTime64(3, 'UTC')}
        )
  )
ORDER BY event_id, event_time, ingested_at, producer, producer_seq
LIMIT 1 BY event_id
