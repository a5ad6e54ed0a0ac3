-- Decisions with everything needed to replay them, the sealed copy of the ledger, and the alert outbox.
CREATE TABLE IF NOT EXISTS decisions
(
    id String COMMENT 'SHA-256 of inputs digest, policy digest and rules version',
    model LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    at DateTime64(3, 'UTC'),
    action LowCardinality(String),
    version String,
    rule LowCardinality(String),
    drift_verdict LowCardinality(String),
    drift_decision LowCardinality(String),
    sentence String,
    reasons String COMMENT 'JSON',
    gates String COMMENT 'JSON',
    decision String COMMENT 'the whole decision, canonical JSON: the bytes a replay must reproduce' CODEC(ZSTD(3)),
    memory String COMMENT 'what the next decision starts from, canonical JSON' CODEC(ZSTD(3)),
    inputs String COMMENT 'canonical JSON' CODEC(ZSTD(3)),
    inputs_digest String,
    policy String COMMENT 'canonical JSON' CODEC(ZSTD(3)),
    policy_digest LowCardinality(String),
    rules_version UInt32
)
ENGINE = MergeTree
ORDER BY (model, window_end, id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS governance_log
(
    seq UInt64,
    generation UInt64,
    prev_hash String,
    hash String,
    at DateTime64(3, 'UTC'),
    model LowCardinality(String),
    actor String,
    reason String,
    events String COMMENT 'JSON',
    entry String COMMENT 'the whole entry, canonical JSON' CODEC(ZSTD(3))
)
ENGINE = MergeTree
ORDER BY seq
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS alerts
(
    id String,
    model LowCardinality(String),
    at DateTime64(3, 'UTC'),
    alert LowCardinality(String),
    severity LowCardinality(String),
    detail String,
    value Nullable(Float64),
    threshold Nullable(Float64),
    decision_id String,
    link String,
    delivered Map(LowCardinality(String), String) COMMENT 'channel -> outcome'
)
ENGINE = MergeTree
ORDER BY (model, at, id)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
