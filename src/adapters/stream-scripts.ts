// Adapter: the Lua that must be one step for Redis. All keys of a script share one partition's hash tag, so each runs on Redis
// Cluster too. Nothing here is retried or interpreted; that is the reader's business.

/** Takes the lease of a slot if nobody holds it. KEYS lease, fence; ARGV ttl ms. Returns the fencing number, or 0. */
export const ACQUIRE = `
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local fence = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], fence, 'PX', ARGV[1])
return fence`;

/** Prolongs the lease if it is still ours. KEYS lease; ARGV fence, ttl ms (0: give it up). Returns 1 or 0. */
export const RENEW = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1`;

/**
 * Acknowledges a whole batch and applies its watermarks in one step, under the lease. A watermark waits in \`held\` while any
 * older entry is pending with another consumer: it must not promise what is not recorded yet. Acknowledging and applying apart would
 * lose a watermark to a crash between the two, and under a replay clock no other one follows.
 * KEYS stream, lease, watermarks, held, acked; ARGV group, fence, kind, count of ids, ids..., then (id, ms, producer)...
 * Returns {acknowledged, watermarks moved}, acknowledged -1 when the lease is lost.
 */
export const SETTLE = `
if redis.call('GET', KEYS[2]) ~= ARGV[2] then return {-1, 0} end
local n, acked, at = tonumber(ARGV[4]), 0, 5
while at < 5 + n do
  local last = math.min(at + 999, 4 + n)
  acked = acked + redis.call('XACK', KEYS[1], ARGV[1], unpack(ARGV, at, last))
  at = last + 1
end
if acked > 0 then redis.call('INCRBY', KEYS[5], acked) end
for i = 5 + n, #ARGV, 3 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1] .. ' ' .. ARGV[i + 2]) end
local held = redis.call('HGETALL', KEYS[4])
if #held == 0 then return {acked, 0} end
local function split(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local floor, moved = redis.call('XPENDING', KEYS[1], ARGV[1])[2], 0
for i = 1, #held, 2 do
  local ms, seq = split(held[i])
  local due = true
  if floor then
    local floorMs, floorSeq = split(floor)
    due = ms < floorMs or (ms == floorMs and seq < floorSeq)
  end
  if due then
    local mark, producer = string.match(held[i + 1], '^(%d+) (.*)$')
    local field = ARGV[3] .. '/' .. producer
    local known = redis.call('HGET', KEYS[3], field)
    local knownMark, knownSeen = -1, 0
    if known then
      local a, b = string.match(known, '^(%d+) (%d+)$')
      knownMark, knownSeen = tonumber(a), tonumber(b)
    end
    local mostMark = math.max(knownMark, tonumber(mark))
    if mostMark > knownMark then moved = moved + 1 end
    redis.call('HSET', KEYS[3], field, string.format('%.0f %.0f', mostMark, math.max(knownSeen, ms)))
    redis.call('HDEL', KEYS[4], held[i])
  end
end
return {acked, moved}`;

/**
 * Moves ALL that a dead consumer left pending to us, or nothing. One claim is then one old batch, in order, and keeps its token;
 * claiming slices would mix batches. Redis 7 drops entries from the pending list that are gone from the stream: those come back as lost.
 * KEYS stream, lease of the dead; ARGV group, dead consumer, own name, least idle ms. Returns {claimed count, lost ids}.
 */
export const ADOPT = `
if redis.call('EXISTS', KEYS[2]) == 1 then return {0, {}} end
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1000000, ARGV[2])
local ids = {}
for i, entry in ipairs(pending) do
  if entry[3] < tonumber(ARGV[4]) then return {0, {}} end
  ids[i] = entry[1]
end
local claimed, lost = 0, {}
for at = 1, #ids, 1000 do
  local last = math.min(at + 999, #ids)
  local batch = {unpack(ids, at, last)}
  local args = {'XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, unpack(batch)}
  args[#args + 1] = 'JUSTID'
  local got = redis.call(unpack(args))
  claimed = claimed + #got
  local kept = {}
  for _, id in ipairs(got) do kept[id] = true end
  for _, id in ipairs(batch) do if not kept[id] then lost[#lost + 1] = id end end
end
return {claimed, lost}`;

/** Where a stream stands, in one step. KEYS stream, watermarks, acked; ARGV group. */
export const STANDING = `
local function fields(list)
  local map = {}
  for i = 1, #list, 2 do map[list[i]] = list[i + 1] end
  return map
end
local time = redis.call('TIME')
local now = string.format('%.0f', tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
local marks = redis.call('HGETALL', KEYS[2])
local acked = redis.call('GET', KEYS[3]) or '0'
if redis.call('EXISTS', KEYS[1]) == 0 then return {now, acked, '0', '0', '0', '', '', '', marks} end
local info = fields(redis.call('XINFO', 'STREAM', KEYS[1]))
local delivered, pending, floor = '', '0', ''
for _, entry in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = fields(entry)
  if group['name'] == ARGV[1] then
    delivered, pending = group['last-delivered-id'], tostring(group['pending'])
    floor = redis.call('XPENDING', KEYS[1], ARGV[1])[2] or ''
  end
end
return {now, acked, tostring(info['entries-added']), tostring(info['length']), pending,
  info['last-generated-id'], delivered, floor, marks}`;

/**
 * Trims what EVERY expected group has settled and is older than the slack; a missing group means: do not trim.
 * KEYS stream; ARGV slack ms, groups... Returns entries removed.
 */
export const TRIM = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local function split(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function lower(a, b)
  local aMs, aSeq = split(a)
  local bMs, bSeq = split(b)
  if aMs < bMs or (aMs == bMs and aSeq < bSeq) then return a end
  return b
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local keep = math.max(0, now - tonumber(ARGV[1]))
local floor = string.format('%.0f-0', keep)
local found = {}
for _, entry in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local group = {}
  for i = 1, #entry, 2 do group[entry[i]] = entry[i + 1] end
  found[group['name']] = group['last-delivered-id']
end
for i = 2, #ARGV do
  local delivered = found[ARGV[i]]
  if not delivered then return 0 end
  floor = lower(floor, delivered)
  local pending = redis.call('XPENDING', KEYS[1], ARGV[i])[2]
  if pending then floor = lower(floor, pending) end
end
return redis.call('XTRIM', KEYS[1], 'MINID', floor)`;
