--[[ journal_delete: deletes entries of one sale that ordering acknowledged after COMMIT.

KEYS[1] {s<sale>}:g   ARGV: run id (ignored), count, then per entry sale_id, epoch, entry_ms, entry_seq
Answers one outcome: code, detail, retry_after_ms

 1. An entry is named by epoch and id, and a journal never begins anew within an epoch: so it may be deleted in every state of the
    gate, also while a recovery drains it, and by a broker of a former run. Again: done.
 2. The gate's running total of journal units goes down by what was deleted. While it equals the number of entries, every entry is
    of one unit and the number deleted is enough; otherwise the entries are read before. Foreign entries can make the total wrong;
    it is right again when the journal is empty.
 3. The journal stays as an empty stream, and a gate that is not there is not made.
]]
local FIELDS, ENTRIES_MAX = 4, 1024
local QUANTITY = 6 -- 'qty' is the third pair of an entry

local call, argv, gate_key = redis.call, ARGV, KEYS[1]
local count = tonumber (argv[2])
if not count or count < 1 or count > ENTRIES_MAX or #argv ~= 2 + count * FIELDS or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR journal_delete: wrong number of arguments or wrong key')
end
local ids_of = {} -- epoch → ids
for i = 1, count do
    local at = i * FIELDS - 1
    local epoch = argv[at + 1]
    if argv[at] ~= argv[3] or string.find (epoch .. argv[at + 2] .. argv[at + 3], '%D') then
        return redis.error_reply ('ERR journal_delete: malformed entry ' .. i)
    end
    ids_of[epoch] = ids_of[epoch] or {}
    table.insert (ids_of[epoch], argv[at + 2] .. '-' .. argv[at + 3])
end

local gate = call ('HMGET', gate_key, 'ep', 'ju', 'chg')
local prefix = string.sub (gate_key, 1, -2)

local function units_of (journal_key, ids)
    local units, seen = 0, {}
    for i = 1, #ids do
        local entry = not seen[ids[i]] and call ('XRANGE', journal_key, ids[i], ids[i])[1]
        units = units + (entry and tonumber (entry[2][QUANTITY] or 0) or 0)
        seen[ids[i]] = true
    end
    return units
end

for epoch, ids in pairs (ids_of) do
    local journal_key = prefix .. epoch .. ':x'
    if epoch == gate[1] and gate[2] and gate[3] then
        local journal_units = tonumber (gate[2])
        local all_single = call ('XLEN', journal_key) == journal_units
        local units = not all_single and units_of (journal_key, ids)
        local deleted = call ('XDEL', journal_key, unpack (ids))
        local left = math.max (journal_units - (units or deleted), 0)
        if deleted > 0 then
            if call ('XLEN', journal_key) == 0 then left = 0 end
            call ('HSET', gate_key, 'ju', left, 'chg', gate[3] + deleted)
        end
    else
        call ('XDEL', journal_key, unpack (ids))
    end
end
return {0, '', 0}
