"""All controllers together make a working, quiet cluster."""

from __future__ import annotations

import asyncio

import pytest

from minikube_py.apis import apps_v1, core_v1, discovery_v1, meta_v1
from minikube_py.apis.scheme import from_document
from minikube_py.controllers.run import ControllerOptions, Controllers

from .world import World, deployment

Deployment, Namespace, Node, Pod, Service = apps_v1.Deployment, core_v1.Namespace, core_v1.Node, core_v1.Pod, core_v1.Service


async def start_all(world: World) -> Controllers:
    controllers = Controllers(world.client, world.informers, ControllerOptions("PEM", "192.0.2.1"), world.clock)
    world.run_informers()
    world.spawn(controllers.run())
    await controllers.ready.wait()
    await world.start_kubelet()
    return controllers


async def test_a_namespace_with_a_deployment_and_a_service_lives_and_dies(world: World) -> None:
    await start_all(world)
    await world.client.create(Node(metadata=meta_v1.ObjectMeta(name="node-1")))
    await world.client.create(Namespace(metadata=meta_v1.ObjectMeta(name="team")))
    await world.until(lambda: world.find(core_v1.ServiceAccount, "default", "team"))
    made = deployment("web", 3)
    made.metadata.namespace = "team"
    await world.client.create(made)
    await world.client.create(from_document(Service, {
        "metadata": {"name": "web", "namespace": "team"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    }))
    await world.until(lambda: world.get(Deployment, "web", "team").status.available_replicas == 3)
    slices = lambda: world.list(discovery_v1.EndpointSlice, "team")  # noqa: E731
    await world.until(lambda: slices() and sum(bool(row.conditions and row.conditions.ready) for row in slices()[0].endpoints) == 3)
    await world.client.delete(Namespace, "team")
    await world.until(lambda: world.find(Namespace, "team") is None)
    assert not world.list(Pod, "team") and not slices()


@pytest.mark.looptime
async def test_an_idle_cluster_is_not_written(world: World) -> None:
    controllers = await start_all(world)
    await world.client.create(Node(metadata=meta_v1.ObjectMeta(name="node-1")))
    await world.client.create(deployment("web", 5))
    await world.until(lambda: world.get(Deployment, "web").status.available_replicas == 5)
    # Nobody posts the node's status: by then it is known to be lost.
    await asyncio.sleep(100)
    await world.settle(*controllers.controllers)
    revision = world.revision()
    await asyncio.sleep(3600)
    assert world.revision() == revision
