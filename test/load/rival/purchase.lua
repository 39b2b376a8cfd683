-- The work of a purchase in one nginx worker: token, key, body, user window, gate. Same checks as the edge and the limiter make.
local cjson = require "cjson.safe"
local ffi = require "ffi"

ffi.cdef [[
const void *EVP_sha256 (void);
unsigned char *HMAC (const void *md, const void *key, int key_len, const unsigned char *d, size_t n, unsigned char *out, unsigned int *out_len);
]]
local crypto = ffi.load "/usr/lib/x86_64-linux-gnu/libcrypto.so.3"
local digest = ffi.new "unsigned char[32]"

local HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"
local WINDOW_S, WINDOW_COUNT = 1, 50
local STATUS = {
    none = 201, unknown_sale = 404, idempotency_mismatch = 409, already_purchased = 409, sold_out = 409, limit_exceeded = 409,
    sale_ended = 410, sale_not_started = 425, rate_limited = 429, unauthenticated = 401, missing_idempotency_key = 400,
    malformed_json = 400, invalid_field = 400, dependency_unavailable = 503,
}

local M = {}
local redis_path, key, sha

function M.init (folder, key_hex)
    redis_path = "unix:" .. folder .. "/redis.sock"
    key = key_hex:gsub ("%x%x", function (byte) return string.char (tonumber (byte, 16)) end)
    local file = io.open (folder .. "/gate.sha")
    sha = file:read "*l"
    file:close ()
end

local function hmac (text)
    crypto.HMAC (crypto.EVP_sha256 (), key, #key, text, #text, digest, nil)
    return ffi.string (digest, 32)
end

local function base64url (text)
    text = text:gsub ("[-_]", { ["-"] = "+", ["_"] = "/" })
    return ngx.decode_base64 (text .. string.rep ("=", -#text % 4))
end

local function refuse (code, left)
    local status = STATUS[code]
    local body = '{"type":"about:blank","title":"' .. code .. '","status":' .. status .. ',"code":"' .. code .. '"'
                 .. (left and ',"stock_left":' .. left or "") .. "}"
    ngx.status = status
    ngx.header["Content-Type"] = "application/problem+json"
    ngx.header["Content-Length"] = #body
    ngx.print (body)
end

local function user_of (authorization)
    local head, claims, signature = string.match (authorization or "", "^Bearer ([%w_-]+)%.([%w_-]+)%.([%w_-]+)$")
    if head ~= HEADER or base64url (signature) ~= hmac (head .. "." .. claims) then return nil end
    local parsed = cjson.decode (base64url (claims) or "")
    if not parsed or not parsed.sub or (parsed.exp or 0) < ngx.time () then return nil end
    return parsed.sub
end

local function quantity_of (body)
    local parsed = cjson.decode (body == "" and "{}" or body)
    if type (parsed) ~= "table" then return nil, "malformed_json" end
    for name in pairs (parsed) do
        if name ~= "quantity" then return nil, "invalid_field" end
    end
    local quantity = parsed.quantity or 1
    if type (quantity) ~= "number" or quantity < 1 or quantity > 100 or quantity % 1 ~= 0 then return nil, "invalid_field" end
    return quantity
end

local function command (...)
    local words = { ... }
    local out = { "*" .. #words .. "\r\n" }
    for _, word in ipairs (words) do
        out[#out + 1] = "$" .. #word .. "\r\n" .. word .. "\r\n"
    end
    return table.concat (out)
end

-- Answer of the script: an array of a bulk text and a number.
local function ask_gate (sale, rid, user, quantity)
    local socket = ngx.socket.tcp ()
    if not socket:connect (redis_path, { pool = "gate", pool_size = 256 }) then return nil end
    local prefix = "{s" .. sale .. "}:"
    socket:send (command ("EVALSHA", sha, "4", prefix .. "g", prefix .. "r", prefix .. "u", prefix .. "x", rid, user, tostring (quantity),
                          ngx.md5 ("quantity=" .. quantity)))
    local line = socket:receive ()
    if line ~= "*2" then
        socket:close ()
        return nil
    end
    socket:receive ()
    local code = socket:receive ()
    local number = socket:receive ()
    socket:setkeepalive (60000, 256)
    return code, number:sub (2)
end

function M.serve (sale)
    local headers = ngx.req.get_headers ()
    local user = user_of (headers["authorization"])
    if not user then return refuse "unauthenticated" end
    local idempotency_key = headers["idempotency-key"]
    if not idempotency_key or not idempotency_key:find "^[%w_-]+$" or #idempotency_key > 64 then return refuse "missing_idempotency_key" end
    ngx.req.read_body ()
    local quantity, wrong = quantity_of (ngx.req.get_body_data () or "")
    if not quantity then return refuse (wrong) end
    if (ngx.shared.windows:incr (user, 1, 0, WINDOW_S) or 0) > WINDOW_COUNT then return refuse "rate_limited" end
    local hex = ngx.md5 (sale .. "/" .. user .. "/" .. idempotency_key)
    local code, number = ask_gate (sale, hex, user, quantity)
    if not code then return refuse "dependency_unavailable" end
    if code ~= "none" then return refuse (code, code == "sold_out" and number or nil) end
    local order_id = hex:sub (1, 8) .. "-" .. hex:sub (9, 12) .. "-" .. hex:sub (13, 16) .. "-" .. hex:sub (17, 20) .. "-" .. hex:sub (21)
    local body = '{"order_id":"' .. order_id .. '","sale_id":"' .. sale .. '","quantity":' .. quantity .. ',"price_cents":1999,"total_cents":'
                 .. 1999 * quantity .. ',"currency":"EUR","status":"reserved","sequence":' .. number .. "}"
    ngx.status = 201
    ngx.header["Content-Type"] = "application/json; charset=utf-8"
    ngx.header["Content-Length"] = #body
    ngx.print (body)
end

return M
