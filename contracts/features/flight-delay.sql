-- flight-delay: one row a flight of the npm package vega-datasets (data/flights-3m.parquet), as contract flight-delay@1 reads it.
-- params: flights String (absolute path of that file), from DateTime, to DateTime (from ≤ departure < to, UTC)
-- caller: `flyball data freeze --contract … sql:@contracts/features/flight-delay.sql --param flights=… --param from=… --param to=…`
-- Late is more than 15 minutes behind schedule. Hour and weekday (1 Monday … 7 Sunday) are those of the scheduled departure.
SELECT
    date AS scheduled_departure,
    distance,
    toHour(date) AS hour,
    toDayOfWeek(date) AS weekday,
    origin,
    destination,
    delay,
    delay > 15 AS late
FROM file({flights:String}, 'Parquet')
WHERE date >= {from:DateTime('UTC')} AND date < {to:DateTime('UTC')}
