--[[ gate_open: makes the loaded epoch the present one and opens the gate. Last step of a recovery.

KEYS[1] {s<sale>}:g   ARGV: run id, 1, then
    sale_id, epoch, token, version, want, starts_us, ends_us, per_user_limit, price_cents, pay_within_us, queue_bound, available,
    held_units, sequence
Answers one outcome: code, detail, retry_after_ms

 1. A higher token was here: fenced. This very opening was done already: done.
 2. Otherwise only a gate that is closed, in this run of Redis, under this token (recovering: close it again), for an epoch above
    the gate's (stale_epoch) and a version not below it (stale_version): none ever goes down, nor does the sequence.
 3. The keys of the old epoch, and of a loading that was given up, are dropped by UNLINK in the same step. The old journal was
    drained before the epoch was bumped, and nobody can write to a closed gate.
 4. All five keys of the epoch exist from here on, even of a sale without one order: a missing one is a lost one.
]]
local STALE_EPOCH, STALE_VERSION, RECOVERING, FENCED = 72, 71, 52, 73
local MARK = 'makes this key exist and be a hash table; a rid has 16 bytes, a user only digits'

local call, argv, gate_key = redis.call, ARGV, KEYS[1]
if #argv ~= 16 or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_open: wrong number of arguments or wrong key')
end
for i = 4, 16 do
    if not tonumber (argv[i]) then return redis.error_reply ('ERR gate_open: malformed argument ' .. i) end
end

local epoch, token = tonumber (argv[4]), tonumber (argv[5])
local gate = call ('HMGET', gate_key, 'rec', 'run', 'tok', 'ep', 'lep', 'ver', 'seq', 'gen', 'chg')
local function field (i) return tonumber (gate[i] or 0) end
if field (3) > token then return {FENCED, '', 0} end
if gate[2] ~= argv[1] or field (3) ~= token then return {RECOVERING, '', 0} end
if gate[1] == '0' and field (4) == epoch then return {0, '', 0} end
if gate[1] ~= '1' then return {RECOVERING, '', 0} end
if epoch <= field (4) then return {STALE_EPOCH, '', 0} end
if tonumber (argv[6]) < field (6) then return {STALE_VERSION, '', 0} end

local prefix = string.sub (gate_key, 1, -2)
local function sweep (of)
    local keys = prefix .. of .. ':'
    call ('UNLINK', keys .. 'a', keys .. 'r', keys .. 'u', keys .. 'x', keys .. 'o', keys .. 'dc')
end

-- First a write that Redis may refuse (memory); it changes nothing that anybody reads.
call ('HSET', gate_key, 'lep', argv[4])
if gate[4] then sweep (gate[4]) end
if gate[5] ~= argv[4] then -- nothing was loaded for this epoch
    if gate[5] then sweep (gate[5]) end
    sweep (argv[4])
end
local keys = prefix .. argv[4] .. ':'
call ('SET', keys .. 'a', argv[14])
call ('HSET', keys .. 'r', 'gate', MARK)
call ('HSET', keys .. 'u', 'gate', MARK)
call ('HSET', keys .. 'o', 'gate', MARK)
call ('XDEL', keys .. 'x', call ('XADD', keys .. 'x', '*', 'gate', '')) -- leaves an empty stream
call ('HSET', gate_key, 'ep', argv[4], 'ver', argv[6], 'want', argv[7], 'rec', '0', 'run', argv[1], 'tok', argv[5],
      'from', argv[8], 'until', argv[9], 'limit', argv[10], 'price', argv[11], 'payw', argv[12], 'qmax', argv[13],
      'held', argv[15], 'ju', '0', 'seq', math.max (tonumber (argv[16]), field (7)), 'gen', field (8) + 1,
      'chg', field (9) + 1)
return {0, '', 0}
