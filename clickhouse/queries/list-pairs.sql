-- list-pairs: a sample of the scores two versions gave to the same requests; the same sample every time.
-- params: model, version String, start, end DateTime64(3), limit UInt32
-- caller: src/adapters/read-store.ts
SELECT p.probability AS production, s.probability AS shadow
FROM
(
    SELECT request_id, any(probability) AS probability
    FROM predictions
    WHERE model = {model:String}
      AND version = {version:String}
      AND role = 'shadow'
      AND status = 'ok'
      AND event_time >= {start:DateTime64(3, 'UTC')}
      AND event_time < {end:DateTime64(3, 'UTC')}
    GROUP BY request_id
    ORDER BY cityHash64(request_id)
    LIMIT {limit:UInt32}
) AS s
INNER JOIN
(
    SELECT request_id, any(probability) AS probability
    FROM predictions
    WHERE model = {model:String}
      AND role = 'production'
      AND status = 'ok'
      AND event_time >= {start:DateTime64(3, 'UTC')}
      AND event_time < {end:DateTime64(3, 'UTC')}
    GROUP BY request_id
) AS p USING (request_id)
ORDER BY cityHash64(request_id)
