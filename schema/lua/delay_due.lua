--[[ delay_due: when the next delayed message of a sale is due. It stays until delay_done.

KEYS[1] {s<sale>}:g   ARGV: run id (ignored), 1, sale_id, token, until_us, again_us (the last two are ignored)
Answers one journal_state: code, token, gate_us, due_us, kept, refusals, deaths (the last three are 0)

 1. {s}:due, a sorted set: the time in decimal, with itself as score. `due_us` is the soonest, 0 if there is none; it is due when it
    is not above gate_us.
 2. A broker with a lower token than another one brought here is fenced. A new active broker asks every sale at the beginning of its
    term, and its token is kept: so whoever was active before is fenced everywhere from then on.
]]
local FENCED = 73

local call, argv, gate_key, number = redis.call, ARGV, KEYS[1], tonumber
if #argv ~= 6 or gate_key ~= '{s' .. argv[3] .. '}:g' or string.find (argv[4], '%D') then
    return redis.error_reply ('ERR delay_due: malformed arguments or wrong key')
end

local time = call ('TIME')
local now = time[1] * 1000000 + time[2]
local gate = call ('HMGET', gate_key, 'ep', 'btok')
local token, highest = number (argv[4]), number (gate[2] or 0)
if token < highest then return {FENCED, highest, now, 0, 0, 0, 0} end
local due = call ('ZRANGE', string.sub (gate_key, 1, -2) .. 'due', 0, 0)[1]
if gate[1] and token > highest then call ('HSET', gate_key, 'btok', argv[4]) end
return {0, token, now, number (due or 0), 0, 0, 0}
