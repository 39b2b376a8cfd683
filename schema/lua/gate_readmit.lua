--[[ gate_readmit: a rejected order is to be after all: released → held, by compare-and-set.

KEYS[1] {s<sale>}:g   ARGV: run id, 1, sale_id, epoch, token, rid, mark, letter, state, code (the last three are ignored)
Answers one outcome: code, detail, retry_after_ms

 1. In order: a higher token was here: fenced; another run, incomplete or closed: recovering; a later epoch than the attempt's:
    stale_epoch; an earlier one: recovering.
 2. `mark` numbers attempts and releases of PostgreSQL in one row. Where a younger one of the rid was here, nothing is done (late): so a
    late copy of an attempt cannot hold again what was released since. The same attempt gets its answer again.
 3. Unknown rid: not_found, for the gate was built from all of them. Held: done. Otherwise its user must have no other active rid
    (already_purchased) and its units must be available (sold_out); a refusal is remembered.
 4. The user's attempts stay counted. No journal entry: the order has its row.
 5. All reads first, then writes of which only the first (HSET) can be refused.
]]
local STALE_EPOCH, RECOVERING, FENCED, LATE = 72, 52, 73, 70
local NOT_FOUND, ALREADY_PURCHASED, SOLD_OUT = 8, 32, 33
local NOBODY = string.rep ('\0', 16)

local call, argv, gate_key, sub = redis.call, ARGV, KEYS[1], string.sub
if #argv ~= 10 or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_readmit: wrong number of arguments or wrong key')
end
local epoch, token, rid, mark = tonumber (argv[4]), tonumber (argv[5]), argv[6], tonumber (argv[7])
if not epoch or not token or #rid ~= 16 or not mark or mark < 1 then
    return redis.error_reply ('ERR gate_readmit: malformed argument')
end

local gate = call ('HMGET', gate_key, 'rec', 'run', 'tok', 'ep', 'gen', 'chg', 'held')
if tonumber (gate[3] or 0) > token then return {FENCED, '', 0} end
if gate[1] ~= '0' or gate[2] ~= argv[1] or not gate[4] or not gate[5] or not gate[6] or not gate[7] then
    return {RECOVERING, '', 0}
end
if tonumber (gate[4]) > epoch then return {STALE_EPOCH, '', 0} end
local prefix = sub (gate_key, 1, -2) .. gate[4] .. ':'
local available_key, rid_key, user_key, note_key = prefix .. 'a', prefix .. 'r', prefix .. 'u', prefix .. 'o'
if tonumber (gate[4]) < epoch or call ('EXISTS', available_key, rid_key, user_key, prefix .. 'x', note_key) ~= 5 then
    return {RECOVERING, '', 0}
end

-- 'r' rid → number of the attempt or release, and its code
local note = 'r' .. rid
local last, last_code = string.match (call ('HGET', note_key, note) or '0 0', '^(%d+) (%d+)$')
if tonumber (last) > mark then return {LATE, '', 0} end
if tonumber (last) == mark and last_code ~= '0' then return {tonumber (last_code), '', 0} end

local record = call ('HGET', rid_key, rid)
local code, user, quantity, slot = 0, nil, nil, nil
if not record then
    code = NOT_FOUND
else
    user, quantity = string.match (record, '^%a(%d+) (%d+) ')
    slot = call ('HGET', user_key, user) or NOBODY .. '1'
    if sub (record, 1, 1) == 'r' then
        if sub (slot, 1, 16) ~= NOBODY and sub (slot, 1, 16) ~= rid then code = ALREADY_PURCHASED
        elseif tonumber (call ('GET', available_key)) < tonumber (quantity) then code = SOLD_OUT end
    end
end

call ('HSET', note_key, note, argv[7] .. ' ' .. code)
if code == 0 and sub (record, 1, 1) == 'r' then
    call ('HSET', rid_key, rid, 'h' .. sub (record, 2))
    call ('HSET', user_key, user, rid .. sub (slot, 17))
    call ('INCRBY', available_key, -quantity)
    call ('HSET', gate_key, 'tok', argv[5], 'chg', gate[6] + 1, 'held', gate[7] + quantity)
else
    call ('HSET', gate_key, 'tok', argv[5])
end
return {code, '', 0}
