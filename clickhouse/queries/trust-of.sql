-- trust-of: the trust score of one window, of its newest revision.
-- params: model, size String, start DateTime64(3)
-- caller: src/adapters/measure-store.ts
SELECT trust
FROM trust_scores
WHERE model = {model:String} AND window_size = {size:String} AND window_start = {start:DateTime64(3, 'UTC')}
ORDER BY version DESC, revision DESC
LIMIT 1
