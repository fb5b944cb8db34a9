"""Streams of pods: logs, commands, attaching and port forwarding.

The server looks up which node has the pod and passes the request on to its kubelet; what a connection is upgraded to (WebSocket, SPDY) is
between the client and the kubelet.
Source: pkg/registry/core/pod/strategy.go (LogLocation, ExecLocation, streamLocation), pkg/registry/core/pod/rest
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from yarl import URL

from minikube_py.core.errors import BadRequestError, unknown_method

from .kubelets import Kubelets
from .log_options import log_parameters
from .proxy import Proxies
from .query import Query
from .request_info import RequestInfo

# Subresource -> the kubelet's path.
PATHS = {"log": "containerLogs", "exec": "exec", "attach": "attach", "portforward": "portForward"}
# The parameters of commands have other names at the kubelet. Source: k8s.io/kubelet/pkg/cri/streaming/remotecommand
RENAMED = {"stdin": "input", "stdout": "output", "stderr": "error"}


class Streams:
    """Answers stream subresources."""

    def __init__(self, kubelets: Kubelets) -> None:
        self._kubelets = kubelets
        self._proxies = Proxies(kubelets)

    async def close(self) -> None:
        await self._proxies.close()
        await self._kubelets.close()

    async def handle(self, http: web.BaseRequest, info: RequestInfo, query: Query) -> web.StreamResponse:
        """Answer a stream request.

        Raises: any StatusError.
        """
        if info.subresource != "log" and query.has("dryRun"):
            raise BadRequestError("dryRun is not supported")
        if info.subresource == "proxy":
            return await self._proxies.handle(http, info)
        if http.method not in (("GET",) if info.subresource == "log" else ("GET", "POST")):
            raise unknown_method()
        parameters = _parameters(info, query)
        pod = self._kubelets.object("pods", info.namespace, info.name)
        container = "" if info.subresource == "portforward" else f"/{container_name(pod, query.text('container'))}"
        if not pod.spec.node_name:
            if info.subresource == "log":
                return web.Response(status=204)
            raise BadRequestError(f"pod {info.name} does not have a host assigned")
        route = await self._kubelets.route(pod.spec.node_name)
        target = f"{PATHS[info.subresource]}/{info.namespace}/{info.name}{container}?{urlencode(parameters)}"
        url = URL(f"{route.scheme}://{route.authority}/{target}", encoded=True)
        if info.subresource == "log":
            return await route.relay.pass_on_bytes(http, url)
        return await route.relay.pass_on(http, url, upgrade_required=True)


def _parameters(info: RequestInfo, query: Query) -> list[tuple[str, str]]:
    """What the kubelet is asked for.

    Raises: BadRequestError, InvalidError for options of a log that are wrong.
    """
    if info.subresource == "log":
        return log_parameters(query, info.name)
    parameters = [(name, value) for name, value in query.all if name != "container"]
    if info.subresource in ("exec", "attach"):
        parameters = [(RENAMED.get(name, name), _flag(name, value)) for name, value in parameters]
    return parameters


def container_name(pod: Any, wanted: str) -> str:
    """Which container is meant.

    Raises: BadRequestError.
    """
    names = [c.name for c in pod.spec.containers]
    if wanted:
        if wanted not in (*names, *(c.name for c in (*pod.spec.init_containers, *pod.spec.ephemeral_containers))):
            raise BadRequestError(f"container {wanted} is not valid for pod {pod.metadata.name}")
        return wanted
    if len(names) == 1:
        return str(names[0])
    annotated = pod.metadata.annotations.get("kubectl.kubernetes.io/default-container", "")
    if annotated in names:
        return str(annotated)
    text = f"a container name must be specified for pod {pod.metadata.name}, choose one of: [{' '.join(names)}]"
    if pod.spec.init_containers:
        text += f" or one of the init containers: [{' '.join(c.name for c in pod.spec.init_containers)}]"
    raise BadRequestError(text)


def _flag(name: str, value: str) -> str:
    return {"true": "1", "false": "0"}.get(value, value) if name in ("stdin", "stdout", "stderr", "tty") else value
