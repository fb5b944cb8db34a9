"""Endpoints and EndpointSlices follow Services and their pods."""

from __future__ import annotations

from typing import Any

from minikube_py.apis import core_v1, discovery_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.endpoints import EndpointsController
from minikube_py.controllers.endpointslice import EndpointSliceController
from minikube_py.controllers.endpointslice.mirroring import EndpointSliceMirroringController
from minikube_py.controllers.gc import GarbageCollector
from minikube_py.controllers.kubernetes_service import ApiServerAddress, KubernetesService

from .world import World, pod

Endpoints, Pod, Service, EndpointSlice = core_v1.Endpoints, core_v1.Pod, core_v1.Service, discovery_v1.EndpointSlice


def service(name: str = "web", **spec: Any) -> core_v1.Service:
    ports = [{"name": "http", "port": 80, "targetPort": 8080, "protocol": "TCP"}]
    return from_document(Service, {
        "metadata": {"name": name, "namespace": "default", "labels": {"team": "a"}},
        "spec": {"selector": {"app": name}, "ports": ports, **spec},
    })


async def running(world: World, name: str, ready: bool = True, **change: Any) -> core_v1.Pod:
    made = pod(name, app="web")
    for key, value in change.items():
        setattr(made.spec, key, value)
    created = await world.client.create(made)
    await world.bind(created)
    await world.set_ready(world.get(Pod, name), ready)
    return world.get(Pod, name)


def slices(world: World, name: str = "web") -> list[discovery_v1.EndpointSlice]:
    return world.list(EndpointSlice, "default", **{"kubernetes.io/service-name": name})


def endpoints_by_pod(world: World) -> dict[str, discovery_v1.Endpoint]:
    return {row.target_ref.name: row for piece in slices(world) for row in piece.endpoints or () if row.target_ref is not None}


def state(world: World, name: str) -> tuple[bool | None, bool | None, bool | None] | None:
    row = endpoints_by_pod(world).get(name)
    return (row.conditions.ready, row.conditions.serving, row.conditions.terminating) if row and row.conditions else None


async def test_a_slice_shows_ready_and_unready_pods(world: World) -> None:
    await world.start(EndpointSliceController)
    first = await running(world, "one")
    await running(world, "two", ready=False)
    await world.client.create(service())
    await world.until(lambda: state(world, "one") == (True, True, False) and state(world, "two") == (False, False, False))
    (piece,) = slices(world)
    assert piece.metadata.name.startswith("web-") and len(piece.metadata.name) == len("web-xxxxx")
    assert piece.metadata.labels == {
        "team": "a", "kubernetes.io/service-name": "web", "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert piece.metadata.owner_references[0].kind == "Service" and piece.metadata.owner_references[0].controller
    assert piece.address_type == "IPv4"
    assert [(port.name, port.port, port.protocol) for port in piece.ports] == [("http", 8080, "TCP")]
    row = endpoints_by_pod(world)["one"]
    assert row.addresses == [first.status.pod_ip] and row.node_name == "node-1"
    assert row.target_ref == core_v1.ObjectReference(kind="Pod", namespace="default", name="one", uid=first.metadata.uid)
    assert "endpoints.kubernetes.io/last-change-trigger-time" in piece.metadata.annotations


async def test_slices_follow_readiness_termination_and_removal(world: World) -> None:
    await world.start(EndpointSliceController)
    await world.client.create(service())
    one = await running(world, "one", ready=False)
    await world.until(lambda: state(world, "one") == (False, False, False))
    await world.set_ready(one)
    await world.until(lambda: state(world, "one") == (True, True, False))
    await world.client.delete(Pod, "one", "default")
    await world.until(lambda: state(world, "one") == (False, True, True))
    await world.client.delete(Pod, "one", "default", grace_period_seconds=0)
    await world.until(lambda: not endpoints_by_pod(world))
    assert len(slices(world)) == 1, "an empty slice stays"


async def test_unready_pods_can_be_published_as_ready(world: World) -> None:
    await world.start(EndpointSliceController, EndpointsController)
    await running(world, "one", ready=False)
    await world.client.create(service(publishNotReadyAddresses=True))
    await world.until(lambda: state(world, "one") == (True, False, False))
    await world.until(lambda: world.find(Endpoints, "web") and world.get(Endpoints, "web").subsets[0].addresses)
    await world.client.delete(Pod, "one", "default")
    await world.until(lambda: state(world, "one") == (True, False, True))
    assert world.get(Endpoints, "web").subsets[0].addresses, "terminating pods are published too"


async def test_a_slice_holds_at_most_a_hundred_endpoints(world: World) -> None:
    (controller,) = await world.start(EndpointSliceController)
    await world.client.create(service())
    for number in range(120):
        await running(world, f"pod-{number}")
    await world.until(lambda: len(endpoints_by_pod(world)) == 120)
    await world.settle(controller)
    assert sorted(len(piece.endpoints) for piece in slices(world)) == [20, 100]


async def test_named_ports_split_slices_by_number(world: World) -> None:
    await world.start(EndpointSliceController, EndpointsController)
    for name, number in (("one", 8080), ("two", 9090)):
        port = core_v1.ContainerPort(name="web", container_port=number, protocol="TCP")
        await running(world, name, containers=[core_v1.Container(name="main", image="x", ports=[port])])
    await world.client.create(service(ports=[{"name": "http", "port": 80, "targetPort": "web"}]))
    await world.until(lambda: len(endpoints_by_pod(world)) == 2)
    assert sorted(piece.ports[0].port or 0 for piece in slices(world)) == [8080, 9090]
    await world.until(lambda: world.find(Endpoints, "web") and len(world.get(Endpoints, "web").subsets) == 2)


async def test_a_changed_port_changes_the_slice_in_place(world: World) -> None:
    (controller,) = await world.start(EndpointSliceController)
    await running(world, "one")
    await world.client.create(service())
    await world.until(lambda: state(world, "one"))
    name = slices(world)[0].metadata.name
    await world.change(Service, "web", lambda copy: setattr(copy.spec.ports[0], "target_port", 9000))
    await world.until(lambda: slices(world)[0].ports[0].port == 9000)
    await world.settle(controller)
    assert [piece.metadata.name for piece in slices(world)] == [name]


async def test_headless_services_are_marked_and_name_hosts(world: World) -> None:
    await world.start(EndpointSliceController, EndpointsController)
    await running(world, "one", hostname="first", subdomain="web")
    await world.client.create(service(clusterIP="None"))
    await world.until(lambda: state(world, "one"))
    assert slices(world)[0].metadata.labels["service.kubernetes.io/headless"] == ""
    assert endpoints_by_pod(world)["one"].hostname == "first"
    await world.until(lambda: world.find(Endpoints, "web"))
    found = world.get(Endpoints, "web")
    assert found.metadata.labels["service.kubernetes.io/headless"] == ""
    assert found.subsets[0].addresses[0].hostname == "first"


async def test_endpoints_keep_ready_and_unready_apart_and_go_with_the_service(world: World) -> None:
    await world.start(EndpointsController)
    one = await running(world, "one")
    two = await running(world, "two", ready=False)
    await world.client.create(service())
    await world.until(lambda: world.find(Endpoints, "web") and world.get(Endpoints, "web").subsets)
    found = world.get(Endpoints, "web")
    (subset,) = found.subsets
    assert [row.ip for row in subset.addresses] == [one.status.pod_ip]
    assert [row.ip for row in subset.not_ready_addresses] == [two.status.pod_ip]
    assert [(port.name, port.port, port.protocol) for port in subset.ports] == [("http", 8080, "TCP")]
    assert found.metadata.labels == {"team": "a", "endpoints.kubernetes.io/managed-by": "endpoint-controller"}
    await world.client.delete(Pod, "one", "default")
    await world.until(lambda: not world.get(Endpoints, "web").subsets[0].addresses)
    await world.client.delete(Service, "web", "default")
    await world.until(lambda: world.find(Endpoints, "web") is None)


async def test_services_without_selector_are_left_alone(world: World) -> None:
    controllers = await world.start(EndpointsController, EndpointSliceController)
    made = service()
    made.spec.selector = {}
    await world.client.create(made)
    await world.client.create(service("other"))
    await world.until(lambda: slices(world, "other") and world.find(Endpoints, "other"))
    await world.settle(*controllers)
    assert not slices(world) and world.find(Endpoints, "web") is None


async def test_the_kubernetes_service_names_the_api_servers(world: World) -> None:
    controller = KubernetesService(world.context, ApiServerAddress(["192.0.2.1"]))
    await world.run(controller)
    await world.until(lambda: world.find(EndpointSlice, "kubernetes"))
    found = world.get(Service, "kubernetes")
    assert found.spec.cluster_ip == "10.43.0.1" and not found.spec.selector
    assert [(port.name, port.port, port.target_port) for port in found.spec.ports] == [("https", 443, 6443)]
    assert found.metadata.labels == {"component": "apiserver", "provider": "kubernetes"}
    assert world.get(EndpointSlice, "kubernetes").endpoints[0].addresses == ["192.0.2.1"]
    subset = world.get(Endpoints, "kubernetes").subsets[0]
    assert subset.addresses[0].ip == "192.0.2.1" and subset.ports[0].port == 6443
    await world.client.delete(Service, "kubernetes", "default")
    await world.until(lambda: world.find(Service, "kubernetes"))


async def test_endpoints_written_by_hand_are_mirrored_into_slices(world: World) -> None:
    await world.start(EndpointSliceMirroringController, GarbageCollector)
    made = service("legacy")
    made.spec.selector = {}
    await world.client.create(made)
    written = from_document(Endpoints, {
        "metadata": {"name": "legacy", "namespace": "default"},
        "subsets": [{"addresses": [{"ip": "192.0.2.10"}], "notReadyAddresses": [{"ip": "192.0.2.11"}], "ports": [{"port": 5432}]}],
    })
    await world.client.create(written)
    (piece,) = await world.until(lambda: slices(world, "legacy"))
    assert [(row.addresses, row.conditions.ready) for row in piece.endpoints if row.conditions] == [
        (["192.0.2.10"], True), (["192.0.2.11"], False)]
    assert piece.metadata.labels["endpointslice.kubernetes.io/managed-by"] == "endpointslicemirroring-controller.k8s.io"

    def move(copy: Any) -> None:
        copy.subsets[0].addresses[0].ip = "192.0.2.12"

    await world.change(Endpoints, "legacy", move)
    await world.until(lambda: slices(world, "legacy")[0].endpoints[0].addresses == ["192.0.2.12"])
    await world.client.delete(Endpoints, "legacy", "default")
    await world.until(lambda: not slices(world, "legacy"))
