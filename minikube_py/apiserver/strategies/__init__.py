"""The strategy of each resource, and the storages of all built-in resources."""

from __future__ import annotations

from collections.abc import Callable

from minikube_py.apis.resources import DEPRECATED, RESOURCES, RETURNED_WHEN_DELETED, ResourceType
from minikube_py.apis.scheme import type_of
from minikube_py.store.interface import Store

from .. import event_conversion, hpa_conversion
from ..storage import Conversion, Storage
from ..strategy import Strategy
from .autoscalers import HorizontalPodAutoscalerStrategy
from .batch import JobStrategy
from .certificates import CertificateSigningRequestStrategy
from .classes import CsiDriverStrategy, PriorityClassStrategy
from .cluster import (
    ApiServiceStrategy,
    CreateOnUpdateStrategy,
    EventStrategy,
    GenerationOnlyStrategy,
    GenerationStatusAloneStrategy,
    GenerationStrategy,
    LeaseStrategy,
    NamespaceStrategy,
    NodeStrategy,
    PlainStrategy,
    RbacStrategy,
    ServiceAccountStrategy,
    StatusAloneStrategy,
    TimedEventStrategy,
)
from .definitions import CustomResourceDefinitionStrategy
from .devices import ResourceClaimStrategy, ResourceClaimTemplateStrategy
from .endpoint_slices import EndpointSliceStrategy
from .pods import PodStrategy
from .services import ServiceStrategy
from .volumes import PersistentVolumeClaimStrategy, PersistentVolumeStrategy
from .workloads import DaemonSetStrategy, DeploymentStrategy

STRATEGIES: dict[str, Callable[[], Strategy]] = {
    "apiservices.apiregistration.k8s.io": ApiServiceStrategy,
    "certificatesigningrequests.certificates.k8s.io": CertificateSigningRequestStrategy,
    "csidrivers.storage.k8s.io": CsiDriverStrategy,
    "customresourcedefinitions.apiextensions.k8s.io": CustomResourceDefinitionStrategy,
    "daemonsets.apps": DaemonSetStrategy,
    "deployments.apps": DeploymentStrategy,
    "endpoints": CreateOnUpdateStrategy,
    "endpointslices.discovery.k8s.io": EndpointSliceStrategy,
    "events": EventStrategy,
    "events.events.k8s.io": TimedEventStrategy,
    "horizontalpodautoscalers.autoscaling": HorizontalPodAutoscalerStrategy,
    "jobs.batch": JobStrategy,
    "leases.coordination.k8s.io": LeaseStrategy,
    "limitranges": CreateOnUpdateStrategy,
    "namespaces": NamespaceStrategy,
    "nodes": NodeStrategy,
    "persistentvolumeclaims": PersistentVolumeClaimStrategy,
    "persistentvolumes": PersistentVolumeStrategy,
    "pods": PodStrategy,
    "priorityclasses.scheduling.k8s.io": PriorityClassStrategy,
    "runtimeclasses.node.k8s.io": CreateOnUpdateStrategy,
    "serviceaccounts": ServiceAccountStrategy,
    **dict.fromkeys(
        (f"{plural}.rbac.authorization.k8s.io" for plural in ("clusterroles", "clusterrolebindings", "roles", "rolebindings")),
        RbacStrategy),
    **dict.fromkeys(
        ("configmaps", "secrets", "controllerrevisions.apps", "storageclasses.storage.k8s.io"), PlainStrategy),
    **dict.fromkeys(
        ("replicasets.apps", "statefulsets.apps", "replicationcontrollers", "cronjobs.batch", "ingresses.networking.k8s.io",
         "poddisruptionbudgets.policy"), GenerationStrategy),
    **dict.fromkeys(
        ("flowschemas.flowcontrol.apiserver.k8s.io", "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io",
         "validatingadmissionpolicies.admissionregistration.k8s.io"), GenerationStatusAloneStrategy),
    **dict.fromkeys(("servicecidrs.networking.k8s.io", "volumeattachments.storage.k8s.io"), StatusAloneStrategy),
    **dict.fromkeys(
        ("networkpolicies.networking.k8s.io", "ingressclasses.networking.k8s.io",
         "validatingwebhookconfigurations.admissionregistration.k8s.io", "mutatingwebhookconfigurations.admissionregistration.k8s.io",
         "validatingadmissionpolicybindings.admissionregistration.k8s.io", "mutatingadmissionpolicies.admissionregistration.k8s.io",
         "mutatingadmissionpolicybindings.admissionregistration.k8s.io", "deviceclasses.resource.k8s.io",
         "resourceslices.resource.k8s.io", "podtemplates"), GenerationOnlyStrategy),
}

# Strategies that look at other objects.
_WITH_STORE: dict[str, Callable[[Store], Strategy]] = {
    "resourceclaims.resource.k8s.io": ResourceClaimStrategy,
    "resourceclaimtemplates.resource.k8s.io": ResourceClaimTemplateStrategy,
}

# Kinds whose updates must say which version they replace.
CONDITIONAL = frozenset({
    "apiservices.apiregistration.k8s.io",
    "csidrivers.storage.k8s.io", "csinodes.storage.k8s.io", "csistoragecapacities.storage.k8s.io",
    "customresourcedefinitions.apiextensions.k8s.io", "leases.coordination.k8s.io", "poddisruptionbudgets.policy",
    "runtimeclasses.node.k8s.io", "volumeattachments.storage.k8s.io",
    *(f"{plural}.admissionregistration.k8s.io" for plural in (
        "mutatingadmissionpolicies", "mutatingadmissionpolicybindings", "mutatingwebhookconfigurations", "validatingadmissionpolicies",
        "validatingadmissionpolicybindings", "validatingwebhookconfigurations")),
})
# What becomes of dependents when a deletion does not say: some stay, for clients from before propagation policies; events have none.
DEFAULT_PROPAGATION = {"events": "Unsupported", "jobs.batch": "Orphan", "replicationcontrollers": "Orphan"}

# Served resource -> the resource whose stored form it shares.
SHARED = {
    ("events.k8s.io", "v1", "events"): (("", "v1", "events"), Conversion(event_conversion.event_to_core, event_conversion.event_from_core)),
    ("autoscaling", "v1", "horizontalpodautoscalers"): (
        ("autoscaling", "v2", "horizontalpodautoscalers"), Conversion(hpa_conversion.hpa_v1_to_v2, hpa_conversion.hpa_v2_to_v1),
    ),
}


def stored(resource: ResourceType) -> bool:
    """Whether objects of a resource are kept, rather than only answered (reviews, bindings)."""
    return "list" in resource.verbs and resource.plural != "componentstatuses"


def builtin_storages(store: Store, service_cidr: str, node_ports: tuple[int, int]) -> list[Storage]:
    """A storage for every built-in resource that is kept."""
    storages: dict[tuple[str, str, str], Storage] = {}
    for resource in RESOURCES:
        if not stored(resource) or resource.gvr in SHARED:
            continue
        with_store = _WITH_STORE.get(resource.group_resource)
        if resource.group_resource == "services":
            strategy: Strategy = ServiceStrategy(service_cidr, node_ports, store)
        elif with_store is not None:
            strategy = with_store(store)
        else:
            strategy = STRATEGIES.get(resource.group_resource, Strategy)()
        _configure(strategy, resource)
        storages[resource.gvr] = storage = Storage(resource, type_of(*resource.gvk), strategy, resource.group_resource)
        storage.deprecation = DEPRECATED.get(resource.gvk, "")
    for resource in RESOURCES:
        if resource.gvr in SHARED:
            other, how = SHARED[resource.gvr]
            base = storages[other]
            strategy = STRATEGIES[resource.group_resource]() if resource.group_resource != base.resource.group_resource else base.strategy
            _configure(strategy, resource)
            storages[resource.gvr] = Storage(resource, type_of(*resource.gvk), strategy, base.collection, base, how)
    return [*storages.values()]


def _configure(strategy: Strategy, resource: ResourceType) -> None:
    strategy.unconditional_update = resource.group_resource not in CONDITIONAL
    strategy.returns_deleted = resource.group_resource in RETURNED_WHEN_DELETED
    strategy.default_propagation = DEFAULT_PROPAGATION.get(resource.group_resource, "Background")
