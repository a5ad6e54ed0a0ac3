-- An estimate and a trust score belong to the snapshot they were worked out from: a revised window's are kept beside the first, and the
-- newest revision is the one that is read. Rows from before had no revision to name and count as the first.
ALTER TABLE trust_scores ADD COLUMN IF NOT EXISTS revision UInt32 DEFAULT 1 COMMENT 'of the snapshot it was worked out from';
ALTER TABLE performance_snapshots ADD COLUMN IF NOT EXISTS revision UInt32 DEFAULT 1 COMMENT 'estimated rows: of the snapshot it was worked out from; realised rows: 1';
