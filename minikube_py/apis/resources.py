"""The table of built-in resources: every GA group-version of Kubernetes 1.36 with its names, verbs and subresources.

Owns the facts that URLs, discovery, RBAC and the registry agree on. It does not own the object types (apis/<group>_<version>.py)
nor custom resources, which build `ResourceType` values of their own.

Invariants: `RESOURCES` is ordered as discovery shows it: groups by upstream's priority, versions by preference, resources by plural;
verbs are sorted; a subresource always carries the group and version of the kind that it exchanges.

Source: kubernetes/kubernetes api/discovery/*.json (1.33 to 1.36), pkg/apis/*/install for preferred versions.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from functools import cache
from typing import Final

GroupVersionResource = tuple[str, str, str]
GroupVersionKind = tuple[str, str, str]

CREATE_ONLY: Final = ("create",)
READ_ONLY: Final = ("get", "list")
ALL_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
NO_DELETECOLLECTION: Final = ("create", "delete", "get", "list", "patch", "update", "watch")
MODIFY: Final = ("get", "patch", "update")
CONNECT_STREAM: Final = ("create", "get")
CONNECT_PROXY: Final = ("create", "delete", "get", "patch", "update")


def storage_version_hash(group: str, version: str, kind: str) -> str:
    """Return the opaque hash by which clients notice that a resource is stored in another version.

    Source: k8s.io/apiserver/pkg/endpoints/discovery/storageversionhash.go (first 8 bytes of SHA-256 of group/version/kind, base64).
    """
    return base64.b64encode(hashlib.sha256(f"{group}/{version}/{kind}".encode()).digest()[:8]).decode()


@dataclass(frozen=True, slots=True)
class Subresource:
    """One subresource: `name` as in the path, the kind that it exchanges (`group`, `version`, `kind`), and its verbs, sorted."""

    name: str
    group: str
    version: str
    kind: str
    verbs: tuple[str, ...]

    @property
    def group_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One served resource of one group-version, built-in or custom.

    `verbs` are those of the main resource, in the order of discovery. `storage_version_hash` is empty for resources that are not stored.
    `list_kind` is the kind with `List` behind it, unless given.
    """

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    storage_version_hash: str = ""
    list_kind: str = ""
    group_version: str = field(init=False)
    """`v1`, `apps/v1`: the apiVersion of its objects."""
    api_prefix: str = field(init=False)
    """`/api/v1`, `/apis/apps/v1`."""
    group_resource: str = field(init=False)
    """`pods`, `deployments.apps`: the name used in messages and RBAC."""

    def __post_init__(self) -> None:
        group_version = f"{self.group}/{self.version}" if self.group else self.version
        object.__setattr__(self, "group_version", group_version)
        object.__setattr__(self, "list_kind", self.list_kind or f"{self.kind}List")
        object.__setattr__(self, "api_prefix", f"/apis/{group_version}" if self.group else f"/api/{group_version}")
        object.__setattr__(self, "group_resource", f"{self.plural}.{self.group}" if self.group else self.plural)

    @property
    def gvk(self) -> GroupVersionKind:
        return self.group, self.version, self.kind

    @property
    def gvr(self) -> GroupVersionResource:
        return self.group, self.version, self.plural

    def collection_path(self, namespace: str = "") -> str:
        """Return the URL path of the collection; without a namespace, that over all namespaces."""
        if namespace and self.namespaced:
            return f"{self.api_prefix}/namespaces/{namespace}/{self.plural}"
        return f"{self.api_prefix}/{self.plural}"

    def item_path(self, name: str, namespace: str = "", subresource: str = "") -> str:
        """Return the URL path of one object, or of one of its subresources."""
        path = f"{self.collection_path(namespace)}/{name}"
        return f"{path}/{subresource}" if subresource else path

    def subresource(self, name: str) -> Subresource | None:
        """Return the subresource called `name` (`status`, `scale`, …), or None."""
        for subresource in self.subresources:
            if subresource.name == name:
                return subresource
        return None


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table below: a resource without its group and version."""

    plural: str
    kind: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    sub: tuple[Subresource | str, ...] = ()
    """Subresources; a bare name is one that exchanges the resource's own kind under the usual get, patch, update."""
    verbs: tuple[str, ...] = ALL_VERBS
    stored_as: GroupVersionKind | None = None
    """The kind under which upstream stores objects, where it is not the served one."""


_ALL: Final = ("all",)
_EXTENSIONS: Final = ("api-extensions",)
_STATUS: Final = ("status",)
_SCALE: Final = Subresource("scale", "autoscaling", "v1", "Scale", MODIFY)


def _core(name: str, kind: str, verbs: tuple[str, ...]) -> Subresource:
    return Subresource(name, "", "v1", kind, verbs)


_CORE_V1: Final = (
    _Row("bindings", "Binding", verbs=CREATE_ONLY),
    _Row("componentstatuses", "ComponentStatus", False, ("cs",), verbs=READ_ONLY),
    _Row("configmaps", "ConfigMap", short=("cm",)),
    _Row("endpoints", "Endpoints", short=("ep",)),
    _Row("events", "Event", short=("ev",)),
    _Row("limitranges", "LimitRange", short=("limits",)),
    _Row(
        "namespaces",
        "Namespace",
        False,
        ("ns",),
        sub=(_core("finalize", "Namespace", ("update",)), "status"),
        verbs=NO_DELETECOLLECTION,
    ),
    _Row("nodes", "Node", False, ("no",), sub=(_core("proxy", "NodeProxyOptions", CONNECT_PROXY), "status")),
    _Row("persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc",), sub=_STATUS),
    _Row("persistentvolumes", "PersistentVolume", False, ("pv",), sub=_STATUS),
    _Row(
        "pods",
        "Pod",
        short=("po",),
        categories=_ALL,
        sub=(
            _core("attach", "PodAttachOptions", CONNECT_STREAM),
            _core("binding", "Binding", CREATE_ONLY),
            "ephemeralcontainers",
            Subresource("eviction", "policy", "v1", "Eviction", CREATE_ONLY),
            _core("exec", "PodExecOptions", CONNECT_STREAM),
            _core("log", "Pod", ("get",)),
            _core("portforward", "PodPortForwardOptions", CONNECT_STREAM),
            _core("proxy", "PodProxyOptions", CONNECT_PROXY),
            "resize",
            "status",
        ),
    ),
    _Row("podtemplates", "PodTemplate"),
    _Row("replicationcontrollers", "ReplicationController", short=("rc",), categories=_ALL, sub=(_SCALE, "status")),
    _Row("resourcequotas", "ResourceQuota", short=("quota",), sub=_STATUS),
    _Row("secrets", "Secret"),
    _Row(
        "serviceaccounts",
        "ServiceAccount",
        short=("sa",),
        sub=(Subresource("token", "authentication.k8s.io", "v1", "TokenRequest", CREATE_ONLY),),
    ),
    _Row(
        "services",
        "Service",
        short=("svc",),
        categories=_ALL,
        sub=(_core("proxy", "ServiceProxyOptions", CONNECT_PROXY), "status"),
    ),
)

_HPA: Final = _Row(
    "horizontalpodautoscalers",
    "HorizontalPodAutoscaler",
    short=("hpa",),
    categories=_ALL,
    sub=_STATUS,
    stored_as=("autoscaling", "v2", "HorizontalPodAutoscaler"),
)

# Group-versions in the order of discovery: groups by priority, versions by preference. Rows are sorted by plural.
_TABLE: Final[dict[tuple[str, str], tuple[_Row, ...]]] = {
    ("", "v1"): _CORE_V1,
    ("apiregistration.k8s.io", "v1"): (_Row("apiservices", "APIService", False, categories=_EXTENSIONS, sub=_STATUS),),
    ("apps", "v1"): (
        _Row("controllerrevisions", "ControllerRevision"),
        _Row("daemonsets", "DaemonSet", short=("ds",), categories=_ALL, sub=_STATUS),
        _Row("deployments", "Deployment", short=("deploy",), categories=_ALL, sub=(_SCALE, "status")),
        _Row("replicasets", "ReplicaSet", short=("rs",), categories=_ALL, sub=(_SCALE, "status")),
        _Row("statefulsets", "StatefulSet", short=("sts",), categories=_ALL, sub=(_SCALE, "status")),
    ),
    ("events.k8s.io", "v1"): (_Row("events", "Event", short=("ev",), stored_as=("", "v1", "Event")),),
    ("authentication.k8s.io", "v1"): (
        _Row("selfsubjectreviews", "SelfSubjectReview", False, verbs=CREATE_ONLY),
        _Row("tokenreviews", "TokenReview", False, verbs=CREATE_ONLY),
    ),
    ("authorization.k8s.io", "v1"): (
        _Row("localsubjectaccessreviews", "LocalSubjectAccessReview", verbs=CREATE_ONLY),
        _Row("selfsubjectaccessreviews", "SelfSubjectAccessReview", False, verbs=CREATE_ONLY),
        _Row("selfsubjectrulesreviews", "SelfSubjectRulesReview", False, verbs=CREATE_ONLY),
        _Row("subjectaccessreviews", "SubjectAccessReview", False, verbs=CREATE_ONLY),
    ),
    ("autoscaling", "v2"): (_HPA,),
    ("autoscaling", "v1"): (_HPA,),
    ("batch", "v1"): (
        _Row("cronjobs", "CronJob", short=("cj",), categories=_ALL, sub=_STATUS),
        _Row("jobs", "Job", categories=_ALL, sub=_STATUS),
    ),
    ("certificates.k8s.io", "v1"): (
        _Row("certificatesigningrequests", "CertificateSigningRequest", False, ("csr",), sub=("approval", "status")),
    ),
    ("networking.k8s.io", "v1"): (
        _Row("ingressclasses", "IngressClass", False),
        _Row("ingresses", "Ingress", short=("ing",), sub=_STATUS),
        _Row("ipaddresses", "IPAddress", False, ("ip",)),
        _Row("networkpolicies", "NetworkPolicy", short=("netpol",)),
        _Row("servicecidrs", "ServiceCIDR", False, sub=_STATUS),
    ),
    ("policy", "v1"): (_Row("poddisruptionbudgets", "PodDisruptionBudget", short=("pdb",), sub=_STATUS),),
    ("rbac.authorization.k8s.io", "v1"): (
        _Row("clusterrolebindings", "ClusterRoleBinding", False),
        _Row("clusterroles", "ClusterRole", False),
        _Row("rolebindings", "RoleBinding"),
        _Row("roles", "Role"),
    ),
    ("storage.k8s.io", "v1"): (
        _Row("csidrivers", "CSIDriver", False),
        _Row("csinodes", "CSINode", False),
        _Row("csistoragecapacities", "CSIStorageCapacity"),
        _Row("storageclasses", "StorageClass", False, ("sc",)),
        _Row("volumeattachments", "VolumeAttachment", False, sub=_STATUS),
        _Row("volumeattributesclasses", "VolumeAttributesClass", False, ("vac",)),
    ),
    ("admissionregistration.k8s.io", "v1"): (
        _Row("mutatingadmissionpolicies", "MutatingAdmissionPolicy", False, categories=_EXTENSIONS,
             stored_as=("admissionregistration.k8s.io", "v1beta1", "MutatingAdmissionPolicy")),
        _Row("mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", False, categories=_EXTENSIONS,
             stored_as=("admissionregistration.k8s.io", "v1beta1", "MutatingAdmissionPolicyBinding")),
        _Row("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False, categories=_EXTENSIONS),
        _Row("validatingadmissionpolicies", "ValidatingAdmissionPolicy", False, categories=_EXTENSIONS, sub=_STATUS),
        _Row("validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", False, categories=_EXTENSIONS),
        _Row("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False, categories=_EXTENSIONS),
    ),
    ("apiextensions.k8s.io", "v1"): (
        _Row("customresourcedefinitions", "CustomResourceDefinition", False, ("crd", "crds"), _EXTENSIONS, _STATUS,
             stored_as=("apiextensions.k8s.io", "v1beta1", "CustomResourceDefinition")),
    ),
    ("scheduling.k8s.io", "v1"): (_Row("priorityclasses", "PriorityClass", False, ("pc",)),),
    ("coordination.k8s.io", "v1"): (_Row("leases", "Lease"),),
    ("node.k8s.io", "v1"): (_Row("runtimeclasses", "RuntimeClass", False),),
    ("discovery.k8s.io", "v1"): (_Row("endpointslices", "EndpointSlice"),),
    ("resource.k8s.io", "v1"): (
        _Row("deviceclasses", "DeviceClass", False),
        _Row("resourceclaims", "ResourceClaim", sub=_STATUS),
        _Row("resourceclaimtemplates", "ResourceClaimTemplate"),
        _Row("resourceslices", "ResourceSlice", False),
    ),
    ("flowcontrol.apiserver.k8s.io", "v1"): (
        _Row("flowschemas", "FlowSchema", False, sub=_STATUS),
        _Row("prioritylevelconfigurations", "PriorityLevelConfiguration", False, sub=_STATUS),
    ),
}


def _resource(group: str, version: str, row: _Row) -> ResourceType:
    subresources = tuple(Subresource(s, group, version, row.kind, MODIFY) if isinstance(s, str) else s for s in row.sub)
    stored = "watch" in row.verbs
    return ResourceType(
        group=group,
        version=version,
        plural=row.plural,
        singular=row.kind.lower(),
        kind=row.kind,
        namespaced=row.namespaced,
        short_names=row.short,
        categories=row.categories,
        verbs=row.verbs,
        subresources=subresources,
        storage_version_hash=storage_version_hash(*(row.stored_as or (group, version, row.kind))) if stored else "",
    )


RESOURCES: Final[tuple[ResourceType, ...]] = tuple(
    _resource(group, version, row) for (group, version), rows in _TABLE.items() for row in rows
)
"""Every built-in resource, in the order of discovery."""

GROUP_VERSIONS: Final[tuple[tuple[str, str], ...]] = tuple(_TABLE)
"""Every (group, version) in the order of discovery; the first version of a group is the preferred one."""

GROUPS: Final[tuple[str, ...]] = tuple(dict.fromkeys(group for group, _ in GROUP_VERSIONS))
"""Every group by priority; the legacy group "" comes first and is served under /api."""

PREFERRED_VERSIONS: Final[dict[str, str]] = {group: version for group, version in reversed(GROUP_VERSIONS)}
"""Group to its preferred version."""

GROUP_PRIORITIES: Final[dict[str, int]] = {
    "apiregistration.k8s.io": 20000,
    "": 18000,
    "apps": 17800,
    "events.k8s.io": 17750,
    "authentication.k8s.io": 17700,
    "authorization.k8s.io": 17600,
    "autoscaling": 17500,
    "batch": 17400,
    "certificates.k8s.io": 17300,
    "networking.k8s.io": 17200,
    "policy": 17100,
    "rbac.authorization.k8s.io": 17000,
    "storage.k8s.io": 16800,
    "admissionregistration.k8s.io": 16700,
    "apiextensions.k8s.io": 16700,
    "scheduling.k8s.io": 16600,
    "coordination.k8s.io": 16500,
    "node.k8s.io": 16300,
    "discovery.k8s.io": 16200,
    "resource.k8s.io": 16200,
    "flowcontrol.apiserver.k8s.io": 16100,
}
"""groupPriorityMinimum of the built-in groups' APIServices; apiregistration.k8s.io has none and is always the first.

Source: pkg/controlplane/apiserver/aggregator.go, cmd/kube-apiserver/app/aggregator.go
"""

_OTHER_VERSION_PRIORITIES: Final = {
    ("", "v1"): 1,
    ("autoscaling", "v2"): 30,
    ("resource.k8s.io", "v1"): 20,
    ("flowcontrol.apiserver.k8s.io", "v1"): 21,
}
VERSION_PRIORITIES: Final[dict[tuple[str, str], int]] = {
    group_version: _OTHER_VERSION_PRIORITIES.get(group_version, 15) for group_version in GROUP_VERSIONS
}
"""versionPriority of the built-in group-versions' APIServices."""

RETURNED_WHEN_DELETED: Final = frozenset({
    "persistentvolumeclaims", "persistentvolumes", "pods", "podtemplates", "resourcequotas", "serviceaccounts", "services",
    *(f"{plural}.resource.k8s.io" for plural in ("deviceclasses", "resourceclaims", "resourceclaimtemplates", "resourceslices")),
    *(f"{plural}.storage.k8s.io" for plural in (
        "csidrivers", "csinodes", "storageclasses", "volumeattachments", "volumeattributesclasses")),
})  # fmt: skip
"""Resources whose deletion is answered with the object, not with a Status. Source: ReturnDeletedObject in pkg/registry."""

BY_GVR: Final[dict[GroupVersionResource, ResourceType]] = {resource.gvr: resource for resource in RESOURCES}
BY_GVK: Final[dict[GroupVersionKind, ResourceType]] = {resource.gvk: resource for resource in RESOURCES}
"""By the kind of the main resource; kinds of subresources (Scale, Eviction, TokenRequest, …) are not in it."""


@cache
def exchanged_kinds() -> frozenset[GroupVersionKind]:
    """Every kind that a request or an answer may be of: those of resources, their lists and their subresources."""
    lists = {(resource.group, resource.version, resource.list_kind) for resource in RESOURCES if "list" in resource.verbs}
    parts = {(sub.group, sub.version, sub.kind) for resource in RESOURCES for sub in resource.subresources}
    return frozenset(BY_GVK.keys() | lists | parts)


DEPRECATED: Final[dict[GroupVersionKind, str]] = {
    ("", "v1", "ComponentStatus"): "v1 ComponentStatus is deprecated in v1.19+",
    ("", "v1", "Endpoints"): "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
}
"""What clients of a deprecated kind are warned of. Source: k8s.io/apiserver/pkg/endpoints/deprecation, the kinds' lifecycle marks."""


def find(group: str, version: str, plural: str) -> ResourceType | None:
    """Return the built-in resource, or None."""
    return BY_GVR.get((group, version, plural))


def find_by_kind(group: str, version: str, kind: str) -> ResourceType | None:
    """Return the built-in resource whose main kind this is, or None."""
    return BY_GVK.get((group, version, kind))
