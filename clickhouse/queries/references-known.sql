-- references-known: versions whose reference histograms are already written out.
-- params: none
-- caller: src/adapters/snapshot-writer.ts
SELECT DISTINCT model, version FROM feature_histograms WHERE window_size = 'reference' ORDER BY model, version
