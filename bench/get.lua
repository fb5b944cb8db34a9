-- Asks for one path over and over: wrk ... -s get.lua URL -- TOKEN PATH

dofile(debug.getinfo(1, "S").source:match("^@(.*)/") .. "/report.lua")

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
