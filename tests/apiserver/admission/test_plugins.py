"""What the smaller admission plugins fill in and refuse."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from minikube_py.apis import core_v1, meta_v1, networking_v1, node_v1, storage_v1
from minikube_py.apis.scheme import deep_copy
from minikube_py.apiserver.admission import Admission
from minikube_py.apiserver.admission.event_rate_limit import EventRateLimit
from minikube_py.apiserver.admission.image_policy import AlwaysPullImages
from minikube_py.apiserver.admission.tolerations import merged
from minikube_py.apiserver.context import Context
from minikube_py.core.errors import ForbiddenError, InvalidError, NotFoundError, StatusError, TooManyRequestsError
from tests.conftest import ControlPlane

from .conftest import Make, meta, pod

GROWING = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"


def storage_class(name: str, *, default: str = "", **fields: Any) -> storage_v1.StorageClass:
    annotations = {"storageclass.kubernetes.io/is-default-class": default} if default else {}
    return storage_v1.StorageClass(metadata=meta(name, "", annotations=annotations), provisioner="p", **fields)


def claim(name: str = "c", size: str = "1Gi", **fields: Any) -> core_v1.PersistentVolumeClaim:
    resources = core_v1.VolumeResourceRequirements(requests={"storage": size})
    annotations = fields.pop("annotations", {})
    spec = core_v1.PersistentVolumeClaimSpec(access_modes=["ReadWriteOnce"], resources=resources, **fields)
    return core_v1.PersistentVolumeClaim(metadata=meta(name, annotations=annotations), spec=spec)


def toleration(key: str = "", **fields: Any) -> core_v1.Toleration:
    return core_v1.Toleration(**{"key": key, "operator": "Exists", **fields})


# Classes.


async def test_claim_without_class_gets_the_default_one(admitting: Make) -> None:
    async with admitting() as client:
        assert (await client.create(claim("before"))).spec.storage_class_name is None
        for name, default in (("a", ""), ("b", "true"), ("c", "true"), ("d", "false")):
            await client.create(storage_class(name, default=default))
        assert (await client.create(claim("none"))).spec.storage_class_name == "b", "of several the first by name, as they are equally old"
        assert (await client.create(claim("named", storage_class_name="a"))).spec.storage_class_name == "a"
        assert (await client.create(claim("empty", storage_class_name=""))).spec.storage_class_name == ""
        old = await client.create(claim("old", annotations={"volume.beta.kubernetes.io/storage-class": "a"}))
        assert old.spec.storage_class_name is None
    async with admitting(disable=("DefaultStorageClass",)) as client:
        await client.create(storage_class("b", default="true"))
        assert (await client.create(claim())).spec.storage_class_name is None


async def test_ingress_without_class_gets_the_default_one(admitting: Make) -> None:
    backend = networking_v1.IngressBackend(
        service=networking_v1.IngressServiceBackend(name="s", port=networking_v1.ServiceBackendPort(number=80)))

    def ingress(name: str, annotations: dict[str, str], class_name: str | None = None) -> networking_v1.Ingress:
        spec = networking_v1.IngressSpec(default_backend=backend, ingress_class_name=class_name)
        return networking_v1.Ingress(metadata=meta(name, annotations=annotations), spec=spec)

    async with admitting() as client:
        assert (await client.create(ingress("before", {}))).spec.ingress_class_name is None
        annotations = {"ingressclass.kubernetes.io/is-default-class": "true"}
        await client.create(networking_v1.IngressClass(
            metadata=meta("k", "", annotations=annotations), spec=networking_v1.IngressClassSpec(controller="example.com/c")))
        assert (await client.create(ingress("none", {}))).spec.ingress_class_name == "k"
        assert (await client.create(ingress("old", {"kubernetes.io/ingress.class": "x"}))).spec.ingress_class_name is None
        assert (await client.create(ingress("named", {}, "other"))).spec.ingress_class_name == "other"


# Volumes.


async def test_claims_and_volumes_are_protected(admitting: Make) -> None:
    async with admitting() as client:
        assert (await client.create(claim())).metadata.finalizers == ["kubernetes.io/pvc-protection"]
        source = core_v1.HostPathVolumeSource(path="/x")
        spec = core_v1.PersistentVolumeSpec(capacity={"storage": "1Gi"}, access_modes=["ReadWriteOnce"], host_path=source)
        volume = core_v1.PersistentVolume(metadata=meta("v", "", finalizers=["kubernetes.io/pv-protection"]), spec=spec)
        assert (await client.create(volume)).metadata.finalizers == ["kubernetes.io/pv-protection"]


async def test_claim_grows_only_when_bound_and_its_class_lets_it(admitting: Make) -> None:
    async with admitting() as client:
        await client.create(storage_class("grows", allow_volume_expansion=True))
        await client.create(storage_class("fixed"))

        async def grow(name: str, class_name: str, *, bound: bool, size: str = "2Gi") -> None:
            made = await client.create(claim(name, storage_class_name=class_name))
            if bound:
                made = await client.update(core_v1.PersistentVolumeClaim(
                    metadata=made.metadata, spec=made.spec, status=core_v1.PersistentVolumeClaimStatus(phase="Bound")), "status")
            resources = core_v1.VolumeResourceRequirements(requests={"storage": size})
            await client.patch(core_v1.PersistentVolumeClaim, name, "default", {"spec": {"resources": {"requests": resources.requests}}})

        await grow("good", "grows", bound=True)
        with pytest.raises(InvalidError, match=r"spec is immutable after creation except resources.requests"):
            await grow("a", "grows", bound=False)
        for name, class_name in (("b", "fixed"), ("c", ""), ("d", "absent")):
            with pytest.raises(ForbiddenError, match=f'^persistentvolumeclaims "{name}" is forbidden: {GROWING}$'):
                await grow(name, class_name, bound=True)


# Runtime classes.


async def test_pod_takes_over_what_its_runtime_class_says(admitting: Make) -> None:
    scheduling = node_v1.Scheduling(node_selector={"arch": "x"}, tolerations=[toleration("k", effect="NoSchedule")])
    async with admitting() as client:
        await client.create(node_v1.RuntimeClass(
            metadata=meta("heavy", ""), handler="h", overhead=node_v1.Overhead(pod_fixed={"cpu": "250m"}), scheduling=scheduling))
        spec = (await client.create(pod("a", runtime_class_name="heavy", node_selector={"disk": "ssd"}))).spec
        assert (spec.overhead, spec.node_selector) == ({"cpu": "250m"}, {"disk": "ssd", "arch": "x"})
        assert any(each.key == "k" for each in spec.tolerations)
        assert (await client.create(pod("b", runtime_class_name="heavy", overhead={"cpu": "0.25"}))).spec.overhead == {"cpu": "250m"}
        for name, fields, message in (
            ("c", {"runtime_class_name": "none"}, 'pod rejected: RuntimeClass "none" not found'),
            ("d", {"runtime_class_name": "heavy", "overhead": {"cpu": "1"}},
             "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"),
            ("e", {"overhead": {"cpu": "1"}}, "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"),
            ("f", {"runtime_class_name": "heavy", "node_selector": {"arch": "y"}},
             "conflict: runtimeClass.scheduling.nodeSelector[arch] = x; pod.spec.nodeSelector[arch] = y"),
        ):
            with pytest.raises(ForbiddenError) as refused:
                await client.create(pod(name, **fields))
            assert refused.value.message == f'pods "{name}" is forbidden: {message}'


# Tolerations, selectors, affinity.


async def test_pod_is_not_resized_beyond_its_node(admitting: Make) -> None:
    async with admitting() as client:
        for name, system in (("n", "linux"), ("w", "windows")):
            node = await client.create(core_v1.Node(metadata=meta(name, "", labels={"kubernetes.io/os": system})))
            node.status.allocatable = {"cpu": "2", "memory": "1Gi"}
            await client.update(node, subresource="status")
        for name, node_name in (("p", "n"), ("q", "w"), ("r", "gone"), ("free", "")):
            await client.create(pod(name, requests={"cpu": "1", "memory": "1Gi"}, node_name=node_name))

        async def resize(name: str, cpu: str, memory: str) -> core_v1.Pod:
            new = deep_copy(await client.get(core_v1.Pod, name, "default"))
            new.spec.containers[0].resources.requests |= {"cpu": cpu, "memory": memory}
            return await client.update(new, subresource="resize")

        await resize("p", "2", "1Gi")
        await resize("free", "3", "1Gi")
        await resize("q", "1", "1Gi")
        for name, cpu, memory, reason, text in (
            ("p", "3", "1Gi", "NodeCapacity", "node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000"),
            ("p", "3", "2Gi", "NodeCapacity", "node didn't have enough allocatable resources: cpu, requested: 3000, allocatable: 2000; "
                                              "memory, requested: 2147483648, allocatable: 1073741824"),
            ("q", "2", "1Gi", "UnsupportedPlatform", 'pod resize is only supported on linux nodes, node "w" is "windows"'),
            ("r", "2", "1Gi", None, 'node "gone" not found'),
        ):
            with pytest.raises(ForbiddenError) as refused:
                await resize(name, cpu, memory)
            assert str(refused.value) == f'pods "{name}" is forbidden: {text}'
            assert [cause.reason for cause in refused.value.causes] == ([reason] if reason else [])


def test_tolerations_are_merged_without_those_that_others_cover() -> None:
    everything, exists = toleration(""), toleration("a")
    equal, again = toleration("a", operator="Equal", value="v"), toleration("a", operator="Equal", value="v")
    short, long = (toleration("a", effect="NoExecute", toleration_seconds=seconds) for seconds in (10, 20))
    assert merged([equal], [again]) == [equal]
    assert merged([equal], [exists]) == [exists] and merged([exists], [equal]) == [exists]
    assert merged([exists], [everything]) == [everything]
    assert merged([short], [long]) == [long] and merged([long], [short]) == [long]
    assert merged([equal], [toleration("b")]) == [equal, toleration("b")]


async def test_pods_tolerate_the_taints_of_resources_that_they_want(admitting: Make) -> None:
    async with admitting("ExtendedResourceToleration") as client:
        spec = (await client.create(pod(requests={"example.com/gpu": "1", "cpu": "1"}))).spec
        found = [each for each in spec.tolerations if each.key == "example.com/gpu"]
        assert found == [toleration("example.com/gpu", effect="NoSchedule")]


async def test_namespace_gives_tolerations_and_bounds_them(admitting: Make) -> None:
    configuration = {"apiVersion": "podtolerationrestriction.admission.k8s.io/v1alpha1", "kind": "Configuration",
                     "default": [{"key": "cluster", "operator": "Exists"}]}
    async with admitting(PodTolerationRestriction=configuration) as client:
        keys = {each.key for each in (await client.create(pod("a", requests={"cpu": "1"}))).spec.tolerations}
        assert {"cluster", "node.kubernetes.io/memory-pressure"} <= keys
        keys = {each.key for each in (await client.create(pod("best-effort", requests={"cpu": "0"}))).spec.tolerations}
        assert "cluster" in keys and "node.kubernetes.io/memory-pressure" not in keys
        prefix = "scheduler.alpha.kubernetes.io/"
        own = {prefix + "defaultTolerations": '[{"key":"own","operator":"Exists"}]',
               prefix + "tolerationsWhitelist": json.dumps([{"key": key, "operator": "Exists"} for key in (
                   "own", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")])}
        await client.patch(core_v1.Namespace, "default", "", {"metadata": {"annotations": own}})
        keys = {each.key for each in (await client.create(pod("b"))).spec.tolerations}
        assert "own" in keys and "cluster" not in keys
        with pytest.raises(StatusError, match="conflict with its namespace whitelist") as refused:
            await client.create(pod("c", tolerations=[toleration("other")]))
        assert (refused.value.code, refused.value.reason) == (500, "")


async def test_namespace_gives_a_node_selector_and_bounds_it(admitting: Make) -> None:
    selectors = {"podNodeSelectorPluginConfig": {"clusterDefaultNodeSelector": "zone=a", "default": "zone=b,disk=ssd"}}
    async with admitting(PodNodeSelector=selectors) as client:
        with pytest.raises(ForbiddenError, match="pod node label selector labels conflict with its namespace whitelist"):
            await client.create(pod("a"))
        annotations = {"scheduler.alpha.kubernetes.io/node-selector": "zone=b"}
        await client.patch(core_v1.Namespace, "default", "", {"metadata": {"annotations": annotations}})
        made = await client.create(pod("b", node_selector={"disk": "ssd"}))
        assert made.spec.node_selector == {"zone": "b", "disk": "ssd"}
        with pytest.raises(ForbiddenError, match="pod node label selector conflicts with its namespace node label selector"):
            await client.create(pod("c", node_selector={"zone": "c"}))
        annotations = {"scheduler.alpha.kubernetes.io/node-selector": "zone in (b)"}
        await client.patch(core_v1.Namespace, "default", "", {"metadata": {"annotations": annotations}})
        with pytest.raises(StatusError, match="invalid selector"):
            await client.create(pod("d"))


async def test_pods_keep_others_from_their_node_at_most(admitting: Make) -> None:
    def apart(key: str) -> core_v1.Affinity:
        term = core_v1.PodAffinityTerm(topology_key=key, label_selector=meta_v1.LabelSelector(match_labels={"a": "b"}))
        return core_v1.Affinity(pod_anti_affinity=core_v1.PodAntiAffinity(required_during_scheduling_ignored_during_execution=[term]))

    async with admitting("LimitPodHardAntiAffinityTopology") as client:
        await client.create(pod("a", affinity=apart("kubernetes.io/hostname")))
        with pytest.raises(ForbiddenError, match=r"has TopologyKey zone but only key kubernetes\.io/hostname is allowed"):
            await client.create(pod("b", affinity=apart("zone")))


# The rest.


async def test_images_are_always_pulled(admitting: Make) -> None:
    async with admitting("AlwaysPullImages") as client:
        made = await client.create(pod())
        assert made.spec.containers[0].image_pull_policy == "Always"


async def test_images_of_before_are_pulled_as_before(control_plane: ControlPlane) -> None:
    client = control_plane.client
    await client.create(pod())
    control_plane.registry.admission = Admission([AlwaysPullImages()])
    patched = await client.patch(core_v1.Pod, "p", "default", {"metadata": {"labels": {"a": "b"}}})
    assert patched.spec.containers[0].image_pull_policy == "IfNotPresent"


async def test_new_node_is_tainted(admitting: Make) -> None:
    async with admitting() as client:
        made = await client.create(core_v1.Node(metadata=meta("n", "")))
        assert [(each.key, each.effect) for each in made.spec.taints] == [("node.kubernetes.io/not-ready", "NoSchedule")]
        taint = core_v1.Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule", value="own")
        made = await client.create(core_v1.Node(metadata=meta("m", ""), spec=core_v1.NodeSpec(taints=[taint])))
        assert len(made.spec.taints) == 1


async def test_services_get_no_new_external_addresses(admitting: Make) -> None:
    def service(name: str, *addresses: str) -> core_v1.Service:
        spec = core_v1.ServiceSpec(ports=[core_v1.ServicePort(port=80)], external_ips=[*addresses])
        return core_v1.Service(metadata=meta(name), spec=spec)

    async with admitting("DenyServiceExternalIPs") as client:
        await client.create(service("a"))
        with pytest.raises(ForbiddenError, match="Use of external IPs is denied by admission control"):
            await client.create(service("b", "192.0.2.1"))
        with pytest.raises(ForbiddenError, match="Use of external IPs is denied by admission control"):
            await client.patch(core_v1.Service, "a", "default", {"spec": {"externalIPs": ["192.0.2.1"]}})


async def test_too_many_events_are_turned_away(admitting: Make) -> None:
    limits = [{"type": "Namespace", "qps": 1, "burst": 3}, {"type": "User", "qps": 1, "burst": 100}]
    configuration = {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration", "limits": limits}
    async with admitting(EventRateLimit=configuration) as client:
        await client.create(core_v1.Namespace(metadata=meta("other", "")))

        def event(name: str, namespace: str = "default") -> core_v1.Event:
            about = core_v1.ObjectReference(kind="Pod", namespace=namespace, name="p")
            return core_v1.Event(metadata=meta(name, namespace), involved_object=about, reason="R", message="m", type="Normal")

        made = await asyncio.gather(*(client.create(event(f"e{number}")) for number in range(6)), return_exceptions=True)
        refused = [each for each in made if isinstance(each, TooManyRequestsError)]
        assert len(refused) == 3 and refused[0].message == "limit reached on type Namespace for key default"
        await client.create(event("e", "other"))


async def test_events_that_are_not_stored_do_not_count(control_plane: ControlPlane) -> None:
    configuration = {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration",
                     "limits": [{"type": "Server", "qps": 1, "burst": 1}]}
    control_plane.registry.admission = Admission([EventRateLimit(configuration)])
    about = core_v1.ObjectReference(kind="Pod", namespace="default", name="p")
    for _ in range(3):
        event = core_v1.Event(metadata=meta("e"), involved_object=about, reason="R", message="m", type="Normal")
        await control_plane.registry.create(control_plane.registry.storage_of(core_v1.Event), "default", event, Context(dry_run=True))
    stored = core_v1.Event(metadata=meta("e"), involved_object=about, reason="R", message="m", type="Normal")
    assert (await control_plane.client.create(stored)).metadata.uid, "the one that may be stored in this second is still to come"


@pytest.mark.parametrize(("limits", "message"), [
    ([], "limits: Invalid value: []: must not be empty"),
    ([{"type": "Cluster", "qps": 1, "burst": 1}], 'limits[0].type: Unsupported value: "Cluster": supported values: "Server"'),
    ([{"type": "User", "qps": 0, "burst": 1}], "limits[0].qps: Invalid value: 0: must be positive"),
    ([{"type": "User", "qps": 1, "burst": -1, "cacheSize": -1}], "limits[0].cacheSize: Invalid value: -1: must not be negative"),
])
async def test_limits_of_events_are_checked(admitting: Make, limits: Any, message: str) -> None:
    configuration = {"apiVersion": "eventratelimit.admission.k8s.io/v1alpha1", "kind": "Configuration", "limits": limits}
    with pytest.raises(ValueError) as refused:
        async with admitting(EventRateLimit=configuration):
            pass
    assert message in str(refused.value)


async def test_namespace_that_is_not_there_may_be_made_on_the_way(admitting: Make) -> None:
    async with admitting("NamespaceAutoProvision") as client:
        await client.create(core_v1.ConfigMap(metadata=meta("c", "made")))
        assert (await client.get(core_v1.Namespace, "made")).status.phase == "Active"
        with pytest.raises(ForbiddenError) as refused:
            await client.create(core_v1.ConfigMap(metadata=meta("c", "No")))
        assert str(refused.value).startswith('configmaps "c" is forbidden: Namespace "No" is invalid: metadata.name: Invalid value: "No"')


async def test_nothing_is_let_in_or_into_no_namespace(admitting: Make) -> None:
    with pytest.raises(ForbiddenError, match="admission control is denying all modifications"):
        async with admitting("AlwaysDeny"):
            pass
    async with admitting("NamespaceExists", "AlwaysAdmit", disable=("NamespaceLifecycle",)) as client:
        with pytest.raises(NotFoundError, match='namespaces "none" not found'):
            await client.create(core_v1.ConfigMap(metadata=meta("c", "none")))
