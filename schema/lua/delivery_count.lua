--[[ delivery_count: counts a delivery of one entry alone that went wrong, before the entry is delivered again.

KEYS[1] {s<sale>}:g
ARGV: run id (ignored), 1, sale_id, epoch, entry_ms, entry_seq, token, batch_id, attempt, died
Answers one journal_state: code, token, gate_us, due_us (0), kept (0), refusals, deaths

 1. {s}:<ep>:dc, a hash: id of the entry → `refusals deaths failure`, all in decimal, one space between; `failure` is
    token.batch_id.attempt of the one counted last. The same failure again is not counted: an unknown answer may be asked again.
 2. A broker with a lower token than another one brought here is fenced: nothing is written.
 3. Only entries that are in the journal are counted: journal_delete takes the count away together with the entry, so none stays
    behind. Another entry, or a gate that is not there: not_found.
 4. One write that Redis may refuse (memory) comes first; the count is lost then, and the broker goes on without.
]]
local NOT_FOUND, FENCED = 8, 73

local call, argv, gate_key, number = redis.call, ARGV, KEYS[1], tonumber
if #argv ~= 10 or gate_key ~= '{s' .. argv[3] .. '}:g' or string.find (table.concat (argv, '', 3), '%D') then
    return redis.error_reply ('ERR delivery_count: malformed arguments or wrong key')
end

local time = call ('TIME')
local now = time[1] * 1000000 + time[2]
local gate = call ('HMGET', gate_key, 'ep', 'btok')
local token, highest = number (argv[7]), number (gate[2] or 0)
if token < highest then return {FENCED, highest, now, 0, 0, 0, 0} end

local keys, id = string.sub (gate_key, 1, -2) .. argv[4] .. ':', argv[5] .. '-' .. argv[6]
if not gate[1] or #call ('XRANGE', keys .. 'x', id, id) == 0 then return {NOT_FOUND, token, now, 0, 0, 0, 0} end

local failure = argv[7] .. '.' .. argv[8] .. '.' .. argv[9]
local refusals, deaths, last = string.match (call ('HGET', keys .. 'dc', id) or '', '^(%d+) (%d+) (.+)$')
refusals, deaths = number (refusals or 0), number (deaths or 0)
if last ~= failure then
    if argv[10] == '0' then refusals = refusals + 1 else deaths = deaths + 1 end
    call ('HSET', keys .. 'dc', id, refusals .. ' ' .. deaths .. ' ' .. failure)
    if token > highest then call ('HSET', gate_key, 'btok', argv[7]) end
end
return {0, token, now, 0, 0, refusals, deaths}
