-- One purchase: KEYS gate, rids, users, stream; ARGV rid, user, quantity, body hash. Answers code, sequence or what is left.
local gate = redis.call ('HMGET', KEYS[1], 'from', 'until', 'limit', 'left', 'seq', 'price')
if not gate[1] then return {'unknown_sale', 0} end
local known = redis.call ('HGET', KEYS[2], ARGV[1])
if known then
    local quantity, hash, sequence = string.match (known, '^(%d+) (%x+) (%d+)$')
    if hash ~= ARGV[4] then return {'idempotency_mismatch', 0} end
    return {'none', tonumber (sequence)}
end
if redis.call ('HEXISTS', KEYS[3], ARGV[2]) == 1 then return {'already_purchased', 0} end
local time = redis.call ('TIME')
local now_ms = time[1] * 1000 + math.floor (time[2] / 1000)
if now_ms < tonumber (gate[1]) then return {'sale_not_started', 0} end
if now_ms >= tonumber (gate[2]) then return {'sale_ended', 0} end
local quantity, left = tonumber (ARGV[3]), tonumber (gate[4])
if quantity > tonumber (gate[3]) then return {'limit_exceeded', 0} end
if quantity > left then return {'sold_out', left} end
local sequence = tonumber (gate[5]) + 1
redis.call ('XADD', KEYS[4], '*', 'rid', ARGV[1], 'user', ARGV[2], 'qty', quantity, 'seq', sequence, 'at', now_ms)
redis.call ('HSET', KEYS[2], ARGV[1], quantity .. ' ' .. ARGV[4] .. ' ' .. sequence)
redis.call ('HSET', KEYS[3], ARGV[2], ARGV[1])
redis.call ('HSET', KEYS[1], 'left', left - quantity, 'seq', sequence)
return {'none', sequence}
