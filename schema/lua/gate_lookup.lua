--[[ gate_lookup: what the gate knows of rids of one sale.

KEYS[1] {s<sale>}:g   ARGV: run id, count, then per entry sale_id, rid, epoch, token (the last two are ignored)
Answers per entry
    code, held, user_id, quantity, price_cents, sequence, pay_before_us, reserved_us, gate_us, epoch, body_hash

 1. A gate of another run, incomplete or in recovery knows nothing: recovering, for a rid may be missing that the rebuilt gate
    will have. Only an open gate may say not_found.
 2. user_id and body_hash have up to 63 bits: they are answered as texts of decimal digits, all other numbers as integers.
]]
local NONE, NOT_FOUND, RECOVERING, FIELDS = 0, 8, 52, 4

local call, argv, gate_key = redis.call, ARGV, KEYS[1]
local count = tonumber (argv[2])
if not count or count < 1 or #argv ~= 2 + count * FIELDS or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_lookup: wrong number of arguments or wrong key')
end

local time = call ('TIME')
local now = time[1] * 1000000 + time[2]
local gate = call ('HMGET', gate_key, 'rec', 'run', 'ep')
local is_open = gate[1] == '0' and gate[2] == argv[1] and gate[3]
local prefix = string.sub (gate_key, 1, -2) .. (gate[3] or '') .. ':'
is_open = is_open and call ('EXISTS', prefix .. 'a', prefix .. 'r', prefix .. 'u', prefix .. 'x') == 4

local out, n = {}, 0
for i = 1, count do
    local record = is_open and call ('HGET', prefix .. 'r', argv[i * FIELDS])
    local code, held, user, quantity, cents, sequence, at, pay = is_open and NOT_FOUND or RECOVERING, 0, '0', 0, 0, 0, 0, 0
    local hash = '0'
    if record then
        local mark
        code = NONE
        mark, user, quantity, hash, cents, sequence, at, pay =
            string.match (record, '^(%a)(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+)$')
        held = mark == 'h' and 1 or 0
    end
    out[n + 1], out[n + 2], out[n + 3], out[n + 4], out[n + 5], out[n + 6], out[n + 7], out[n + 8], out[n + 9] =
        code, held, user, tonumber (quantity), tonumber (cents), tonumber (sequence), tonumber (pay), tonumber (at), now
    out[n + 10], out[n + 11] = tonumber (gate[3] or 0), hash
    n = n + 11
end
return out
