-- flight-delay-sample: as flight-delay.sql, but an even sample of exactly `flights` departures between two instants, in time order.
-- params: source String (absolute path of flights-3m.parquet), from DateTime, to DateTime, flights UInt64
-- caller: `flyball demo`
WITH
    (
        SELECT count()
        FROM file({source:String}, 'Parquet')
        WHERE date >= {from:DateTime('UTC')} AND date < {to:DateTime('UTC')}
    ) AS total,
    ordered AS
    (
        SELECT *, row_number() OVER (ORDER BY date, origin, destination, distance, delay) AS n
        FROM file({source:String}, 'Parquet')
        WHERE date >= {from:DateTime('UTC')} AND date < {to:DateTime('UTC')}
    )
SELECT
    date AS scheduled_departure,
    distance,
    toHour(date) AS hour,
    toDayOfWeek(date) AS weekday,
    origin,
    destination,
    delay,
    delay > 15 AS late
FROM ordered
WHERE intDiv(n * {flights:UInt64}, total) > intDiv((n - 1) * {flights:UInt64}, total)
ORDER BY n
