-- list-labels: labels by day of arrival: rows, requests, positives, contradictions, and requests that production never answered within the
-- span and thirty days before it.
-- params: model String ('' = any), start, end, predicted_since DateTime64(3)
-- caller: src/adapters/read-store.ts
SELECT
    model,
    toString(day) AS day,
    sum(rows) AS received,
    count() AS requests,
    sum(positive) AS positives,
    countIf(values > 1) AS conflicting,
    countIf(NOT predicted) AS unknown
FROM
(
    SELECT
        model,
        toDate(min(received_at)) AS day,
        request_id,
        count() AS rows,
        uniqExact(label) AS values,
        argMin(label, (received_at, observed_at, producer, producer_seq)) AS positive,
        (model, request_id) IN
        (
            SELECT model, request_id
            FROM predictions
            WHERE ({model:String} = '' OR model = {model:String})
              AND role = 'production'
              AND event_time >= {predicted_since:DateTime64(3, 'UTC')}
        ) AS predicted
    FROM labels
    WHERE ({model:String} = '' OR model = {model:String})
      AND received_at >= {start:DateTime64(3, 'UTC')}
      AND received_at < {end:DateTime64(3, 'UTC')}
    GROUP BY model, request_id
)
GROUP BY model, day
ORDER BY day DESC, model
