-- A snapshot vouches for the histograms of its own batch. Rows that a crash left before their snapshot came, or that arrive after another
-- try wrote the window, belong to a batch that no newest snapshot names. Rows from before, and references, belong to none.
ALTER TABLE feature_histograms ADD COLUMN IF NOT EXISTS batch LowCardinality(String) DEFAULT '' COMMENT 'the insert they came with; its snapshot names it';
ALTER TABLE score_histograms ADD COLUMN IF NOT EXISTS batch LowCardinality(String) DEFAULT '' COMMENT 'the insert they came with; its snapshot names it';
ALTER TABLE snapshots ADD COLUMN IF NOT EXISTS batch LowCardinality(String) DEFAULT '' COMMENT 'the histograms it vouches for';
