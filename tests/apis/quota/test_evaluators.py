"""What objects count for.

Source: pkg/quota/v1/evaluator/core/*_test.go
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from minikube_py.apis.core_v1 import PersistentVolumeClaim, Pod, ResourceQuotaSpec, Service
from minikube_py.apis.quota import Evaluators
from minikube_py.apis.resource_v1 import ResourceClaim
from minikube_py.apis.scheme import from_document

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DELETED = "2026-01-01T00:00:00Z"
KINDS: dict[str, Any] = {
    "pods": Pod, "services": Service, "persistentvolumeclaims": PersistentVolumeClaim, "resourceclaims.resource.k8s.io": ResourceClaim,
}


class Cluster:
    """What evaluators look up."""

    def __init__(self) -> None:
        self.pods: dict[str, Pod] = {}
        self.present: list[ResourceClaim] = []

    def extended_resource(self, device_class: str) -> str:
        return "example.com/gpu" if device_class == "gpu" else ""

    def has_device_class(self, extended_resource: str) -> bool:
        return extended_resource == "example.com/gpu"

    def pod(self, namespace: str, name: str) -> Pod | None:
        return self.pods.get(name)

    def claims(self, namespace: str) -> Iterable[ResourceClaim]:
        return self.present


CLUSTER = Cluster()


def usage(resource: str, document: dict[str, Any], *, cluster: Cluster = CLUSTER, now: datetime = NOW) -> dict[str, Any]:
    evaluator = Evaluators(cluster).of(resource)
    assert evaluator is not None
    return dict(evaluator.usage(from_document(KINDS[resource], document), now))


def pod(*containers: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A pod of containers c0, c1, … with these parts."""
    spec = {"containers": [{"name": f"c{n}", **part} for n, part in enumerate(containers)], **parts.pop("spec", {})}
    return {"metadata": {"name": "p", "namespace": "n"}, "spec": spec, **parts}


def uses(**requests: str) -> dict[str, Any]:
    return {"resources": {"requests": {name.replace("_", "-"): amount for name, amount in requests.items()}}}


@pytest.mark.parametrize(("document", "expected"), [
    (pod({}), {}),
    (pod({"resources": {"requests": {"cpu": "1m"}, "limits": {"cpu": "2m"}}}), {"cpu": "1m", "requests.cpu": "1m", "limits.cpu": "2m"}),
    (pod({"resources": {"requests": {"memory": "1Mi"}, "limits": {"memory": "2Mi"}}}),
     {"memory": "1Mi", "requests.memory": "1Mi", "limits.memory": "2Mi"}),
    (pod({"resources": {"requests": {"ephemeral-storage": "1Gi"}, "limits": {"ephemeral-storage": "2Gi"}}}),
     {"ephemeral-storage": "1Gi", "requests.ephemeral-storage": "1Gi", "limits.ephemeral-storage": "2Gi"}),
    (pod({"resources": {"requests": {"hugepages-2Mi": "4Mi"}, "limits": {"hugepages-2Mi": "4Mi"}}}),
     {"hugepages-2Mi": "4Mi", "requests.hugepages-2Mi": "4Mi"}),
    (pod({"resources": {"requests": {"example.com/gpu": "2"}, "limits": {"example.com/gpu": "2"}}}), {"requests.example.com/gpu": "2"}),
    (pod({"resources": {"requests": {"deviceclass.resource.kubernetes.io/gpu": "1"}}}),
     {"requests.deviceclass.resource.kubernetes.io/gpu": "1"}),
    (pod(uses(cpu="1"), uses(cpu="500m"), spec={"initContainers": [{"name": "i", **uses(cpu="2")}]}), {"cpu": "2", "requests.cpu": "2"}),
    (pod(uses(cpu="1"), spec={"initContainers": [
        {"name": "s", "restartPolicy": "Always", **uses(cpu="1")}, {"name": "i", **uses(cpu="2")}]}),
     {"cpu": "3", "requests.cpu": "3"}),
    (pod({"resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}}},
         spec={"overhead": {"cpu": "250m", "memory": "64Mi", "example.com/x": "1"}}),
     {"cpu": "1250m", "requests.cpu": "1250m", "memory": "64Mi", "requests.memory": "64Mi", "limits.memory": "1088Mi",
      "requests.example.com/x": "1"}),
    (pod(uses(cpu="1", memory="1Gi"), spec={"resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}}}),
     {"cpu": "3", "requests.cpu": "3", "limits.cpu": "4", "memory": "1Gi", "requests.memory": "1Gi"}),
])
def test_pod_counts_for_what_it_asks_for(document: dict[str, Any], expected: dict[str, str]) -> None:
    assert usage("pods", document) == {"pods": "1", "count/pods": "1", **expected}


@pytest.mark.parametrize(("conditions", "cpu"), [
    ([], "3"), ([{"type": "PodResizePending", "status": "True", "reason": "Infeasible"}], "2"),
])
def test_pod_that_is_resized_counts_for_the_larger_of_what_it_has_and_what_it_asks_for(conditions: list[Any], cpu: str) -> None:
    status = {"name": "c0", "image": "x", "resources": {"requests": {"cpu": "1"}}, "allocatedResources": {"cpu": "2"}}
    found = usage("pods", pod(uses(cpu="3"), status={"containerStatuses": [status], "conditions": conditions}))
    assert found["requests.cpu"] == cpu


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_pod_that_has_ended_counts_as_an_object_only(phase: str) -> None:
    assert usage("pods", pod(uses(cpu="1"), status={"phase": phase})) == {"count/pods": "1"}


def test_pod_counts_until_it_should_have_gone() -> None:
    document = pod(uses(cpu="1"))
    document["metadata"] |= {"deletionTimestamp": DELETED, "deletionGracePeriodSeconds": 30}
    assert usage("pods", document, now=NOW + timedelta(seconds=30))["pods"] == "1"
    assert usage("pods", document, now=NOW + timedelta(seconds=31)) == {"count/pods": "1"}


@pytest.mark.parametrize(("spec", "node_ports", "balancers"), [
    ({"ports": [{"port": 1}]}, "0", "0"),
    ({"type": "NodePort", "ports": [{"port": 1}, {"port": 2}]}, "2", "0"),
    ({"type": "LoadBalancer", "ports": [{"port": 1}, {"port": 2}]}, "2", "1"),
    ({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": False, "ports": [{"port": 1, "nodePort": 30000}, {"port": 2}]}, "1", "1"),
])
def test_service_counts_for_the_ports_that_it_is_to_get(spec: dict[str, Any], node_ports: str, balancers: str) -> None:
    assert usage("services", {"spec": spec}) == {
        "count/services": "1", "services": "1", "services.nodeports": node_ports, "services.loadbalancers": balancers,
    }


@pytest.mark.parametrize(("parts", "expected"), [
    ({}, {"requests.storage": "10Gi"}),
    ({"class": "gold"}, {"requests.storage": "10Gi", "gold.storageclass.storage.k8s.io/requests.storage": "10Gi",
                         "gold.storageclass.storage.k8s.io/persistentvolumeclaims": "1"}),
    ({"storage": "1500m"}, {"requests.storage": "2"}),
    ({"allocated": "20Gi"}, {"requests.storage": "20Gi"}),
])
def test_volume_claim_counts_for_its_storage_also_by_class(parts: dict[str, str], expected: dict[str, str]) -> None:
    document: dict[str, Any] = {"spec": {"resources": {"requests": {"storage": parts.get("storage", "10Gi")}}}}
    if "class" in parts:
        document["spec"]["storageClassName"] = parts["class"]
    if "allocated" in parts:
        document["status"] = {"allocatedResources": {"storage": parts["allocated"]}}
    assert usage("persistentvolumeclaims", document) == {"persistentvolumeclaims": "1", "count/persistentvolumeclaims": "1", **expected}


def devices(*requests: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": "c", "namespace": "n", **metadata}, "spec": {"devices": {"requests": list(requests)}}}


def exactly(device_class: str, count: int = 1, mode: str = "ExactCount") -> dict[str, Any]:
    return {"deviceClassName": device_class, "allocationMode": mode, "count": count}


GPUS = "gpu.deviceclass.resource.k8s.io/devices"
GPU_NAMES = (GPUS, "requests.example.com/gpu", "requests.deviceclass.resource.kubernetes.io/gpu")


@pytest.mark.parametrize(("requests", "expected"), [
    ([{"name": "a", "exactly": exactly("gpu", 3)}, {"name": "b", "exactly": exactly("gpu")}], dict.fromkeys(GPU_NAMES, "4")),
    ([{"name": "a", "exactly": exactly("nic", 0, "All")}],
     {"nic.deviceclass.resource.k8s.io/devices": "32", "requests.deviceclass.resource.kubernetes.io/nic": "32"}),
    ([{"name": "a", "firstAvailable": [{"name": "x", **exactly("gpu", 2)}, {"name": "y", **exactly("gpu", 5)}]}],
     dict.fromkeys(GPU_NAMES, "5")),
])
def test_device_claim_counts_for_the_worst_that_it_may_get(requests: list[dict[str, Any]], expected: dict[str, str]) -> None:
    assert usage("resourceclaims.resource.k8s.io", devices(*requests)) == {"count/resourceclaims.resource.k8s.io": "1", **expected}


def test_device_claim_of_a_pods_extended_resource_does_not_count_twice() -> None:
    cluster = Cluster()
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": True}
    document = devices(
        {"name": "a", "exactly": exactly("gpu", 2)}, ownerReferences=[owner],
        annotations={"resource.kubernetes.io/extended-resource-claim": "true"},
    )
    gpu = {"resources": {"requests": {"example.com/gpu": "2"}, "limits": {"example.com/gpu": "2"}}}
    cluster.pods["p"] = from_document(Pod, pod(gpu) | {"metadata": {"name": "p", "namespace": "n", "uid": "u"}})
    found = usage("resourceclaims.resource.k8s.io", document, cluster=cluster)
    assert found[GPUS] == "2" and "requests.example.com/gpu" not in found
    cluster.pods["p"].metadata.uid = "another"
    assert usage("resourceclaims.resource.k8s.io", document, cluster=cluster)["requests.example.com/gpu"] == "2"


@pytest.mark.parametrize(("scope", "inside", "outside"), [
    ({"scopeName": "Terminating", "operator": "Exists"}, [{"activeDeadlineSeconds": 5}], [{}]),
    ({"scopeName": "NotTerminating", "operator": "Exists"}, [{}], [{"activeDeadlineSeconds": 0}]),
    ({"scopeName": "BestEffort", "operator": "Exists"}, [{}], [{"resources": {"requests": {"cpu": "1"}}}]),
    ({"scopeName": "NotBestEffort", "operator": "Exists"}, [{"resources": {"requests": {"cpu": "1"}}}], [{}]),
    ({"scopeName": "PriorityClass", "operator": "Exists"}, [{"priorityClassName": "a"}], [{}]),
    ({"scopeName": "PriorityClass", "operator": "DoesNotExist"}, [{}], [{"priorityClassName": "a"}]),
    ({"scopeName": "PriorityClass", "operator": "In", "values": ["a", "b"]}, [{"priorityClassName": "b"}],
     [{"priorityClassName": "c"}, {}]),
    ({"scopeName": "PriorityClass", "operator": "NotIn", "values": ["a"]}, [{"priorityClassName": "b"}, {}], [{"priorityClassName": "a"}]),
    ({"scopeName": "CrossNamespacePodAffinity", "operator": "Exists"}, [
        {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "k", "namespaces": ["x"]}]}}},
        {"affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 1, "podAffinityTerm": {"topologyKey": "k", "namespaceSelector": {}}}]}}},
    ], [{}, {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "k"}]}}}]),
    ({"scopeName": "VolumeAttributesClass", "operator": "Exists"}, [], [{}]),
])
def test_pods_are_in_the_scopes_that_are_about_them(scope: dict[str, Any], inside: list[Any], outside: list[Any]) -> None:
    evaluator = Evaluators(CLUSTER).of("pods")
    assert evaluator is not None
    spec = from_document(ResourceQuotaSpec, {"scopeSelector": {"matchExpressions": [scope]}})
    for specs, expected in ((inside, True), (outside, False)):
        for part in specs:
            assert evaluator.is_in_scopes(spec, from_document(Pod, pod({}, spec=part))) is expected, part


@pytest.mark.parametrize(("scope", "parts", "expected"), [
    ({"operator": "Exists"}, {"spec": {"volumeAttributesClassName": "a"}}, True),
    ({"operator": "Exists"}, {}, False),
    ({"operator": "In", "values": ["a"]},
     {"status": {"currentVolumeAttributesClassName": "a"}, "spec": {"volumeAttributesClassName": "b"}}, True),
    ({"operator": "In", "values": ["a"]},
     {"status": {"modifyVolumeStatus": {"status": "Pending", "targetVolumeAttributesClassName": "a"}}}, True),
    ({"operator": "NotIn", "values": ["a"]}, {"spec": {"volumeAttributesClassName": "a"}}, False),
    ({"operator": "NotIn", "values": ["a"]}, {}, True),
])
def test_volume_claims_are_in_the_scopes_of_the_classes_that_they_have_or_are_to_have(
    scope: dict[str, Any], parts: dict[str, Any], expected: bool
) -> None:
    evaluator = Evaluators(CLUSTER).of("persistentvolumeclaims")
    assert evaluator is not None
    spec = from_document(ResourceQuotaSpec, {"scopeSelector": {"matchExpressions": [{"scopeName": "VolumeAttributesClass", **scope}]}})
    assert evaluator.is_in_scopes(spec, from_document(PersistentVolumeClaim, parts)) is expected


def test_other_objects_are_counted_and_in_no_scope() -> None:
    evaluators = Evaluators(CLUSTER)
    secrets, widgets = evaluators.of("secrets"), evaluators.of("widgets.example.com")
    assert secrets is not None and widgets is not None and evaluators.of("events") is None
    assert secrets.usage(None, NOW) == {"count/secrets": "1", "secrets": "1"}
    assert widgets.usage(None, NOW) == {"count/widgets.example.com": "1"}
    assert not secrets.is_in_scopes(ResourceQuotaSpec(scopes=["NotBestEffort"]), None) and secrets.is_in_scopes(ResourceQuotaSpec(), None)


@pytest.mark.parametrize(("name", "resources"), [
    ("pods", ["pods"]), ("count/pods", ["pods"]), ("limits.memory", ["pods"]), ("requests.hugepages-1Gi", ["pods"]),
    ("requests.example.com/fpga", ["pods"]), ("requests.example.com/gpu", ["pods", "resourceclaims.resource.k8s.io"]),
    ("requests.storage", ["persistentvolumeclaims"]), ("gold.storageclass.storage.k8s.io/requests.storage", ["persistentvolumeclaims"]),
    ("services.nodeports", ["services"]), ("configmaps", ["configmaps"]), ("count/configmaps", ["configmaps"]),
    ("count/deployments.apps", ["deployments.apps"]), (GPUS, ["resourceclaims.resource.k8s.io"]), ("count/events", []), ("storage", []),
])
def test_names_are_about_resources(name: str, resources: list[str]) -> None:
    assert [evaluator.resource for evaluator in Evaluators(CLUSTER).matching([name])] == resources


def test_containers_without_what_is_limited_are_named() -> None:
    evaluator = Evaluators(CLUSTER).of("pods")
    assert evaluator is not None
    made = from_document(Pod, pod(uses(cpu="1"), {}, spec={"initContainers": [{"name": "i", **uses(memory="1")}]}))
    names = ["pods", "requests.cpu", "memory", "limits.ephemeral-storage"]
    assert evaluator.missing(names, made) == "must specify memory for: c0,c1; requests.cpu for: c1,i"
    whole = from_document(Pod, pod({}, spec={"resources": {"requests": {"cpu": "1"}}}))
    assert evaluator.missing(names, whole) == "" == evaluator.missing(["pods"], made)
