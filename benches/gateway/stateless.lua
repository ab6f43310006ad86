-- The stateless part in Lua: reads the headers that the filter reads, and writes its headers. It remembers nothing.
local read = {
  ":method", ":path", "authorization", "x-jwt-payload", "user-agent", "x-ja4", "x-geo-country", "x-geo-asn",
  "x-geo-latitude", "x-geo-longitude",
}

function envoy_on_request(handle)
  local headers = handle:headers()
  local present = 0
  for _, name in ipairs(read) do
    if headers:get(name) then present = present + 1 end
  end
  headers:replace("x-session-risk-score", present == #read and "0" or "1")
  headers:replace("x-session-risk-level", "low")
  headers:replace("x-session-risk-action", "allow")
end
