"""Approval of kubelets' serving certificates, by comparison with the Node.

Upstream leaves this to the operator, because it cannot know which names are a node's. Here the server lets nodes in and would sign the
same names when a node joins: what a node may serve as is its own name and addresses, and loopback, which is everybody's. Since a node
writes its own addresses, those of the server and of other nodes are never granted, and DNS names only below its name: pods trust the same
authority for services. What is not granted stays undecided, as upstream.

Source: kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#client-and-serving-certificates
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable, Iterable

from minikube_py.apis import signing_requests
from minikube_py.apis.certificates_v1 import CertificateSigningRequest
from minikube_py.apis.core_v1 import Node
from minikube_py.apis.signing_requests import NODE_USER_PREFIX, NODES, SigningRequest

from ..base import Context
from .approving import approve
from .conditions import is_undecided
from .requests import RequestController

log = logging.getLogger(__name__)

MESSAGE = "Auto approving kubelet serving certificate: its names and addresses are the node's own."
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# Addresses that two nodes cannot have; a gateway's (ExternalIP) they may share.
_EXCLUSIVE = frozenset({"Hostname", "InternalIP", "InternalDNS"})


class KubeletServingApproving(RequestController):
    """Approves requests of nodes for serving certificates of their own."""

    name = "csrapproving-kubelet-serving"

    def __init__(self, context: Context, own_node: str, reserved: Callable[[], Iterable[str]]) -> None:
        """
        Args:
            own_node: the node on the server's machine, which has the server's addresses.
            reserved: gives the server's names and addresses.
        """
        super().__init__(context)
        self._own_node = own_node
        self._reserved = reserved
        self.nodes = self.informer(Node)
        self.nodes.add_handler(self._node_changed)

    def _node_changed(self, old: Node | None, new: Node | None) -> None:
        if old is not None and new is not None and old.status.addresses == new.status.addresses:
            return
        for request in self.requests.list():
            self._changed(None, request)

    @staticmethod
    def is_due(request: CertificateSigningRequest) -> bool:
        return request.spec.signer_name == signing_requests.KUBELET_SERVING and is_undecided(request)

    async def decide(self, request: CertificateSigningRequest) -> float | None:
        try:
            wanted = signing_requests.parse(request.spec.request or b"")
            signing_requests.check_kubelet_serving(wanted, request.spec.usages)
        except signing_requests.RequestError:
            return None
        problem = self._problem(request, wanted)
        if problem:
            log.info("request for a kubelet serving certificate is left undecided name=%s reason=%s", request.metadata.name, problem)
        else:
            await approve(self, request, MESSAGE)
        return None

    def _problem(self, request: CertificateSigningRequest, wanted: SigningRequest) -> str:
        """Why this is not to be approved; "" if it is."""
        if request.spec.username != wanted.common_name or NODES not in request.spec.groups:
            return f'"{request.spec.username}" is not the node'
        name = wanted.common_name.removeprefix(NODE_USER_PREFIX)
        node = self.nodes.get(name)
        if node is None:
            return f'there is no node "{name}"'
        own = {name, *(canonical(address.address) for address in node.status.addresses)} | LOOPBACK
        taken = {} if name == self._own_node else {canonical(one): "the server" for one in self._reserved()}
        for other in self.nodes.list():
            if other.metadata.name != name:
                taken |= {canonical(a.address): f"node {other.metadata.name}" for a in other.status.addresses if a.type in _EXCLUSIVE}
                taken[other.metadata.name] = f"node {other.metadata.name}"
        for one in wanted.dns_names:
            if one not in (name, "localhost") and (not one.startswith(f"{name}.") or "*" in one):
                return f'"{one}" is no name of the node'
        for one in (*wanted.dns_names, *(canonical(address) for address in wanted.ip_addresses)):
            if one not in own:
                return f'"{one}" is no name or address of the node'
            if one in taken and one not in LOOPBACK:
                return f'"{one}" is that of {taken[one]}'
        return ""


def canonical(address: str) -> str:
    """An IP address in its shortest form; other names as they are."""
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address
