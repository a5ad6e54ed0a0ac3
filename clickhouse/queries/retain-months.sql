-- retain-months: the months of which predictions and labels are kept, oldest first, with their rows.
-- params: none
-- caller: src/adapters/fact-retention.ts
SELECT table AS facts, partition_id AS month, sum(rows) AS rows
FROM system.parts
WHERE active AND database = currentDatabase() AND table IN ('predictions', 'labels')
GROUP BY facts, month
ORDER BY month, facts
