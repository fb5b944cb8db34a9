-- Asks for one path over and over: wrk ... -s get.lua URL -- TOKEN PATH

local message
local failed = 0

function init(arguments)
  message = wrk.format("GET", arguments[2], { ["Authorization"] = "Bearer " .. arguments[1] })
end

function request()
  return message
end

function response(status, _, body)
  if status ~= 200 then
    failed = failed + 1
    if failed == 1 then io.stderr:write(status, " ", body:sub(1, 400), "\n") end
  end
end

function done(summary, latency)
  io.write(string.format("RESULT per_s=%.1f p50_ms=%.3f p99_ms=%.3f failed=%d bytes_per_s=%.0f\n",
    summary.requests * 1e6 / summary.duration, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    summary.bytes * 1e6 / summary.duration))
end
