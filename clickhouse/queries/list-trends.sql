-- list-trends: volume, invalid rows, trust and breached features of every model by window, oldest first.
-- params: model String ('' = any), size String, start, end DateTime64(3)
-- caller: src/adapters/read-store.ts
SELECT
    s.model AS model,
    s.start_ms AS window_start_ms,
    s.volume AS volume,
    s.invalid AS invalid,
    t.trust AS trust,
    d.breaches AS breaches
FROM
(
    SELECT model, toUnixTimestamp64Milli(window_start) AS start_ms, sum(volume) AS volume, sum(invalid) AS invalid
    FROM
    (
        SELECT model, window_start, version, volume, invalid
        FROM snapshots
        WHERE ({model:String} = '' OR model = {model:String})
          AND window_size = {size:String}
          AND role = 'production'
          AND window_start >= {start:DateTime64(3, 'UTC')}
          AND window_start < {end:DateTime64(3, 'UTC')}
        ORDER BY model, window_start, version, revision DESC
        LIMIT 1 BY model, window_start, version
    )
    GROUP BY model, start_ms
) AS s
LEFT JOIN
(
    SELECT model, toUnixTimestamp64Milli(window_start) AS start_ms, trust
    FROM trust_scores
    WHERE ({model:String} = '' OR model = {model:String})
      AND window_size = {size:String}
      AND window_start >= {start:DateTime64(3, 'UTC')}
      AND window_start < {end:DateTime64(3, 'UTC')}
    ORDER BY model, window_start, version DESC, revision DESC
    LIMIT 1 BY model, window_start
) AS t ON s.model = t.model AND s.start_ms = t.start_ms
LEFT JOIN
(
    SELECT
        model,
        toUnixTimestamp64Milli(window_start) AS start_ms,
        toNullable(toUInt64(length(arrayDistinct(arrayFlatten(groupArray(breached)))))) AS breaches
    FROM
    (
        SELECT model, window_start, version, argMax(breached, revision) AS breached
        FROM
        (
            SELECT model, window_start, version, revision, groupUniqArrayIf(feature, status = 'breach') AS breached
            FROM drift
            WHERE ({model:String} = '' OR model = {model:String})
              AND window_size = {size:String}
              AND window_start >= {start:DateTime64(3, 'UTC')}
              AND window_start < {end:DateTime64(3, 'UTC')}
              AND subject = 'feature'
            GROUP BY model, window_start, version, revision
        )
        GROUP BY model, window_start, version
    )
    GROUP BY model, start_ms
) AS d ON s.model = d.model AND s.start_ms = d.start_ms
ORDER BY model, window_start_ms
