-- encodings-known: digests of the encodings already written out.
-- params: none
-- caller: src/adapters/snapshot-store.ts
SELECT DISTINCT encoding FROM encodings ORDER BY encoding
