"""The ranges of cluster IPs are objects, and so is every address that a service holds."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from minikube_py.apis.core_v1 import Event, Service
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.networking_v1 import IPAddress, ParentReference, ServiceCIDR, ServiceCIDRSpec
from minikube_py.apis.scheme import deep_copy, from_document
from minikube_py.controllers.service_cidrs import DefaultServiceCidr, ServiceAddresses, ServiceCidrController

from .world import World


def cidr(name: str, *cidrs: str) -> ServiceCIDR:
    return ServiceCIDR(metadata=ObjectMeta(name=name), spec=ServiceCIDRSpec(cidrs=list(cidrs)))


def service(name: str, ip: str = "") -> Service:
    return from_document(Service, {
        "metadata": {"name": name, "namespace": "default"}, "spec": {"clusterIP": ip, "ports": [{"port": 80}]},
    })


def ready(world: World, name: str) -> list[tuple[str, str, str]]:
    found = world.find(ServiceCIDR, name)
    return [] if found is None else [(row.status, row.reason, row.message) for row in found.status.conditions if row.type == "Ready"]


READY = [("True", "", "Kubernetes Service CIDR is ready")]


async def test_the_range_of_the_options_is_an_object_that_is_ready(world: World) -> None:
    await world.run(DefaultServiceCidr(world.context, "10.43.0.0/16"), ServiceCidrController(world.context))
    await world.until(lambda: ready(world, "kubernetes") == READY)
    found = world.get(ServiceCIDR, "kubernetes")
    assert (found.spec.cidrs, found.metadata.finalizers) == (["10.43.0.0/16"], ["networking.k8s.io/service-cidr-finalizer"])


async def test_another_default_range_stays_and_is_told_of(world: World) -> None:
    await world.client.create(cidr("kubernetes", "10.96.0.0/16"))
    await world.run(DefaultServiceCidr(world.context, "10.43.0.0/16"))
    await world.until(lambda: world.list(Event))
    assert [(event.reason, event.message) for event in world.list(Event)] == [(
        "KubernetesDefaultServiceCIDRInconsistent",
        "The default ServiceCIDR [10.96.0.0/16] does not match the controller flag configurations [10.43.0.0/16]",
    )]
    assert world.get(ServiceCIDR, "kubernetes").spec.cidrs == ["10.96.0.0/16"]


@pytest.mark.looptime
async def test_a_range_goes_when_no_address_depends_on_it(world: World) -> None:
    await world.run(DefaultServiceCidr(world.context, "10.43.0.0/16"))
    await world.start(ServiceCidrController, ServiceAddresses)
    await world.client.create(cidr("extra", "192.0.2.0/24"))
    await world.until(lambda: ready(world, "extra") == READY)
    await world.client.create(service("one", "192.0.2.10"))
    await world.until(lambda: world.find(IPAddress, "192.0.2.10"))
    await world.client.delete(ServiceCIDR, "extra")
    await world.until(lambda: ready(world, "extra") == [(
        "False", "Terminating",
        "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR")])
    await world.client.delete(Service, "one", "default")
    await world.until(lambda: world.find(ServiceCIDR, "extra") is None)


@pytest.mark.looptime
async def test_a_range_within_another_goes_whatever_its_addresses(world: World) -> None:
    await world.start(ServiceCidrController, ServiceAddresses)
    for made in (cidr("wide", "192.0.2.0/24"), cidr("narrow", "192.0.2.0/28")):
        await world.client.create(made)
    await world.until(lambda: ready(world, "narrow") == READY)
    await world.client.create(service("one", "192.0.2.5"))
    await world.until(lambda: world.find(IPAddress, "192.0.2.5"))
    await world.client.delete(ServiceCIDR, "narrow")
    await world.until(lambda: world.find(ServiceCIDR, "narrow") is None)


async def test_who_has_made_a_service_finds_the_object_of_its_address(world: World) -> None:
    made = await world.client.create(service("one"))
    ip = made.spec.cluster_ip
    found = world.get(IPAddress, ip)
    assert found.spec.parent_ref == ParentReference(resource="services", namespace="default", name="one")
    assert found.metadata.uid and found.metadata.creation_timestamp == made.metadata.creation_timestamp
    assert [(entry.manager, entry.operation) for entry in found.metadata.managed_fields] == [("kube-apiserver", "Update")]
    made = deep_copy(made)
    made.spec = replace(made.spec, type="ExternalName", external_name="example.com", ip_families=[], ip_family_policy=None)
    changed = deep_copy(await world.client.update(made))
    assert world.find(IPAddress, ip) is None
    changed.spec = replace(changed.spec, type="ClusterIP", external_name="", cluster_ip=ip)
    await world.client.update(changed)
    assert world.get(IPAddress, ip).metadata.uid != found.metadata.uid
    await world.client.delete(Service, "one", "default")
    assert world.find(IPAddress, ip) is None


async def test_every_cluster_ip_has_its_address_object(world: World) -> None:
    await world.client.create(service("before"))
    await world.start(ServiceAddresses)
    made = await world.client.create(service("one"))
    ip = made.spec.cluster_ip
    found = await world.until(lambda: world.find(IPAddress, ip))
    assert found.spec.parent_ref == ParentReference(resource="services", namespace="default", name="one")
    assert found.metadata.labels == {
        "ipaddress.kubernetes.io/ip-family": "IPv4", "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"}
    await world.until(lambda: len(world.list(IPAddress)) == 2)
    await world.client.delete(IPAddress, ip)
    await world.until(lambda: world.find(IPAddress, ip) and world.get(IPAddress, ip).metadata.uid != found.metadata.uid)
    await world.client.delete(Service, "one", "default")
    await world.until(lambda: world.find(IPAddress, ip) is None)
    # The next holder of the address is named at once.
    await world.client.create(service("two", ip))
    await world.until(lambda: world.find(IPAddress, ip) and world.get(IPAddress, ip).spec.parent_ref.name == "two")


async def test_addresses_of_others_are_left_alone_and_leaked_ones_go(world: World) -> None:
    (controller,) = await world.start(ServiceAddresses)
    for name, labels in (("192.0.2.1", {}), ("192.0.2.2", {"ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io"})):
        await world.client.create(from_document(IPAddress, {
            "metadata": {"name": name, "labels": labels},
            "spec": {"parentRef": {"resource": "services", "namespace": "default", "name": "gone"}},
        }))
    await world.until(lambda: world.find(IPAddress, "192.0.2.2") is None)
    await world.settle(controller)
    assert world.find(IPAddress, "192.0.2.1") is not None


async def test_an_address_with_a_finalizer_stays_until_that_is_gone(world: World) -> None:
    await world.start(ServiceAddresses)
    await world.client.create(service("one", "10.43.0.77"))
    kept = deep_copy(world.get(IPAddress, "10.43.0.77"))
    kept.metadata.finalizers = ["example.com/mine"]
    kept = await world.client.update(kept)
    await world.client.delete(Service, "one", "default")
    await world.until(lambda: world.get(IPAddress, "10.43.0.77").metadata.deletion_timestamp)
    left = deep_copy(world.get(IPAddress, "10.43.0.77"))
    left.metadata.finalizers = []
    await world.client.update(left)
    assert world.find(IPAddress, "10.43.0.77") is None
