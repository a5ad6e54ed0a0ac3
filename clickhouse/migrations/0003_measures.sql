-- What the measure stage computes from snapshots, facts and matured labels.
CREATE TABLE IF NOT EXISTS drift
(
    model LowCardinality(String),
    version LowCardinality(String),
    window_size LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    revision UInt32,
    snapshot_digest String,
    subject LowCardinality(String),
    feature LowCardinality(String),
    statistic LowCardinality(String),
    value Nullable(Float64),
    at_least UInt8 COMMENT '1: the value is a lower bound',
    threshold_watch Nullable(Float64),
    threshold Nullable(Float64),
    p_value Nullable(Float64),
    p_adjusted Nullable(Float64),
    n_reference UInt64,
    n_current UInt64,
    status LowCardinality(String),
    reason String,
    profile LowCardinality(String)
)
ENGINE = MergeTree
ORDER BY (model, window_size, window_start, version, revision, subject, feature, statistic)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Labelled counts of one version in one window, as known at `matured_at`. scope `all` or a segment. kind `estimated` rows come
-- from calibrated probabilities without labels (CBPE) and may hold or warn, never promote.
CREATE TABLE IF NOT EXISTS performance_snapshots
(
    model LowCardinality(String),
    version LowCardinality(String),
    role Enum8('production' = 1, 'shadow' = 2),
    window_size LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    matured_at DateTime64(3, 'UTC'),
    kind Enum8('realised' = 1, 'estimated' = 2),
    scope LowCardinality(String),
    requests UInt64,
    labelled UInt64,
    positives UInt64,
    threshold Float64,
    tp UInt64,
    fp UInt64,
    fn UInt64,
    tn UInt64,
    brier_sum Int128 COMMENT 'Σ round((p−y)²·1e12)',
    log_loss_sum Int128 COMMENT 'Σ round(−ln p̂·1e9)',
    score_bins_negative Array(UInt16),
    score_counts_negative Array(UInt64),
    score_bins_positive Array(UInt16),
    score_counts_positive Array(UInt64),
    accuracy Nullable(Float64),
    precision Nullable(Float64),
    recall Nullable(Float64),
    f1 Nullable(Float64),
    brier Nullable(Float64),
    log_loss Nullable(Float64),
    roc_auc Nullable(Float64),
    pr_auc Nullable(Float64),
    ece Nullable(Float64),
    valid UInt8 COMMENT 'estimated rows: 1 while the assumptions hold',
    detail String
)
ENGINE = MergeTree
ORDER BY (model, window_size, window_start, version, role, kind, scope, matured_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

-- Two versions on the same requests: (model, request_id, production version). Unpaired requests are counted, never joined away.
CREATE TABLE IF NOT EXISTS shadow_snapshots
(
    model LowCardinality(String),
    production_version LowCardinality(String),
    version LowCardinality(String) COMMENT 'the shadow',
    window_size LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    matured_at DateTime64(3, 'UTC'),
    scope LowCardinality(String),
    production_requests UInt64,
    production_errors UInt64,
    pairs UInt64,
    unpaired UInt64,
    ok UInt64,
    errors UInt64,
    timeouts UInt64,
    sheds UInt64,
    identical UInt64 COMMENT 'pairs whose scores are equal to the last bit',
    matured UInt64 COMMENT 'pairs with a label',
    cells Array(UInt64) COMMENT 'c[4y + 2ŷp + ŷc], 8 counts',
    d_sum Int128 COMMENT 'Σ round(d·1e12), d = (p_shadow−y)² − (p_production−y)²',
    d_sum_squares Int128 COMMENT 'Σ round(d²·1e12)',
    log_wealth Array(Int64) COMMENT 'Σ round(ln(1−λd)·1e12), 12 λ',
    log_wealth_reversed Array(Int64),
    delta_bins Array(UInt16) COMMENT '|Δp| in 1,000 equal bins of [0, 1]',
    delta_counts Array(UInt64),
    production_brier_sum Int128,
    brier_sum Int128,
    production_log_loss_sum Int128,
    log_loss_sum Int128,
    production_score_negative Map(UInt16, UInt64),
    production_score_positive Map(UInt16, UInt64),
    score_negative Map(UInt16, UInt64),
    score_positive Map(UInt16, UInt64),
    latency_bins Array(UInt16),
    latency_counts Array(UInt64),
    production_latency_bins Array(UInt16),
    production_latency_counts Array(UInt64)
)
ENGINE = MergeTree
ORDER BY (model, version, production_version, window_size, window_start, scope, matured_at)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;

CREATE TABLE IF NOT EXISTS trust_scores
(
    model LowCardinality(String),
    version LowCardinality(String),
    window_size LowCardinality(String),
    window_start DateTime64(3, 'UTC'),
    trust Nullable(Float64) COMMENT 'null: nothing to judge by; never 0 for unknown',
    components Map(LowCardinality(String), Float64) COMMENT 'only those that were present'
)
ENGINE = MergeTree
ORDER BY (model, window_size, window_start, version)
SETTINGS non_replicated_deduplication_window = 10000, fsync_after_insert = 1, fsync_part_directory = 1;
