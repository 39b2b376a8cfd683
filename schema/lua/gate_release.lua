--[[ gate_release: gives units of rids back, held → released by compare-and-set. Never a bare increment.

KEYS[1] {s<sale>}:g   ARGV: run id, count, then per entry sale_id, epoch, rid, code (ignored)
Answers per entry
    sale_id, epoch, rid, code

 1. A gate of another run, incomplete or in recovery, or of another epoch than the entry's: recovering, to be asked again with the
    epoch that PostgreSQL then has. A release must not slip in between the snapshot and the opening.
 2. A held rid becomes released: its units are available again, its user may buy again, its attempts stay counted. Twice in one
    batch it is released once.
 3. Released before, or unknown: final. The gate of this epoch was built from all rids, so an unknown one holds nothing.
 4. All reads first, then writes of which only the first (HSET) can be refused.
]]
local NONE, RECOVERING, FIELDS, ENTRIES_MAX = 0, 52, 4, 1024
local NOBODY = string.rep ('\0', 16)

local call, argv, gate_key, sub = redis.call, ARGV, KEYS[1], string.sub
local count = tonumber (argv[2])
if not count or count < 1 or count > ENTRIES_MAX or #argv ~= 2 + count * FIELDS or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_release: wrong number of arguments or wrong key')
end
for i = 1, count do
    local at = i * FIELDS - 1
    if argv[at] ~= argv[3] or not tonumber (argv[at + 1]) or #argv[at + 2] ~= 16 then
        return redis.error_reply ('ERR gate_release: malformed entry ' .. i)
    end
end

local gate = call ('HMGET', gate_key, 'rec', 'run', 'ep', 'gen', 'chg', 'held')
local is_open = gate[1] == '0' and gate[2] == argv[1] and gate[3] and gate[4] and gate[5] and gate[6]
local prefix = sub (gate_key, 1, -2) .. (gate[3] or '') .. ':'
local available_key, rid_key, user_key = prefix .. 'a', prefix .. 'r', prefix .. 'u'
is_open = is_open and call ('EXISTS', available_key, rid_key, user_key, prefix .. 'x') == 4

local out, records, new_slots, slot_of, done = {}, {}, {}, {}, {}
local units, released = 0, 0
for i = 1, count do
    local at = i * FIELDS - 1
    local rid, code = argv[at + 2], RECOVERING
    if is_open and argv[at + 1] == gate[3] then
        code = NONE
        local record = not done[rid] and call ('HGET', rid_key, rid)
        if record and sub (record, 1, 1) == 'h' then
            local user, quantity = string.match (record, '^h(%d+) (%d+) ')
            local slot = slot_of[user] or call ('HGET', user_key, user) or NOBODY .. '1'
            if sub (slot, 1, 16) == rid then slot = NOBODY .. sub (slot, 17) end
            slot_of[user] = slot
            units, released = units + quantity, released + 1
            records[2 * released - 1], records[2 * released] = rid, 'r' .. sub (record, 2)
            new_slots[2 * released - 1], new_slots[2 * released] = user, slot
        end
        done[rid] = true
    end
    out[4 * i - 3], out[4 * i - 2], out[4 * i - 1], out[4 * i] = tonumber (argv[at]), tonumber (argv[at + 1]), rid, code
end

if released > 0 then
    call ('HSET', rid_key, unpack (records))
    call ('HSET', user_key, unpack (new_slots))
    call ('INCRBY', available_key, units)
    call ('HSET', gate_key, 'gen', gate[4] + 1, 'chg', gate[5] + released, 'held', gate[6] - units)
end
return out
