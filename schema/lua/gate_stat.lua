--[[ gate_stat: the gate of one sale as it stands, whatever state it is in. Writes nothing, O(1).

KEYS[1] {s<sale>}:g   ARGV: run id, 1, sale_id, rid, epoch, token (the last three are ignored)
Answers
    code, present, same_run, epoch, version, want, recovering, token, available, held_units, journal_count, journal_units,
    sequence, changes, gate_us

 1. present: the hash with all its fields and all keys of its epoch. A gate that is only closed (gate_close on nothing) is not.
 2. journal_units is a running total that every write of the journal carries along in the same step, so it is exact.
 3. gate_close answers the same fields by the same code.
]]
local call, argv, gate_key = redis.call, ARGV, KEYS[1]
if #argv ~= 6 or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_stat: wrong number of arguments or wrong key')
end

local time = call ('TIME')
local gate = call ('HMGET', gate_key, 'ep', 'ver', 'want', 'rec', 'tok', 'held', 'ju', 'seq', 'chg', 'run', 'from', 'until',
                   'limit', 'price', 'payw', 'qmax', 'gen')
local present = 1
for i = 1, 17 do
    if not gate[i] then present = 0 end
end

local available, journal_count = 0, 0
if gate[1] then
    local prefix = string.sub (gate_key, 1, -2) .. gate[1] .. ':'
    available, journal_count = tonumber (call ('GET', prefix .. 'a') or 0), call ('XLEN', prefix .. 'x')
    if call ('EXISTS', prefix .. 'a', prefix .. 'r', prefix .. 'u', prefix .. 'x', prefix .. 'o') ~= 5 then present = 0 end
end

local function field (i) return tonumber (gate[i] or 0) end
return {0, present, gate[10] == argv[1] and 1 or 0, field (1), field (2), field (3), gate[4] == '1' and 1 or 0, field (5),
        available, field (6), journal_count, field (7), field (8), field (9), time[1] * 1000000 + time[2]}
