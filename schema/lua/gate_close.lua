--[[ gate_close: the recovery leader closes the gate of a sale. First step of every recovery and of the first publish.

KEYS[1] {s<sale>}:g   ARGV: run id, 1, sale_id, rid, epoch, token (rid and epoch are ignored)
Answers the state before, as gate_stat:
    code, present, same_run, epoch, version, want, recovering, token, available, held_units, journal_count, journal_units,
    sequence, changes, gate_us

 1. A higher token was here: fenced, nothing is written. Otherwise rec = 1 and the token is remembered: from now on no
    reservation, no release, no operator's change.
 2. The run id of the closing is remembered too: gate_load and gate_open go on only in the run of Redis that was closed. A Redis
    that restarted in between must be closed again, so that nothing is built upon keys that it may have lost.
 3. A missing hash is made, with nothing but these three fields: it cannot be taken for a gate (gate_stat: present = 0).
 4. Again: the same, and the state before then shows recovering = 1.
]]
local FENCED = 73

local call, argv, gate_key = redis.call, ARGV, KEYS[1]
local token = tonumber (argv[6])
if #argv ~= 6 or not token or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_close: wrong number of arguments or wrong key')
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
local before = {0, present, gate[10] == argv[1] and 1 or 0, field (1), field (2), field (3), gate[4] == '1' and 1 or 0,
                field (5), available, field (6), journal_count, field (7), field (8), field (9),
                time[1] * 1000000 + time[2]}
if field (5) > token then
    before[1] = FENCED
    return before
end
call ('HSET', gate_key, 'rec', '1', 'tok', argv[6], 'run', argv[1])
return before
