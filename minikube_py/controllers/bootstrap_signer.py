"""What machines may know of a cluster before they know it: its address and CA, in the ConfigMap kube-public/cluster-info.

`ClusterInfo` publishes them, as kubeadm does: readable for everybody when it is made for the first time, and left as an administrator
leaves it from then on, but for an address or CA that has changed. `BootstrapSigner` signs what is published with each bootstrap token
whose usage that is, so that who holds the token can believe it.
Source: pkg/controller/bootstrap/bootstrapsigner.go, cmd/kubeadm/app/phases/bootstraptoken/clusterinfo/clusterinfo.go,
k8s.io/cluster-bootstrap/token/jws
"""

from __future__ import annotations

import base64
import hmac
import json
import re

import yaml

from minikube_py.apis.core_v1 import ConfigMap, Namespace, Secret
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.rbac_v1 import PolicyRule, Role, RoleBinding, RoleRef, Subject
from minikube_py.apis.scheme import deep_copy
from minikube_py.core.clock import parse_rfc3339
from minikube_py.core.errors import AlreadyExistsError, ConflictError, NotFoundError

from .base import Context, Controller
from .bootstrap_tokens import NAMESPACE, SECRET_TYPE

PUBLIC_NAMESPACE, NAME = "kube-public", "cluster-info"
KUBECONFIG = "kubeconfig"
SIGNATURE_PREFIX = "jws-kubeconfig-"
ROLE = "kubeadm:bootstrap-signer-clusterinfo"
RBAC = "rbac.authorization.k8s.io"
_SECRET_NAME = re.compile(r"bootstrap-token-([a-z0-9]{6})")
_ONLY = f"metadata.name={NAME}"


class ClusterInfo(Controller):
    """Publishes the cluster's address and CA.

    Args:
        server: URL by which machines reach the API server.
        root_ca: PEM.
    """

    name = "cluster-info"
    workers = 1

    def __init__(self, context: Context, server: str, root_ca: str) -> None:
        super().__init__(context)
        self._kubeconfig = kubeconfig(server, root_ca)
        self.namespaces = self.informer(Namespace)
        self.namespaces.add_handler(self._changed)

    def _changed(self, old: Namespace | None, new: Namespace | None) -> None:
        if old is None and new is not None and new.metadata.name == PUBLIC_NAMESPACE:
            self.enqueue(new)

    async def reconcile(self, key: str) -> float | None:
        try:
            found = await self.client.get(ConfigMap, NAME, PUBLIC_NAMESPACE)
        except NotFoundError:
            await self._publish()
            return None
        if found.data.get(KUBECONFIG) != self._kubeconfig:
            await self.client.patch(ConfigMap, NAME, PUBLIC_NAMESPACE, {"data": {KUBECONFIG: self._kubeconfig}})
        return None

    async def _publish(self) -> None:
        """Make the ConfigMap, and let everybody read it."""
        rule = PolicyRule(verbs=["get"], api_groups=[""], resources=["configmaps"], resource_names=[NAME])
        binding = RoleBinding(
            metadata=_meta(ROLE), role_ref=RoleRef(api_group=RBAC, kind="Role", name=ROLE),
            subjects=[Subject(kind="User", api_group=RBAC, name="system:anonymous")],
        )
        published = ConfigMap(metadata=_meta(NAME), data={KUBECONFIG: self._kubeconfig})
        for obj in (Role(metadata=_meta(ROLE), rules=[rule]), binding, published):
            try:
                await self.client.create(obj)
            except AlreadyExistsError:
                continue


class BootstrapSigner(Controller):
    """Keeps a signature of each bootstrap token in cluster-info."""

    name = "bootstrap_signer_queue"
    component = "bootstrap-signer"
    workers = 1

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.secrets = context.informers.of(Secret, namespace=NAMESPACE, field_selector=f"type={SECRET_TYPE}")
        self.config_maps = context.informers.of(ConfigMap, namespace=PUBLIC_NAMESPACE, field_selector=_ONLY)
        self._needed += [self.secrets, self.config_maps]
        self.secrets.add_handler(self._changed)
        self.config_maps.add_handler(self._changed)

    def _changed(self, old: object, new: object) -> None:
        self.queue.add(f"{PUBLIC_NAMESPACE}/{NAME}")

    async def reconcile(self, key: str) -> float | None:
        found = self.config_maps.get_key(key)
        content = found.data.get(KUBECONFIG) if found is not None else None
        if found is None or content is None:
            return None
        unsigned = {name: value for name, value in found.data.items() if not name.startswith(SIGNATURE_PREFIX)}
        signatures = {SIGNATURE_PREFIX + token_id: signature(content, token_id, secret) for token_id, secret in self._tokens().items()}
        if unsigned | signatures == found.data:
            return None
        signed = deep_copy(found)
        signed.data = unsigned | signatures
        try:
            await self.client.update(signed)
        except (ConflictError, NotFoundError):
            return None  # Its change is on the way here, and brings it back.
        return None

    def _tokens(self) -> dict[str, str]:
        """The secrets of tokens that may sign, by their ids."""
        found = {}
        for secret in self.secrets.list():
            data = {name: value.decode(errors="replace") for name, value in secret.data.items()}
            match = _SECRET_NAME.fullmatch(secret.metadata.name)
            good = match is not None and data.get("token-id") == match[1] and data.get("usage-bootstrap-signing") == "true"
            if good and data.get("token-secret") and not self._expired(data.get("expiration", "")):
                found[data["token-id"]] = data["token-secret"]
        return found

    def _expired(self, expiration: str) -> bool:
        try:
            return bool(expiration) and parse_rfc3339(expiration) <= self.clock.now()
        except ValueError:
            return True


def kubeconfig(server: str, root_ca: str) -> str:
    """A kubeconfig that knows a cluster and nobody in it."""
    cluster = {"certificate-authority-data": base64.b64encode(root_ca.encode()).decode(), "server": server}
    document: dict[str, object] = {
        "apiVersion": "v1", "clusters": [{"cluster": cluster, "name": ""}], "contexts": None, "current-context": "", "kind": "Config",
        "preferences": {}, "users": None,
    }
    return yaml.safe_dump(document, width=1 << 20)


def signature(content: str, token_id: str, secret: str) -> str:
    """A signature of some content with a token, without the content: HS256 as RFC 7515, appendix F."""
    header = _encoded(json.dumps({"alg": "HS256", "kid": token_id}, separators=(",", ":")).encode())
    signed = f"{header}.{_encoded(content.encode())}".encode()
    return f"{header}..{_encoded(hmac.digest(secret.encode(), signed, 'sha256'))}"


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _meta(name: str) -> ObjectMeta:
    return ObjectMeta(name=name, namespace=PUBLIC_NAMESPACE)
