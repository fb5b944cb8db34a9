"""The `proxy` subresource of pods, services and nodes: any request, passed on to what listens there.

Names are "name", "name:port" or "scheme:name:port". A service is reached at one of its ready endpoints, a node at its kubelet.
Source: pkg/registry/core/{pod,service,node}/rest (ProxyREST), pkg/registry/core/pod/strategy.go (ResourceLocation),
pkg/registry/core/service/storage/storage.go, pkg/registry/core/node/strategy.go
"""

from __future__ import annotations

import ipaddress
import random
from urllib.parse import quote, unquote

from aiohttp import web
from yarl import URL

from minikube_py.core.errors import BadRequestError, ServiceUnavailableError, unknown_method

from .kubelets import Kubelets, Route, authority
from .relay import Relay
from .request_info import RequestInfo
from .rewriting import Rewriting

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
SCHEMES = frozenset({"", "http", "https"})
# What Go leaves as it is in a path besides letters, digits and "_.-~". Source: net/url (shouldEscape)
SAFE = "/$&+,:;=@~"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"


class Proxies:
    """Answers proxy requests.

    Args:
        kubelets: how nodes are reached.
    """

    def __init__(self, kubelets: Kubelets) -> None:
        self._kubelets = kubelets
        # Whoever may proxy may reach anything there by other ways too: certificates of backends prove nothing to this server.
        self._open = Relay(connector=kubelets.egress.connector, ends_here=kubelets.ends_here)

    async def close(self) -> None:
        await self._open.close()

    async def handle(self, http: web.BaseRequest, info: RequestInfo) -> web.StreamResponse:
        """Raises: any StatusError."""
        if http.method not in METHODS:
            raise unknown_method()
        location = await self._location(info)
        raw_path, question, query = http.raw_path.partition("?")
        base, slash, rest = _split(raw_path, info)
        path = _cleaned(unquote(rest)) if slash else ""
        if not path and http.method in ("GET", "HEAD"):
            # So that relative links of what is there lead there.
            return web.Response(status=301, headers={"Location": raw_path + "/" + question + query})
        url = URL(f"{location.scheme}://{location.authority}{quote(path, SAFE)}{question}{query}", encoded=True)
        rewriting = Rewriting(unquote(base), location.authority, http.headers.get("Host", ""), path)
        return await location.relay.pass_on(http, url, rewriting=rewriting)

    async def _location(self, info: RequestInfo) -> Route:
        scheme, name, port = split_name(info.name, info.resource.removesuffix("s"))
        match info.resource:
            case "pods":
                return Route(scheme or "http", self._pod(info.namespace, name, port), self._open)
            case "services":
                return Route(scheme or "http", self._service(info.namespace, name, port, info.name), self._open)
        host, kubelet_port = self._kubelets.address(name)
        if port in ("", str(kubelet_port)):
            return await self._kubelets.route(name)
        _check_address(host)
        return Route(scheme or "http", authority(host, port), self._open)

    def _pod(self, namespace: str, name: str, port: str) -> str:
        pod = self._kubelets.object("pods", namespace, name)
        port = port or next((str(c.ports[0].container_port) for c in pod.spec.containers if c.ports), "")
        _check_address(pod.status.pod_ip)
        return authority(pod.status.pod_ip, port)

    def _service(self, namespace: str, name: str, port: str, request: str) -> str:
        """A ready endpoint of a service's port."""
        service = self._kubelets.object("services", namespace, name)
        if port.isdigit():
            found = next((item for item in service.spec.ports if item.port == int(port)), None)
            if found is None:
                raise ServiceUnavailableError(f'no service port {int(port)} found for service "{name}"')
            port = found.name
        slices = [obj for obj in self._kubelets.list("discovery.k8s.io", "endpointslices", namespace)
                  if obj.metadata.labels.get(SERVICE_NAME_LABEL) == name]
        if not slices:
            raise ServiceUnavailableError(f'no endpoints available for service "{name}"')
        ready = [
            authority(address, str(item.port))
            for part in slices for item in part.ports if (item.name or "") == port and item.port
            for endpoint in part.endpoints or () if endpoint.conditions.ready is not False
            for address in endpoint.addresses[:1] if _is_unicast(address)
        ]
        if not ready:
            raise ServiceUnavailableError(f'no endpoints available for service "{request}"')
        return random.choice(ready)


def split_name(text: str, kind: str) -> tuple[str, str, str]:
    """Scheme, name and port.

    Raises: BadRequestError.
    Source: k8s.io/apimachinery/pkg/util/net/port_split.go
    """
    match text.split(":"):
        case [name] if name:
            return "", name, ""
        case [name, port] if name:
            return "", name, port
        case [scheme, name, port] if name and scheme in SCHEMES:
            return scheme, name, port
    raise BadRequestError(f'invalid {kind} request "{text}"')


def _split(raw_path: str, info: RequestInfo) -> tuple[str, str, str]:
    """The path up to the subresource, the slash behind it, and what follows, all as sent."""
    parts = raw_path.lstrip("/").split("/")
    # "api", version, ["watch" is not possible here], ["namespaces", namespace], plural, name, "proxy".
    length = 5 if info.resource == "nodes" else 7
    base = "/" + "/".join(parts[:length])
    return base, "/" if len(parts) > length else "", "/".join(parts[length:])


def _cleaned(path: str) -> str:
    """A path without "." and "..", with the slash at its end."""
    kept: list[str] = []
    for part in path.split("/"):
        if part == "..":
            kept[-1:] = []
        elif part not in ("", "."):
            kept.append(part)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _check_address(address: str) -> None:
    """Raises: BadRequestError for what this server must not be made to connect to, itself above all."""
    if not _is_unicast(address):
        raise BadRequestError("address not allowed")


def _is_unicast(address: str) -> bool:
    """Whether an address is one of a single host, somewhere. Source: net.IP.IsGlobalUnicast"""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    # An IPv4 address in the clothes of IPv6 leads where the IPv4 address does.
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return not (ip.is_loopback or ip.is_multicast or ip.is_link_local or ip.is_unspecified or str(ip) == "255.255.255.255")

