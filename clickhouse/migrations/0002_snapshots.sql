-- Snapshots: counts and integer sums only, written once. A recomputed window is revision r+1; r stays.
CREATE TABLE IF NOT EXISTS snapshots
(
    model LowCardinality(String),
    version LowCardinality(String),
    role Enum8('production' = 1, 'shadow' = 2),
    window_size LowCardinality(String) COMMENT '5m, 1h, 6h, 24h, 7d …',
    window_start DateTime64(3, 'UTC'),
    window_end DateTime64(3, 'UTC'),
    revision UInt32,
    rows_raw UInt64 COMMENT 'rows in facts, repeats included',
    volume UInt64 COMMENT 'distinct events',
    ok UInt64,
    invalid UInt64,
    errors UInt64,
    timeouts UInt64,
    sheds UInt64,
    duplicate_requests UInt64,
    conflicting_requests UInt64 COMMENT 'repeated requests whose codes differ',
    late_rows UInt64,
    score_sum Int128 COMMENT 'Σ round(p·1e12) over ok rows',
    score_sum_squares Int128 COMMENT 'Σ round(p²·1e12)',
    latency_bins Array(UInt16) COMMENT 'half-octave bins of microseconds',
    latency_counts Array(UInt64),
    encoding LowCardinality(String),
    flags Array(LowCardinality(String)),
    digest String COMMENT 'SHA-256 of the canonical content, histograms included',
    rolled_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = MergeTree
ORDER BY (model, window_size, window_start, version, role, revision)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- One row a feature of a snapshot (scope `all`) or of a segment in it (scope `origin=ATL`). window_size `reference` holds the
-- version's own reference counts (window_start epoch 0), so that SQL can compute what the core computes.
CREATE TABLE IF NOT EXISTS feature_histograms
(
    model LowCardinality(String),
    version LowCardinality(String),
    role Enum8('production' = 1, 'shadow' = 2),
    window_size LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    revision UInt32,
    scope LowCardinality(String),
    position UInt16,
    feature LowCardinality(String),
    encoding LowCardinality(String),
    codes Array(UInt8),
    counts Array(UInt64)
)
ENGINE = MergeTree
ORDER BY (model, window_size, window_start, version, role, revision, scope, position)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS score_histograms
(
    model LowCardinality(String),
    version LowCardinality(String),
    role Enum8('production' = 1, 'shadow' = 2),
    window_size LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    revision UInt32,
    scope LowCardinality(String),
    label Nullable(UInt8) COMMENT 'null: all ok rows whatever their label',
    bins Array(UInt16) COMMENT '1,000 bins equal in logit on [-14, 14]',
    counts Array(UInt64)
)
ENGINE = MergeTree
ORDER BY (model, window_size, window_start, version, role, revision, scope)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
