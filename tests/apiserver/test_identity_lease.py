"""The lease by which an API server tells that it is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from minikube_py.apis.coordination_v1 import Lease, LeaseSpec
from minikube_py.apis.core_v1 import Namespace
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apiserver.identity_lease import IdentityLease, server_name
from minikube_py.core.clock import rfc3339_micro
from minikube_py.core.errors import NotFoundError
from tests.conftest import ControlPlane

IDENTITY = "apiserver.kubernetes.io/identity"


@pytest.fixture(autouse=True)
async def system(control_plane: ControlPlane) -> None:
    await control_plane.client.create(Namespace(metadata=ObjectMeta(name="kube-system")))


class MovableClock:
    def __init__(self) -> None:
        self.moment = datetime(2026, 6, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


def test_the_name_is_made_of_the_host_and_the_component() -> None:
    name = server_name("host-1")
    assert name.removeprefix("apiserver-").isalnum() and len(name) == 36
    assert name != server_name("host-2")


async def test_a_process_replaces_the_lease_of_the_one_before_and_renews_its_own(control_plane: ControlPlane) -> None:
    client, clock = control_plane.client, MovableClock()
    before, server = IdentityLease(client, clock, "box"), IdentityLease(client, clock, "box")
    await before.renew()
    old = await client.get(Lease, server_name("box"), "kube-system")
    await server.renew()
    new = await client.get(Lease, server_name("box"), "kube-system")
    assert new.metadata.labels == {IDENTITY: "kube-apiserver", "kubernetes.io/hostname": "box"}
    assert new.spec.lease_duration_seconds == 3600 and new.spec.holder_identity != old.spec.holder_identity
    assert new.spec.holder_identity is not None and new.spec.holder_identity.startswith(f"{server_name('box')}_")
    new.metadata.labels["mine"] = "1"
    await client.update(new)
    clock.moment += timedelta(seconds=10)
    await server.renew()
    renewed = await client.get(Lease, server_name("box"), "kube-system")
    assert renewed.spec == LeaseSpec(
        holder_identity=new.spec.holder_identity, lease_duration_seconds=3600, renew_time="2026-06-01T00:00:10.000000Z")
    assert renewed.metadata.labels["mine"] == "1"


async def test_a_lease_that_somebody_deletes_is_made_again(control_plane: ControlPlane) -> None:
    client, server = control_plane.client, IdentityLease(control_plane.client, MovableClock(), "box")
    await server.renew()
    await client.delete(Lease, server_name("box"), "kube-system")
    with pytest.raises(NotFoundError):
        await server.renew()
    await server.renew()
    assert await client.get(Lease, server_name("box"), "kube-system")


@pytest.mark.parametrize(("minutes", "duration", "namespace", "identity", "stays"), [
    (2, 3600, "kube-system", "kube-apiserver", True), (120, 3600, "kube-system", "kube-apiserver", False),
    (None, 3600, "kube-system", "kube-apiserver", False), (2, None, "kube-system", "kube-apiserver", False),
    (-7970 * 365 * 1440, 2**31 - 1, "kube-system", "kube-apiserver", True),
    (120, 3600, "default", "kube-apiserver", True), (120, 3600, "kube-system", "another", True), (120, 3600, "kube-system", "", True),
])
async def test_leases_of_servers_that_are_gone_go(
    control_plane: ControlPlane, minutes: int | None, duration: int | None, namespace: str, identity: str, *, stays: bool
) -> None:
    client, clock = control_plane.client, MovableClock()
    renewed = "" if minutes is None else rfc3339_micro(clock.now() - timedelta(minutes=minutes))
    await client.create(Lease(
        metadata=ObjectMeta(name="other", namespace=namespace, labels={IDENTITY: identity} if identity else {}),
        spec=LeaseSpec(holder_identity="other", lease_duration_seconds=duration, renew_time=renewed),
    ))
    await IdentityLease(client, clock, "box").collect()
    assert [lease.metadata.name for lease in await client.list(Lease, namespace)] == ["other"] * stays
