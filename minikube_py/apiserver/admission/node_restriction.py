"""NodeRestriction: what a node writes concerns itself and its own pods.

The Node authorizer lets nodes write pods, nodes, leases and so on; here the objects are looked at, before they are validated. Others than
nodes are not restricted. What is asked of tokens is in `node_tokens.py`.

Source: plugin/pkg/admission/noderestriction/admission.go
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from minikube_py.apis import core_v1
from minikube_py.apis.node_labels import may_label
from minikube_py.apis.pod_references import config_map_names, secret_names
from minikube_py.apis.syntax import quote
from minikube_py.apis.validation.pod_annotations import MIRROR
from minikube_py.core.errors import not_found

from ..authorization.node import LEASE_NAMESPACE, node_of
from . import Operation, Plugin, forbidden

# Finds an object by kind, namespace ("" for cluster-wide kinds) and name; None if there is none.
GetObject = Callable[[str, str, str], Any]

_KUBELET_SIGNERS = frozenset({"kubernetes.io/kubelet-serving", "kubernetes.io/kube-apiserver-client-kubelet"})
# What a node says of a claim whose volume it has made larger.
_RESIZE_STATUS: dict[str, Any] = {"capacity": {}, "conditions": [], "allocated_resources": {}, "allocated_resource_statuses": {}}


class NodeRestriction(Plugin):
    """Restricts what nodes write."""

    name = "NodeRestriction"
    resources = frozenset({
        "pods", "nodes", "persistentvolumeclaims", "leases.coordination.k8s.io", "csinodes.storage.k8s.io",
        "resourceslices.resource.k8s.io", "certificatesigningrequests.certificates.k8s.io",
    })

    def __init__(self, get_object: GetObject) -> None:
        self._get_object = get_object
        self._rules: dict[str, Callable[[str, Operation], None]] = {
            "pods": self._pods, "nodes": _node, "persistentvolumeclaims": _claim, "leases.coordination.k8s.io": _lease,
            "csinodes.storage.k8s.io": _csi_node, "resourceslices.resource.k8s.io": _slice,
            "certificatesigningrequests.certificates.k8s.io": _signing_request,
        }

    def mutate(self, operation: Operation) -> None:
        node = node_behind(operation)
        if node is not None:
            self._rules[operation.storage.resource.group_resource](node, operation)

    def validate(self, operation: Operation) -> None:
        if operation.verb == "DELETE":
            self.mutate(operation)

    def _pods(self, node: str, operation: Operation) -> None:
        match operation.subresource:
            case "":
                self._pod(node, operation)
            case "status":
                _pod_status(node, operation)
            case "eviction":
                self._eviction(node, operation)
            case other:
                raise forbidden(operation, f"unexpected pod subresource {quote(other)}, only 'status' and 'eviction' are allowed")

    def _pod(self, node: str, operation: Operation) -> None:
        if operation.verb == "CREATE":
            self._mirror_pod(node, operation)
        elif operation.verb != "DELETE":
            raise forbidden(
                operation, f"unexpected operation {quote(operation.verb)}, node {quote(node)} can only create and delete mirror pods"
            )
        elif operation.old.spec.node_name != node:
            raise forbidden(operation, f"node {quote(node)} can only delete pods with spec.nodeName set to itself")

    def _mirror_pod(self, node: str, operation: Operation) -> None:
        pod: core_v1.Pod = operation.obj
        own = f"node {quote(node)}"
        if MIRROR not in pod.metadata.annotations:
            raise forbidden(operation, f"pod does not have {quote(MIRROR)} annotation, {own} can only create mirror pods")
        if pod.spec.node_name != node:
            raise forbidden(operation, f"{own} can only create pods with spec.nodeName set to itself")
        if len(pod.metadata.owner_references) > 1:
            raise forbidden(operation, f"{own} can only create pods with a single owner reference set to itself")
        owner = pod.metadata.owner_references[0] if pod.metadata.owner_references else None
        if owner is None or (owner.api_version, owner.kind, owner.name) != ("v1", "Node", node):
            raise forbidden(operation, f"{own} can only create pods with an owner reference set to itself")
        if not owner.controller:
            raise forbidden(operation, f"{own} can only create pods with a controller owner reference set to itself")
        if owner.block_owner_deletion:
            raise forbidden(operation, f"{own} must not set blockOwnerDeletion on an owner reference")
        known = self._get_object("Node", "", node)
        if known is None:
            raise not_found("", "node", node)
        if owner.uid != known.metadata.uid:
            raise forbidden(operation, f"node {node} UID mismatch: expected {owner.uid} got {known.metadata.uid}")
        reference = _first_reference(pod)
        if reference:
            raise forbidden(operation, f"{own} can not create pods that reference {reference}")

    def _eviction(self, node: str, operation: Operation) -> None:
        if operation.verb != "CREATE":
            raise forbidden(operation, f"unexpected operation {operation.verb}")
        name = operation.name or operation.obj.metadata.name
        if not name:
            raise forbidden(operation, "could not determine pod from request data")
        pod = self._get_object("Pod", operation.namespace, name)
        if pod is None:
            raise not_found("", "pod", name)
        if pod.spec.node_name != node:
            raise forbidden(operation, f"node {node} can only evict pods with spec.nodeName set to itself")


def node_behind(operation: Operation) -> str | None:
    """The node that writes; None if somebody else does. Raises: ForbiddenError for a node without a name."""
    node = node_of(operation.context.user)
    if node == "":
        raise forbidden(operation, f"could not determine node from user {quote(operation.context.user.name)}")
    return node


def _first_reference(pod: core_v1.Pod) -> str:
    """What kind of object a pod names that a node's own pod must not name; "" for none."""
    if pod.spec.service_account_name:
        return "a service account"
    if secret_names(pod):
        return "secrets"
    if config_map_names(pod):
        return "configmaps"
    projected = (volume.projected for volume in pod.spec.volumes if volume.projected is not None)
    projections = [source for volume in projected for source in volume.sources or ()]
    if any(source.cluster_trust_bundle is not None for source in projections):
        return "clustertrustbundles"
    if any(volume.persistent_volume_claim is not None for volume in pod.spec.volumes):
        return "persistentvolumeclaims"
    return ""


def _pod_status(node: str, operation: Operation) -> None:
    if operation.verb != "UPDATE":
        raise forbidden(operation, f"unexpected operation {quote(operation.verb)}")
    old, new = operation.old, operation.obj
    own = f"node {quote(node)}"
    if old.spec.node_name != node:
        raise forbidden(operation, f"{own} can only update pod status for pods with spec.nodeName set to itself")
    if old.metadata.labels != new.metadata.labels:
        raise forbidden(operation, f"{own} cannot update labels through pod status")
    if old.status.resource_claim_statuses != new.status.resource_claim_statuses:
        raise forbidden(operation, f"{own} cannot update resource claim statues")
    if old.status.extended_resource_claim_status != new.status.extended_resource_claim_status:
        raise forbidden(operation, f"{own} cannot update extended resource claim status")


def _claim(node: str, operation: Operation) -> None:
    if operation.subresource != "status":
        raise forbidden(operation, "may only update PVC status")
    if operation.verb != "UPDATE":
        raise forbidden(operation, f"unexpected operation {quote(operation.verb)}")
    old, new = (_without_resize(claim) for claim in (operation.old, operation.obj))
    if old != new:
        raise forbidden(operation, (
            f"node {quote(node)} is not allowed to update fields other than status.quantity and status.conditions: {_changes(old, new)}"
        ))


def _without_resize(claim: core_v1.PersistentVolumeClaim) -> core_v1.PersistentVolumeClaim:
    metadata = msgspec.structs.replace(claim.metadata, resource_version="", managed_fields=[])
    return msgspec.structs.replace(claim, metadata=metadata, status=msgspec.structs.replace(claim.status, **_RESIZE_STATUS))


def _changes(old: core_v1.PersistentVolumeClaim, new: core_v1.PersistentVolumeClaim) -> str:
    """Which parts differ. Upstream shows Go's own comparison there, which it calls unstable by design."""
    return ", ".join(name for name in ("metadata", "spec", "status") if getattr(old, name) != getattr(new, name))


def _node(node: str, operation: Operation) -> None:
    name = operation.name
    if name != node:
        raise forbidden(operation, f"node {quote(node)} is not allowed to modify node {quote(name)}")
    if operation.verb == "CREATE":
        _new_node(node, operation)
    elif operation.verb == "UPDATE":
        _changed_node(node, operation)


def _new_node(node: str, operation: Operation) -> None:
    if operation.obj.spec.config_source is not None:
        raise forbidden(operation, f"node {quote(node)} is not allowed to create pods with a non-nil configSource")
    labels = _forbidden_labels(operation.obj.metadata.labels, {})
    if labels:
        raise forbidden(operation, f"node {quote(node)} is not allowed to set the following labels: {', '.join(labels)}")


def _changed_node(node: str, operation: Operation) -> None:
    old, new = operation.old, operation.obj
    own = f"node {quote(node)}"
    if new.spec.config_source is not None and new.spec.config_source != old.spec.config_source:
        raise forbidden(operation, f"{own} is not allowed to update configSource to a new non-nil configSource")
    if new.spec.taints != old.spec.taints:
        raise forbidden(operation, f"{own} is not allowed to modify taints")
    if new.metadata.owner_references != old.metadata.owner_references:
        raise forbidden(operation, f"{own} is not allowed to modify ownerReferences")
    labels = _forbidden_labels(new.metadata.labels, old.metadata.labels)
    if labels:
        raise forbidden(operation, f"is not allowed to modify labels: {', '.join(labels)}")


def _forbidden_labels(new: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    """The labels that differ and are not a node's to set, by name."""
    return sorted(key for key in new.keys() | old.keys() if new.get(key) != old.get(key) and not may_label(key))


def _lease(node: str, operation: Operation) -> None:
    if operation.namespace != LEASE_NAMESPACE:
        raise forbidden(operation, f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    if operation.name != node:
        raise forbidden(operation, "can only access node lease with the same name as the requesting node")


def _csi_node(node: str, operation: Operation) -> None:
    if operation.name != node:
        raise forbidden(operation, "can only access CSINode with the same name as the requesting node")


def _slice(node: str, operation: Operation) -> None:
    """Updates are the Node authorizer's, which knows whose slice there is; it does not see what is deleted with others."""
    if operation.verb == "CREATE" and operation.obj.spec.node_name != node:
        raise forbidden(operation, "can only create ResourceSlice with the same NodeName as the requesting node")
    if operation.verb == "DELETE" and operation.old.spec.node_name != node:
        raise forbidden(operation, "can only delete ResourceSlice with the same NodeName as the requesting node")


def _signing_request(node: str, operation: Operation) -> None:
    if operation.verb != "CREATE" or operation.subresource or operation.obj.spec.signer_name not in _KUBELET_SIGNERS:
        return
    if _common_name(operation) != f"system:node:{node}":
        raise forbidden(operation, f"can only create a node CSR with CN=system:node:{node}")


def _common_name(operation: Operation) -> str:
    """The CN of a signing request. Raises: ForbiddenError if it cannot be read."""
    from cryptography import x509

    try:
        request = x509.load_pem_x509_csr(operation.obj.spec.request or b"")
    except ValueError as error:
        raise forbidden(operation, f"unable to parse csr: {error}") from error
    names = request.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(names[-1].value) if names else ""
