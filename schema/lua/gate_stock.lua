--[[ gate_stock: more or fewer units at the gate, each operation once.

KEYS[1] {s<sale>}:g   ARGV: run id, 1, sale_id, epoch, token, op_id, taking, units, state, code (the last two are ignored)
Answers one outcome: code, detail, retry_after_ms

 1. In order: a higher token was here: fenced; another run, incomplete or closed: recovering; the gate is of a later epoch than the
    operation: stale_epoch (it was built with what was added, and without what is to be taken); of an earlier one: recovering.
 2. An operation that is known to this epoch gets its answer again, whatever happened since: done, or refused. So a late copy of a call
    neither adds twice nor takes what was refused.
 3. Taking more than is available is refused (sold_out) and remembered; the stock is not touched.
 4. All reads first, then writes of which only the first (HSET) can be refused.
]]
local STALE_EPOCH, RECOVERING, FENCED, SOLD_OUT = 72, 52, 73, 33

local call, argv, gate_key = redis.call, ARGV, KEYS[1]
if #argv ~= 10 or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_stock: wrong number of arguments or wrong key')
end
local epoch, token, units = tonumber (argv[4]), tonumber (argv[5]), tonumber (argv[8])
if not epoch or not token or #argv[6] ~= 16 or not units or units < 1 or (argv[7] ~= '0' and argv[7] ~= '1') then
    return redis.error_reply ('ERR gate_stock: malformed argument')
end

local gate = call ('HMGET', gate_key, 'rec', 'run', 'tok', 'ep', 'gen', 'chg')
if tonumber (gate[3] or 0) > token then return {FENCED, '', 0} end
if gate[1] ~= '0' or gate[2] ~= argv[1] or not gate[4] or not gate[5] or not gate[6] then return {RECOVERING, '', 0} end
if tonumber (gate[4]) > epoch then return {STALE_EPOCH, '', 0} end
local prefix = string.sub (gate_key, 1, -2) .. gate[4] .. ':'
local available_key, note_key = prefix .. 'a', prefix .. 'o'
if tonumber (gate[4]) < epoch or call ('EXISTS', available_key, prefix .. 'r', prefix .. 'u', prefix .. 'x', note_key) ~= 5 then
    return {RECOVERING, '', 0}
end

local note = 's' .. argv[6]
local known = call ('HGET', note_key, note)
if known then return {tonumber (known), '', 0} end
local is_taking = argv[7] == '1'
if is_taking and tonumber (call ('GET', available_key)) < units then
    call ('HSET', note_key, note, SOLD_OUT)
    call ('HSET', gate_key, 'tok', argv[5])
    return {SOLD_OUT, '', 0}
end

call ('HSET', note_key, note, 0)
call ('INCRBY', available_key, is_taking and -units or units)
call ('HSET', gate_key, 'tok', argv[5], 'chg', gate[6] + 1, 'gen', gate[5] + (is_taking and 0 or 1))
return {0, '', 0}
