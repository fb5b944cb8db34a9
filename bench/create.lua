-- Creates objects with names of their own: wrk ... -s create.lua URL -- TOKEN pod|configmap RUN
-- RUN is part of every name and must not have been used on that server before.

dofile(debug.getinfo(1, "S").source:match("^@(.*)/") .. "/report.lua")

local PATHS = { pod = "/api/v1/namespaces/default/pods", configmap = "/api/v1/namespaces/default/configmaps" }

-- Body around the name: a pod as people write them, about 0.6 kB; a config map of 256 bytes.
local BODIES = {
  pod = {
    [[{"kind":"Pod","apiVersion":"v1","metadata":{"labels":{"app":"shop","component":"frontend"},"name":"]],
    [["},"spec":{"schedulerName":"nobody","containers":[{"image":"busybox:1.36","name":"main","command":["sleep","86400"],]]
      .. [["env":[{"name":"MODE","value":"fast"}],"ports":[{"containerPort":8080}],]]
      .. [["resources":{"limits":{"memory":"64Mi"},"requests":{"memory":"32Mi","cpu":"20m"}},]]
      .. [["readinessProbe":{"httpGet":{"port":8080,"path":"/ready"}}}]}}]],
  },
  configmap = {
    [[{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"]],
    [["},"data":{"letter":"a","value":"]] .. ("v"):rep(256) .. [["}}]],
  },
}

local headers, path, before, after, prefix
local made, failed = 0, 0

function init(arguments)
  local token, kind, run = arguments[1], arguments[2], arguments[3]
  headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
  path, before, after = PATHS[kind], BODIES[kind][1], BODIES[kind][2]
  prefix = run .. "-"
end

function request()
  made = made + 1
  return wrk.format("POST", path, headers, before .. prefix .. made .. after)
end

function response(status, _, body)
  if status ~= 201 then
    failed = failed + 1
    if failed == 1 then io.stderr:write(status, " ", body:sub(1, 400), "\n") end
  end
end
