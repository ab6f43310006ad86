-- wrk's requests: session after session, told by six digits in the token's payload. The digits lie where base64 turns
-- three of them into four letters, so a request is put together from pieces that are made once.
-- Arguments: file with the request's head up to the digits, file with the rest, number of sessions, the first one.
local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
local digits, head, tail, sessions, last = {}, "", "", 1, -1

local function letters(number)
  local text = string.format("%03d", number)
  local bits = text:byte(1) * 65536 + text:byte(2) * 256 + text:byte(3)
  local out = {}
  for place = 4, 1, -1 do
    local letter = bits % 64
    out[place] = alphabet:sub(letter + 1, letter + 1)
    bits = (bits - letter) / 64
  end
  return table.concat(out)
end

local function content(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

function init(args)
  head, tail, sessions = content(args[1]), content(args[2]), tonumber(args[3])
  last = tonumber(args[4]) - 1
  for number = 0, 999 do digits[number] = letters(number) end
end

function request()
  last = (last + 1) % sessions
  local low = last % 1000
  return head .. digits[(last - low) / 1000] .. digits[low] .. tail
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format("requests=%d microseconds=%d refused=%d broken=%d p50=%d p99=%d\n",
    summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
