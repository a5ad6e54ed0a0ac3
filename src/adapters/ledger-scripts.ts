// Adapter: the Lua that moves the ledger in one step. All keys share the hash tag {ledger}, so each script runs on Redis
// Cluster too. `head` and `sealed` are hashes {seq, generation, hash}; `entries` is the list of entries, entry n at index n − 1.

/** Keys of the ledger in Redis; `moved` is the channel that tells of a new sealed entry. */
export const LEDGER_KEYS = {
  head: "flyball:{ledger}:head",
  entries: "flyball:{ledger}:entries",
  sealed: "flyball:{ledger}:sealed",
  rebuilding: "flyball:{ledger}:rebuilding:",
  moved: "flyball:{ledger}:moved",
} as const;

const PLACE = `
local function place(key)
  local p = redis.call('HMGET', key, 'seq', 'generation', 'hash')
  return p[1] or '0', p[2] or '0', p[3] or string.rep('0', 64)
end`;

/**
 * Reads both places and the entries after a seq in one step, so that they belong together.
 * KEYS head, sealed, entries; ARGV seq, count. Returns {head seq, generation, hash, sealed seq, generation, hash, length, entries}.
 */
export const READ = `${PLACE}
local a, b, c = place(KEYS[1])
local d, e, f = place(KEYS[2])
local from, count, found = tonumber(ARGV[1]), tonumber(ARGV[2]), {}
if count > 0 then found = redis.call('LRANGE', KEYS[3], from, from + count - 1) end
return {a, b, c, d, e, f, redis.call('LLEN', KEYS[3]), found}`;

/**
 * Appends an entry if the head is still the one its writer read; the hash of the head fences even a ledger of the same length.
 * KEYS head, entries; ARGV read seq, generation, hash, new seq, generation, hash, entry. Returns {1 or 0, generation of the head}.
 */
export const APPEND = `${PLACE}
local seq, generation, hash = place(KEYS[1])
if seq ~= ARGV[1] or generation ~= ARGV[2] or hash ~= ARGV[3] then return {0, generation} end
if redis.call('LLEN', KEYS[2]) ~= tonumber(seq) then return {0, generation} end
redis.call('RPUSH', KEYS[2], ARGV[7])
redis.call('HSET', KEYS[1], 'seq', ARGV[4], 'generation', ARGV[5], 'hash', ARGV[6])
return {1, ARGV[5]}`;

/**
 * Moves the sealed mark forward and tells those who serve. A mark never moves back, and never onto an entry that is not there.
 * KEYS sealed, entries; ARGV seq, generation, hash, entry, channel. Returns 1 or 0.
 */
export const MARK_SEALED = `${PLACE}
local seq = place(KEYS[1])
if tonumber(ARGV[1]) < tonumber(seq) then return 0 end
if redis.call('LINDEX', KEYS[2], tonumber(ARGV[1]) - 1) ~= ARGV[4] then return 0 end
redis.call('HSET', KEYS[1], 'seq', ARGV[1], 'generation', ARGV[2], 'hash', ARGV[3])
redis.call('PUBLISH', ARGV[5], ARGV[1])
return 1`;

/**
 * Puts a rebuilt list in the place of the lost one, if nobody else has done so meanwhile.
 * KEYS head, entries, sealed, rebuilt list; ARGV found seq, generation, hash, new head x3, sealed x3, channel. Returns 1 or 0.
 */
export const REBUILD = `${PLACE}
local seq, generation, hash = place(KEYS[1])
if seq ~= ARGV[1] or generation ~= ARGV[2] or hash ~= ARGV[3] then
  redis.call('DEL', KEYS[4])
  return 0
end
if redis.call('LLEN', KEYS[4]) ~= tonumber(ARGV[4]) then return 0 end
redis.call('RENAME', KEYS[4], KEYS[2])
redis.call('PERSIST', KEYS[2])
redis.call('HSET', KEYS[1], 'seq', ARGV[4], 'generation', ARGV[5], 'hash', ARGV[6])
redis.call('HSET', KEYS[3], 'seq', ARGV[7], 'generation', ARGV[8], 'hash', ARGV[9])
redis.call('PUBLISH', ARGV[10], ARGV[7])
return 1`;
