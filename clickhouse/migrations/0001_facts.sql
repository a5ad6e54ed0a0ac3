-- Facts as they arrive. Plain MergeTree: a repeated row is evidence (of a retried request) and is counted, so nothing may
-- merge rows away. Exactly-once of the recorder is the deduplication token (non_replicated_deduplication_window); identity of
-- a published row is (producer, producer_seq), of a request event_id. fsync: an acknowledged insert survives power loss.
CREATE TABLE IF NOT EXISTS predictions
(
    event_time DateTime64(3, 'UTC') COMMENT 'when the prediction was made, in the deployment''s clock',
    model LowCardinality(String),
    version LowCardinality(String) COMMENT 'semver of the bundle that scored',
    role Enum8('production' = 1, 'shadow' = 2),
    request_id UUID,
    event_id UUID COMMENT 'UUIDv5 of (model, request_id, role[, version]): a retried request is the same event',
    status Enum8('ok' = 1, 'invalid' = 2, 'error' = 3, 'timeout' = 4, 'shed' = 5),
    probability Nullable(Float64) COMMENT 'calibrated probability of the positive class; null unless ok',
    latency_us Nullable(UInt32) COMMENT 'null under a replay clock',
    encoding LowCardinality(String) COMMENT 'digest of the encoding the codes belong to',
    codes Array(UInt8) COMMENT 'one bin code a feature in contract order; empty when invalid' CODEC(ZSTD(1)),
    producer LowCardinality(String),
    producer_seq UInt64 COMMENT 'contiguous a producer: a hole is a lost row',
    ingested_at DateTime64(3, 'UTC') COMMENT 'wall clock of the api process',
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'wall clock of the engine; never used to decide',
    INDEX recorded recorded_at TYPE minmax GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (model, toStartOfHour(event_time), event_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Labels are append-only: a changed label is a new row and thereby a recorded conflict; the first received one counts.
CREATE TABLE IF NOT EXISTS labels
(
    model LowCardinality(String),
    request_id UUID,
    label UInt8 COMMENT '1 positive, 0 negative',
    observed_at DateTime64(3, 'UTC') COMMENT 'when the outcome was known in the world',
    received_at DateTime64(3, 'UTC') COMMENT 'when it reached us, in the deployment''s clock',
    source LowCardinality(String),
    producer LowCardinality(String),
    producer_seq UInt64,
    recorded_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (model, request_id, received_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- What a code means; one row a code. Written once per encoding digest.
CREATE TABLE IF NOT EXISTS encodings
(
    encoding LowCardinality(String),
    model LowCardinality(String),
    position UInt16 COMMENT '1-based place of the feature in codes: codes[position]',
    feature LowCardinality(String),
    kind LowCardinality(String),
    code UInt8,
    meaning Enum8('bin' = 1, 'value' = 2, 'missing' = 3, 'other' = 4, 'overflow_low' = 5, 'overflow_high' = 6),
    lower Nullable(Float64) COMMENT 'bins: exclusive lower edge',
    upper Nullable(Float64) COMMENT 'bins: inclusive upper edge',
    mean Nullable(Float64) COMMENT 'bins: mean of the reference values',
    value String COMMENT 'ordinal and nominal: the value'
)
ENGINE = MergeTree
ORDER BY (encoding, position, code)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Entries that could never be recorded, kept outside Redis with their reason.
CREATE TABLE IF NOT EXISTS dead_letters
(
    stream LowCardinality(String),
    entry_id String,
    reason LowCardinality(String),
    detail String,
    deliveries UInt32,
    n UInt32 COMMENT 'rows the entry said it carried',
    body String CODEC(ZSTD(3)),
    parked_at DateTime64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (stream, entry_id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
