-- v_psi: the population stability index of every feature in every window against the version's own reference, by the definition of the
-- core's psi_10: inner bins of a continuous feature in ten groups of equal reference mass, overflow and missing apart, categories as they
-- are; sparse cells pooled from the smallest up; half a row added to each. Null below 100 rows on either side. And by that of its ks_d: the
-- largest difference of the cumulative shares at bin edges, missing left out; null for nominal features. A test holds both equal.
CREATE OR REPLACE VIEW v_psi AS
SELECT
    model,
    version,
    window_size,
    window_start,
    feature,
    kind,
    n_reference,
    n_current,
    if(
        least(n_reference, n_current) < 100,
        NULL,
        if(
            length(pooled.1) = 1,
            0.,
            arraySum(
                (r, c) -> (c - r) * log(c / r),
                arrayMap(r -> (r + 0.5) / (n_reference + 0.5 * length(pooled.1)), pooled.1),
                arrayMap(c -> (c + 0.5) / (n_current + 0.5 * length(pooled.1)), pooled.2)
            )
        )
    ) AS psi,
    if(
        kind = 'nominal' OR upto_before[-1] = 0 OR upto_now[-1] = 0,
        NULL,
        arrayMax((r, c) -> abs(r * upto_now[-1] - c * upto_before[-1]), upto_before, upto_now) / (upto_before[-1] * upto_now[-1])
    ) AS ks_d
FROM
(
    SELECT
        *,
        arraySum(cell -> cell.1, cells) AS n_reference,
        arraySum(cell -> cell.2, cells) AS n_current,
        5 * (n_reference + n_current) / least(n_reference, n_current) AS needed,
        arrayMap(
            cell -> (cell.1, cell.2),
            arraySort(
                cell -> (cell.1 + cell.2, cell.3),
                arrayFilter(
                    cell -> cell.1 + cell.2 > 0,
                    arrayMap((cell, i) -> (cell.1, cell.2, i), cells, arrayEnumerate(cells))
                )
            )
        ) AS filled,
        arrayFold(
            (done, cell) -> if(
                done.3 < needed AND notEmpty(done.1),
                (
                    arrayPushBack(arrayPopBack(done.1), done.1[-1] + cell.1),
                    arrayPushBack(arrayPopBack(done.2), done.2[-1] + cell.2),
                    done.3 + cell.1 + cell.2
                ),
                (arrayPushBack(done.1, cell.1), arrayPushBack(done.2, cell.2), cell.1 + cell.2)
            ),
            filled,
            (CAST([], 'Array(Float64)'), CAST([], 'Array(Float64)'), toFloat64(0))
        ) AS pooled
    FROM
    (
        SELECT
            model,
            version,
            window_size,
            window_start,
            feature,
            kind,
            arrayMap(code -> toFloat64(before[toUInt8(code)]), range(8, 8 + bins)) AS inner_before,
            arrayCumSum(inner_before) AS mass,
            arrayCumSum(arrayMap(code -> toFloat64(before[toUInt8(code)]), range(255))) AS upto_before,
            arrayCumSum(arrayMap(code -> toFloat64(now[toUInt8(code)]), range(255))) AS upto_now,
            arrayMap(
                (here, below) -> if(mass[-1] = 0, 0, least(9, toInt32(floor(10 * (below - here / 2) / mass[-1])))),
                inner_before,
                mass
            ) AS grp,
            if(
                kind = 'continuous',
                arrayConcat(
                    arrayMap(
                        g -> (
                            arraySum(arrayMap((n, p) -> if(p = g, n, 0.), inner_before, grp)),
                            arraySum(
                                arrayMap(
                                    (code, p) -> if(p = g, toFloat64(now[toUInt8(code)]), 0.),
                                    range(8, 8 + bins),
                                    grp
                                )
                            )
                        ),
                        range(10)
                    ),
                    [
                        (
                            arraySum(code -> toFloat64(before[toUInt8(code)]), range(8)),
                            arraySum(code -> toFloat64(now[toUInt8(code)]), range(8))
                        ),
                        (
                            arraySum(code -> toFloat64(before[toUInt8(code)]), range(8 + bins, 16 + bins)),
                            arraySum(code -> toFloat64(now[toUInt8(code)]), range(8 + bins, 16 + bins))
                        ),
                        (toFloat64(before[255]), toFloat64(now[255]))
                    ]
                ),
                arrayMap(code -> (toFloat64(before[toUInt8(code)]), toFloat64(now[toUInt8(code)])), range(256))
            ) AS cells
        FROM
        (
            SELECT
                h.model AS model,
                h.version AS version,
                h.window_size AS window_size,
                h.window_start AS window_start,
                h.feature AS feature,
                e.kind AS kind,
                e.bins AS bins,
                CAST((h.codes, h.counts), 'Map(UInt8, UInt64)') AS now,
                CAST((r.codes, r.counts), 'Map(UInt8, UInt64)') AS before
            FROM
            (
                SELECT model, version, window_size, window_start, position, feature, encoding, codes, counts
                FROM feature_histograms
                WHERE window_size != 'reference' AND role = 'production' AND scope = 'all'
                  AND (model, version, window_size, window_start, (revision, batch)) IN
                  (
                      SELECT model, version, window_size, window_start, max((revision, batch))
                      FROM snapshots
                      WHERE role = 'production'
                      GROUP BY model, version, window_size, window_start
                  )
                ORDER BY model, version, window_size, window_start, position
                LIMIT 1 BY model, version, window_size, window_start, position
            ) AS h
            INNER JOIN
            (
                SELECT model, version, position, any(codes) AS codes, any(counts) AS counts
                FROM feature_histograms
                WHERE window_size = 'reference' AND scope = 'all'
                GROUP BY model, version, position
            ) AS r ON h.model = r.model AND h.version = r.version AND h.position = r.position
            INNER JOIN
            (
                SELECT encoding, position, any(kind) AS kind, uniqExactIf(code, meaning = 'bin') AS bins
                FROM encodings
                GROUP BY encoding, position
            ) AS e ON h.encoding = e.encoding AND h.position = e.position
        )
    )
)
