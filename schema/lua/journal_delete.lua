--[[ journal_delete: deletes entries of one sale that ordering acknowledged after COMMIT, and keeps when their orders are due.

KEYS[1] {s<sale>}:g   ARGV: run id (ignored), count, then per entry sale_id, epoch, entry_ms, entry_seq, pay_before_us, token
Answers one journal_state: code, token, gate_us, due_us, kept, refusals, deaths (the last two are 0)

 1. An entry is named by epoch and id, and a journal never begins anew within an epoch: so it may be deleted in every state of the
    gate, also while a recovery drains it, and by a broker of a former run. Again: done.
 2. A broker with a lower token than another one brought here is fenced: nothing is written. The highest is kept in `btok`.
 3. The gate's running total of journal units goes down by what was deleted. While it equals the number of entries, every entry is
    of one unit and the number deleted is enough; otherwise the entries are read before. Foreign entries can make the total wrong;
    it is right again when the journal is empty.
 4. The journal stays as an empty stream, and a gate that is not there is not made, nor its delayed messages.
 5. For a deleted entry a delayed message is kept in the same step: pay_before_us rounded up to a quarter of a second, so that there
    are few, and never at or before TIME. A message that delay_due sees as due was therefore kept before it looked, and the order
    that it stands for was committed before that: delay_done may take away all that were due then.
 6. What was counted of an entry goes with it.
 7. XDEL goes first: it is never refused, and what follows it in a script that has written is let through. A full Redis is drained.
]]
local FENCED, FIELDS, ENTRIES_MAX, BUCKET_US = 73, 6, 1024, 250000
local QUANTITY = 6 -- 'qty' is the third pair of an entry

local call, argv, gate_key, number = redis.call, ARGV, KEYS[1], tonumber
local count = number (argv[2])
if not count or count < 1 or count > ENTRIES_MAX or #argv ~= 2 + count * FIELDS or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR journal_delete: wrong number of arguments or wrong key')
end
local ids_of, pays = {}, {} -- epoch → ids; set of the times until which their orders can be paid
local sale, token_text, last_pay = argv[3], argv[8], '0'
if string.find (token_text, '%D') then return redis.error_reply ('ERR journal_delete: malformed token') end
for i = 1, count do
    local at = i * FIELDS - 3
    local epoch, ms, seq, pay = argv[at + 1], argv[at + 2], argv[at + 3], argv[at + 4]
    if argv[at] ~= sale or argv[at + 5] ~= token_text or string.find (epoch .. ms .. seq .. pay, '%D') then
        return redis.error_reply ('ERR journal_delete: malformed entry ' .. i)
    end
    local ids = ids_of[epoch]
    if not ids then
        ids = {}
        ids_of[epoch] = ids
    end
    ids[#ids + 1] = ms .. '-' .. seq
    if pay ~= last_pay and pay ~= '0' then -- reservations of one batch have the same
        last_pay = pay
        pays[math.ceil (pay / BUCKET_US) * BUCKET_US] = true
    end
end

local time = call ('TIME')
local now = time[1] * 1000000 + time[2]
local soonest = (math.floor (now / BUCKET_US) + 1) * BUCKET_US
local gate = call ('HMGET', gate_key, 'ep', 'ju', 'chg', 'btok')
local prefix = string.sub (gate_key, 1, -2)
local due_key, token, highest = prefix .. 'due', number (token_text), number (gate[4] or 0)

local function answer (code, kept)
    local due = call ('ZRANGE', due_key, 0, 0)[1]
    return {code, math.max (highest, token), now, number (due or 0), kept, 0, 0}
end
if token < highest then return answer (FENCED, 0) end

local function units_of (journal_key, ids)
    local units, seen = 0, {}
    for i = 1, #ids do
        local entry = not seen[ids[i]] and call ('XRANGE', journal_key, ids[i], ids[i])[1]
        units = units + (entry and number (entry[2][QUANTITY] or 0) or 0)
        seen[ids[i]] = true
    end
    return units
end

local function delete (epoch, ids)
    local journal_key, counts_key, deleted = prefix .. epoch .. ':x', prefix .. epoch .. ':dc', 0
    if epoch == gate[1] and gate[2] and gate[3] then
        local journal_units = number (gate[2])
        local all_single = call ('XLEN', journal_key) == journal_units
        local units = not all_single and units_of (journal_key, ids)
        deleted = call ('XDEL', journal_key, unpack (ids))
        local left = math.max (journal_units - (units or deleted), 0)
        if deleted > 0 then
            if call ('XLEN', journal_key) == 0 then left = 0 end
            call ('HSET', gate_key, 'ju', left, 'chg', gate[3] + deleted)
        end
    else
        deleted = call ('XDEL', journal_key, unpack (ids))
    end
    if call ('EXISTS', counts_key) == 1 then call ('HDEL', counts_key, unpack (ids)) end
    return deleted
end

local deleted, kept = 0, 0
for epoch, ids in pairs (ids_of) do deleted = deleted + delete (epoch, ids) end
if deleted > 0 and gate[1] then
    for pay in pairs (pays) do
        local due = string.format ('%.0f', math.max (pay, soonest))
        kept = kept + call ('ZADD', due_key, due, due)
    end
end
if gate[1] and token > highest then call ('HSET', gate_key, 'btok', token_text) end
return answer (0, kept)
