--[[ gate_update: an operator's change of an open gate, PostgreSQL first.

KEYS[1] {s<sale>}:g   ARGV: run id, 1, then
    sale_id, epoch, token, version, want, starts_us, ends_us, per_user_limit, price_cents, pay_within_us, queue_bound, available,
    held_units, sequence (the last three are ignored)
Answers one outcome: code, detail, retry_after_ms

 1. In order: a higher token was here: fenced; another run, incomplete or closed: recovering (the opening brings the change with
    it); another epoch: stale_epoch.
 2. Higher version: written. Equal: done already, and a higher token is remembered: so a new leader makes itself known to every gate, and
    what a former one still sends is refused. Lower: stale_version. So changes that overtake each other end in the newest.
 3. rec is the recovery's alone: an operator cannot open what a recovery closed.
]]
local STALE_EPOCH, STALE_VERSION, RECOVERING, FENCED = 72, 71, 52, 73

local call, argv, gate_key = redis.call, ARGV, KEYS[1]
if #argv ~= 16 or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_update: wrong number of arguments or wrong key')
end
for i = 4, 13 do
    if not tonumber (argv[i]) then return redis.error_reply ('ERR gate_update: malformed argument ' .. i) end
end

local gate = call ('HMGET', gate_key, 'rec', 'run', 'tok', 'ep', 'ver')
local token, version = tonumber (argv[5]), tonumber (argv[6])
if tonumber (gate[3] or 0) > token then return {FENCED, '', 0} end
if gate[1] ~= '0' or gate[2] ~= argv[1] or not gate[4] or not gate[5] then return {RECOVERING, '', 0} end
if gate[4] ~= argv[4] then return {STALE_EPOCH, '', 0} end
if version < tonumber (gate[5]) then return {STALE_VERSION, '', 0} end
if version > tonumber (gate[5]) then
    call ('HSET', gate_key, 'tok', argv[5], 'ver', argv[6], 'want', argv[7], 'from', argv[8], 'until', argv[9], 'limit', argv[10],
          'price', argv[11], 'payw', argv[12], 'qmax', argv[13])
elseif token > tonumber (gate[3] or 0) then
    call ('HSET', gate_key, 'tok', argv[5])
end
return {0, '', 0}
