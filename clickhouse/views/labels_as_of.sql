-- labels_as_of: the first received label of each request, as known at `as_of`. A later, different label is a conflict, never
-- an overwrite.
-- params: model String, as_of DateTime64(3), since DateTime64(3)
CREATE OR REPLACE VIEW labels_as_of AS
SELECT
    request_id,
    argMin(value, (arrived_at, seen_at, producer, producer_seq)) AS label,
    min(arrived_at) AS received_at,
    uniqExact(value) > 1 AS conflicting
FROM
(
    SELECT request_id, label AS value, received_at AS arrived_at, observed_at AS seen_at, producer, producer_seq
    FROM labels
    WHERE model = {model:String}
      AND received_at >= {since:DateTime64(3, 'UTC')}
      AND received_at <= {as_of:DateTime64(3, 'UTC')}
)
GROUP BY request_id
