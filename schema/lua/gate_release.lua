--[[ gate_release: gives units of rids back, held → released by compare-and-set. Never a bare increment.

KEYS[1] {s<sale>}:g   ARGV: run id, count, then per entry sale_id, epoch, rid, code (ignored), token, place
Answers per entry
    sale_id, epoch, rid, code, token, place

 1. A higher token was here: fenced. A gate of another run, incomplete or in recovery, or of another epoch than the entry's:
    recovering, to be asked again with the epoch that PostgreSQL then has. A release must not slip in between the snapshot and the
    opening.
 2. A held rid becomes released: its units are available again, its user may buy again, its attempts stay counted. Twice in one
    batch it is released once.
 3. Released before, or unknown: final. The gate of this epoch was built from all rids, so an unknown one holds nothing.
 4. `place` numbers releases in one row with the attempts of gate_readmit. Where a younger attempt of the rid was here, this is a late
    copy of a release that has had its effect: final, and nothing is done. 0 = unknown, of no attempt.
 5. All reads first, then writes of which only the first (HSET) can be refused.
]]
local NONE, RECOVERING, FENCED, FIELDS, ENTRIES_MAX = 0, 52, 73, 6, 1024
local NOBODY = string.rep ('\0', 16)

local call, argv, gate_key, sub = redis.call, ARGV, KEYS[1], string.sub
local count = tonumber (argv[2])
if not count or count < 1 or count > ENTRIES_MAX or #argv ~= 2 + count * FIELDS or gate_key ~= '{s' .. argv[3] .. '}:g' then
    return redis.error_reply ('ERR gate_release: wrong number of arguments or wrong key')
end
for i = 1, count do
    local at = i * FIELDS - 3
    if argv[at] ~= argv[3] or not tonumber (argv[at + 1]) or #argv[at + 2] ~= 16 or not tonumber (argv[at + 4])
        or not tonumber (argv[at + 5]) then
        return redis.error_reply ('ERR gate_release: malformed entry ' .. i)
    end
end

local gate = call ('HMGET', gate_key, 'rec', 'run', 'ep', 'gen', 'chg', 'held', 'tok')
local is_open = gate[1] == '0' and gate[2] == argv[1] and gate[3] and gate[4] and gate[5] and gate[6]
local prefix = sub (gate_key, 1, -2) .. (gate[3] or '') .. ':'
local available_key, rid_key, user_key, note_key = prefix .. 'a', prefix .. 'r', prefix .. 'u', prefix .. 'o'
is_open = is_open and call ('EXISTS', available_key, rid_key, user_key, prefix .. 'x', note_key) == 5
local seen = tonumber (gate[7] or 0)
local token = seen

local out, records, new_slots, slot_of, done = {}, {}, {}, {}, {}
local units, released = 0, 0
local notes = {}

-- True if a younger attempt to hold the rid was here; an older one is told by the note that this release came after it.
local function is_of_past (rid, place)
    local note = call ('HGET', note_key, 'r' .. rid)
    local last = note and tonumber (string.match (note, '^%d+'))
    if not last or place == '0' then return false end
    if last > tonumber (place) then return true end
    notes[#notes + 1], notes[#notes + 2] = 'r' .. rid, place .. ' 0'
    return false
end

for i = 1, count do
    local at = i * FIELDS - 3
    local rid, code = argv[at + 2], RECOVERING
    if seen > tonumber (argv[at + 4]) then
        code = FENCED
    elseif is_open and argv[at + 1] == gate[3] then
        code = NONE
        local record = not done[rid] and call ('HGET', rid_key, rid)
        if record and sub (record, 1, 1) == 'h' and not is_of_past (rid, argv[at + 5]) then
            token = math.max (token, tonumber (argv[at + 4]))
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
    local n = FIELDS * i
    out[n - 5], out[n - 4], out[n - 3], out[n - 2], out[n - 1], out[n] =
        tonumber (argv[at]), tonumber (argv[at + 1]), rid, code, tonumber (argv[at + 4]), tonumber (argv[at + 5])
end

if released > 0 then
    call ('HSET', rid_key, unpack (records))
    call ('HSET', user_key, unpack (new_slots))
    call ('INCRBY', available_key, units)
    if #notes > 0 then call ('HSET', note_key, unpack (notes)) end
    call ('HSET', gate_key, 'gen', gate[4] + 1, 'chg', gate[5] + released, 'held', gate[6] - units, 'tok', token)
end
return out
