-- encodings-known: digests of the encodings already written out.
-- params: none
-- caller: src/adapters/snapshot-writer.ts
SELECT DISTINCT encoding FROM encodings ORDER BY encoding
