--[[ delay_done: the delayed messages that were due have been taken; another one may be kept.

KEYS[1] {s<sale>}:g   ARGV: run id (ignored), 1, sale_id, token, until_us, again_us
Answers one journal_state: code, token, gate_us, due_us, kept, refusals, deaths (the last two are 0)

 1. Takes away what was due at until_us, the gate_us that delay_due answered. Messages are never kept at or before TIME (here and in
    journal_delete), so each of them was there when delay_due looked. Again: done.
 2. again_us ≠ 0: a message for it, rounded up to a quarter of a second, and after TIME; not if the gate is gone.
 3. A broker with a lower token than another one brought here is fenced: nothing is written.
]]
local FENCED, BUCKET_US = 73, 250000

local call, argv, gate_key, number = redis.call, ARGV, KEYS[1], tonumber
if #argv ~= 6 or gate_key ~= '{s' .. argv[3] .. '}:g' or string.find (table.concat (argv, '', 3), '%D') then
    return redis.error_reply ('ERR delay_done: malformed arguments or wrong key')
end

local time = call ('TIME')
local now = time[1] * 1000000 + time[2]
local gate = call ('HMGET', gate_key, 'ep', 'btok')
local token, highest = number (argv[4]), number (gate[2] or 0)
if token < highest then return {FENCED, highest, now, 0, 0, 0, 0} end

local due_key, again, kept = string.sub (gate_key, 1, -2) .. 'due', number (argv[6]), 0
call ('ZREMRANGEBYSCORE', due_key, '-inf', argv[5]) -- first: never refused
if gate[1] and again > 0 then
    local soonest = (math.floor (now / BUCKET_US) + 1) * BUCKET_US
    local due = string.format ('%.0f', math.max (math.ceil (again / BUCKET_US) * BUCKET_US, soonest))
    kept = call ('ZADD', due_key, due, due)
end
if gate[1] and token > highest then call ('HSET', gate_key, 'btok', argv[4]) end
return {0, token, now, number (call ('ZRANGE', due_key, 0, 0)[1] or 0), kept, 0, 0}
