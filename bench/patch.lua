-- Patches pods in turn, each time to something new: wrk ... -s patch.lua URL -- TOKEN merge|strategic|apply PODS
-- The pods pod-00000 and so on must exist.

dofile(debug.getinfo(1, "S").source:match("^@(.*)/") .. "/report.lua")

local PATH = "/api/v1/namespaces/default/pods/pod-%05d"
local TYPES = {
  merge = "application/merge-patch+json",
  strategic = "application/strategic-merge-patch+json",
  apply = "application/apply-patch+yaml",
}
-- What stands for the number is new with every request.
local BODIES = {
  merge = [[{"metadata":{"annotations":{"example.com/round":"%d"}}}]],
  strategic = [[{"spec":{"containers":[{"name":"main","image":"busybox:%d"}]}}]],
  apply = [[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"pod-%05d","labels":{"round":"r%d","team":"shop"},]]
    .. [["annotations":{"example.com/owner":"frontend"}}}]],
}

local headers, kind, pods, query
local made, failed = 0, 0

function init(arguments)
  kind, pods = arguments[2], tonumber(arguments[3])
  headers = { ["Authorization"] = "Bearer " .. arguments[1], ["Content-Type"] = TYPES[kind] }
  query = kind == "apply" and "?fieldManager=bench" or ""
end

function request()
  made = made + 1
  local pod = made % pods
  local body = kind == "apply" and BODIES.apply:format(pod, made) or BODIES[kind]:format(made)
  return wrk.format("PATCH", PATH:format(pod) .. query, headers, body)
end

function response(status, _, body)
  if status ~= 200 then
    failed = failed + 1
    if failed == 1 then io.stderr:write(status, " ", body:sub(1, 400), "\n") end
  end
end
