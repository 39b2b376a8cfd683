--[[ gate_load: installs a page of rids in the keys of a new epoch, while the gate is closed.

KEYS[1] {s<sale>}:g   ARGV: run id, count, then per entry
    sale_id, epoch, token, rid, held, user_id, quantity, body_hash, price_cents, sequence, reserved_us, pay_before_us, place
Answers one outcome: code, detail, retry_after_ms

 1. Only into a gate that is closed, in this run of Redis, under this token (otherwise recovering: close it again; a higher token:
    fenced), and only for an epoch above the gate's (stale_epoch).
 2. The first page of an epoch sweeps away what an earlier, unfinished loading left: of its epoch ('lep') and of this one.
 3. A rid that is there already is left as it is and its user's attempts are not counted again: a page may be repeated.
 4. The keys are not the gate's until gate_open says so.
 5. user_id and body_hash have up to 63 bits and never become Lua numbers.
]]
local STALE_EPOCH, RECOVERING, FENCED, FIELDS, ENTRIES_MAX = 72, 52, 73, 13, 1024
local NOBODY = string.rep ('\0', 16)
-- Longer than hash-max-listpack-value: makes the key a hash table at once, so that look-ups are O(1) from the first field on.
local MARK = 'makes this key exist and be a hash table; a rid has 16 bytes, a user only digits'

local call, argv, gate_key, sub = redis.call, ARGV, KEYS[1], string.sub
local count, epoch, token = tonumber (argv[2]), tonumber (argv[4]), tonumber (argv[5])
if not count or count < 1 or count > ENTRIES_MAX or #argv ~= 2 + count * FIELDS or not epoch or not token
    or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_load: wrong number of arguments or wrong key')
end
local rids, users = {}, {}
for i = 1, count do
    local at = i * FIELDS - 10
    rids[i], users[i] = argv[at + 3], argv[at + 5]
    if argv[at] ~= argv[3] or argv[at + 1] ~= argv[4] or argv[at + 2] ~= argv[5] or #rids[i] ~= 16
        or string.find (users[i], '%D') or users[i] == '' then
        return redis.error_reply ('ERR gate_load: malformed entry ' .. i)
    end
end

local gate = call ('HMGET', gate_key, 'rec', 'run', 'tok', 'ep', 'lep')
local seen = tonumber (gate[3] or 0)
if seen > token then return {FENCED, '', 0} end
if gate[1] ~= '1' or gate[2] ~= argv[1] or seen ~= token then return {RECOVERING, '', 0} end
if epoch <= tonumber (gate[4] or 0) then return {STALE_EPOCH, '', 0} end

local prefix = sub (gate_key, 1, -2)
local function sweep (of)
    local keys = prefix .. of .. ':'
    call ('UNLINK', keys .. 'a', keys .. 'r', keys .. 'u', keys .. 'x', keys .. 'o', keys .. 'dc')
end
local is_first = gate[5] ~= argv[4]
local rid_key, user_key = prefix .. argv[4] .. ':r', prefix .. argv[4] .. ':u'
local known, slots = {}, {}
if not is_first then
    known, slots = call ('HMGET', rid_key, unpack (rids)), call ('HMGET', user_key, unpack (users))
end

local records, slot_of = {'gate', MARK}, {}
for i = 1, count do
    local rid, user = rids[i], users[i]
    if not known[i] then
        local at = i * FIELDS - 10
        local is_held = argv[at + 4] == '1'
        local slot = slot_of[user] or slots[i] or NOBODY .. '0'
        local holder = is_held and rid or sub (slot, 1, 16)
        slot_of[user] = holder .. (tonumber (sub (slot, 17)) + 1)
        records[#records + 1] = rid
        records[#records + 1] = (is_held and 'h' or 'r') .. user .. ' ' .. argv[at + 6] .. ' ' .. argv[at + 7] .. ' '
                                .. argv[at + 8] .. ' ' .. argv[at + 9] .. ' ' .. argv[at + 10] .. ' ' .. argv[at + 11]
    end
end
local new_slots = {'gate', MARK}
for user, slot in pairs (slot_of) do
    new_slots[#new_slots + 1] = user
    new_slots[#new_slots + 1] = slot
end

-- HSET first: Redis may refuse it (memory), and then nothing has been written.
if is_first then
    call ('HSET', gate_key, 'lep', argv[4])
    if gate[5] and gate[5] ~= gate[4] then sweep (gate[5]) end
    sweep (argv[4])
end
call ('HSET', rid_key, unpack (records))
call ('HSET', user_key, unpack (new_slots))
return {0, '', 0}
