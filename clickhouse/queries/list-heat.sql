-- list-heat: the judging statistic of every feature (and of scores, quality, volume) in every window of a span, one row a feature. Where
-- two versions served one window, the one with more rows speaks; of a feature's quality the worst rate. Rows without a threshold judge nothing.
-- Of the windows that begin in one step (aligned to a Monday) the worst one speaks; a step as long as a window keeps them all.
-- params: model, size String, start, end DateTime64(3), step_ms Int64
-- caller: src/adapters/read-store.ts
SELECT
    subject,
    if(feature = '', statistic, feature) AS name,
    groupArray((start_ms, statistic, value, threshold, status)) AS cells
FROM
(
    SELECT subject, feature, statistic, start_ms, value, threshold, status
    FROM
    (
        SELECT
            subject,
            feature,
            statistic,
            start_ms,
            value,
            threshold,
            status
        FROM
        (
            SELECT
                subject,
                feature,
                statistic,
                version,
                toUnixTimestamp64Milli(window_start) AS start_ms,
                value,
                threshold,
                status,
                n_current
            FROM drift
            WHERE model = {model:String}
              AND window_size = {size:String}
              AND window_start >= {start:DateTime64(3, 'UTC')}
              AND window_start < {end:DateTime64(3, 'UTC')}
            ORDER BY window_start, version, subject, feature, statistic, revision DESC
            LIMIT 1 BY window_start, version, subject, feature, statistic
        )
        WHERE threshold IS NOT NULL
        ORDER BY
            start_ms,
            subject,
            feature,
            if(feature = '', statistic, ''),
            n_current DESC,
            status IN ('breach', 'broken') DESC,
            status = 'watch' DESC,
            value / threshold DESC
        LIMIT 1 BY start_ms, subject, feature, if(feature = '', statistic, '')
    )
    ORDER BY
        (start_ms - 345600000) DIV {step_ms:Int64},
        subject,
        feature,
        if(feature = '', statistic, ''),
        status IN ('breach', 'broken') DESC,
        status = 'watch' DESC,
        status = 'steady' DESC,
        value / threshold DESC NULLS LAST,
        start_ms
    LIMIT 1 BY (start_ms - 345600000) DIV {step_ms:Int64}, subject, feature, if(feature = '', statistic, '')
)
GROUP BY subject, name
ORDER BY subject = 'feature' DESC, subject, name
