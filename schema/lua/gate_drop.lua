--[[ gate_drop: removes the gate of an archived sale: nobody asks it for anything any more.

KEYS[1] {s<sale>}:g   ARGV: run id (ignored), 1, sale_id, rid (ignored), epoch, token
Answers one outcome: code, detail, retry_after_ms

 1. A higher token was here: fenced. A journal of any epoch that is known (the gate's, of a loading, PostgreSQL's) is not empty:
    busy, for its entries are not orders yet.
 2. Otherwise all keys of those epochs, the broker's delayed messages and the hash itself are unlinked. Older epochs have no keys:
    gate_open drops them. Again: done.
 3. In every state of the gate, also of a former run: there is nothing to build upon what goes.
]]
local FENCED, BUSY = 73, 50

local call, argv, gate_key = redis.call, ARGV, KEYS[1]
if #argv ~= 6 or gate_key ~= '{s' .. argv[3] .. '}:g' or not tonumber (argv[5]) or not tonumber (argv[6]) then
    return redis.error_reply ('ERR gate_drop: wrong number of arguments or wrong key')
end

local gate = call ('HMGET', gate_key, 'tok', 'ep', 'lep')
if tonumber (gate[1] or 0) > tonumber (argv[6]) then return {FENCED, '', 0} end
local prefix = string.sub (gate_key, 1, -2)
local epochs = {argv[5], gate[2] or argv[5], gate[3] or argv[5]}
for _, epoch in ipairs (epochs) do
    if call ('XLEN', prefix .. epoch .. ':x') > 0 then return {BUSY, '', 0} end
end
for _, epoch in ipairs (epochs) do
    local keys = prefix .. epoch .. ':'
    call ('UNLINK', keys .. 'a', keys .. 'r', keys .. 'u', keys .. 'x', keys .. 'o', keys .. 'dc')
end
call ('UNLINK', prefix .. 'due', gate_key)
return {0, '', 0}
