"""A node's certificates over time: a real Registry, the controllers that approve and sign, files, and a clock that runs with the loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.authorization_v1 import SubjectAccessReviewStatus
from minikube_py.apis.certificates_v1 import CertificateSigningRequest, CertificateSigningRequestCondition
from minikube_py.apiserver.join import JoinEndpoint
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.pki import Pki
from minikube_py.client.certificate_request import CertificateRefusedError, Subject
from minikube_py.client.join import enroll, renew
from minikube_py.client.join_http import JoinError
from minikube_py.client.join_protocol import ClusterSettings
from minikube_py.client.node_credentials import NodeCredentials, load
from minikube_py.controllers.certificates.approving import CertificateApproving
from minikube_py.controllers.certificates.kubelet_serving import KubeletServingApproving
from minikube_py.controllers.certificates.signing import CertificateSigning
from minikube_py.core.files import write_atomic
from minikube_py.kubelet.certificate import KubeletCertificates
from minikube_py.kubelet.certificate.rotations import CLIENT, SERVING
from minikube_py.kubelet.metrics import exposition
from minikube_py.store.memory import MemoryStore
from tests.controllers.world import World

ADDRESS = "192.0.2.7"


class Node:
    """A node that has joined, and what renews its certificates.

    Attributes:
        used: how often the client was to use another certificate, and the server.
        rejoins: how often the node joined again; it cannot while `server_gone`.
    """

    def __init__(self, world: World, home: Path) -> None:
        self.world = world
        self.home = home
        self.used = {"client": 0, "serving": 0}
        self.rejoins = 0
        self.server_gone = False
        self.pki = Pki(home / "server" / "tls", clock=world.clock)

    async def start(self, *, longest: timedelta = timedelta(days=365), sign: bool = True, granted: bool = True) -> None:
        world = self.world
        self.pki.ensure()
        for name in ("default", "kube-system"):
            await world.client.create(core_v1.Namespace(metadata=meta_v1.ObjectMeta(name=name)))
        self.endpoint: Any = JoinEndpoint(self.pki, world.client, None, None, ClusterSettings(), node_name="n")  # type: ignore[arg-type]
        self.credentials = await enroll(self.endpoint.admit_own, "https://server", "n", [ADDRESS], self.home, clock=world.clock)

        async def review(review: Any, *_: Any) -> Any:
            review.status = SubjectAccessReviewStatus(allowed=granted)
            return review

        async def is_claimed(name: str) -> bool:
            return True

        reviewing = LocalClient(world.registry, world.client._subresources, "system:kube-controller-manager", review=review)
        controllers: list[Any] = [
            CertificateApproving(replace(world.context, client=reviewing), is_claimed),
            KubeletServingApproving(world.context, "n", lambda: []),
        ]
        if sign:
            controllers.append(CertificateSigning(world.context, self.pki.sign_request, longest))
        await world.run(*controllers)
        own = LocalClient(world.registry, world.client._subresources, "system:node:n", ("system:nodes",))
        self.certificates = KubeletCertificates(
            self.credentials, own, world.informers.of(core_v1.Node), lambda: self._use("client"), lambda: self._use("serving"),
            self._rejoin, self._fetch_ca, world.clock,
        )
        await self.set_addresses(ADDRESS)
        world.spawn(self.certificates.run())

    def shorten(self, life: timedelta) -> None:
        """Let the node have certificates that end soon."""
        for files, signed in ((self.credentials.client, CLIENT), (self.credentials.serving, SERVING)):
            _, key = files.read()
            names = (ADDRESS, "127.0.0.1", "::1") if signed is SERVING else ()
            dns = ("n", "localhost") if signed is SERVING else ()
            subject = Subject("system:node:n", ("system:nodes",), dns, names)
            pem = subject.request(serialization.load_pem_private_key(key, None))  # type: ignore[arg-type]
            files.replace(self.pki.sign_request(signed.signer_name, pem, signed.usages, None, life), key)

    async def set_addresses(self, *addresses: str) -> None:
        rows = [core_v1.NodeAddress(type="InternalIP", address=address) for address in addresses]
        rows.append(core_v1.NodeAddress(type="Hostname", address="n"))
        if self.world.find(core_v1.Node, "n") is None:
            await self.world.client.create(core_v1.Node(metadata=meta_v1.ObjectMeta(name="n")))
        await self.world.change(core_v1.Node, "n", lambda node: setattr(node.status, "addresses", rows), subresource="status")

    def _use(self, which: str) -> None:
        self.used[which] += 1
        # What is used must be a pair.
        self.credentials.client_ssl_context()
        self.credentials.serving_ssl_context()

    async def _rejoin(self) -> None:
        if self.server_gone:
            raise JoinError("cannot reach the server")
        await renew(self.endpoint.admit_own, "https://server", "n", [ADDRESS], self.home)
        self.rejoins += 1

    async def _fetch_ca(self) -> bytes:
        return self.pki.server_ca.certificate_pem

    def client(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.credentials.client.certificate.read_bytes())

    def serving(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.credentials.serving.certificate.read_bytes())

    def left(self) -> timedelta:
        return min(self.client().not_valid_after_utc, self.serving().not_valid_after_utc) - self.world.clock.now()


@pytest.fixture
def store() -> Iterator[MemoryStore]:
    yield MemoryStore()


@pytest.fixture
async def node(tmp_path: Path, store: MemoryStore) -> AsyncIterator[Node]:
    await store.open()
    world = World(store)
    yield Node(world, tmp_path)
    await world.stop()
    await store.close()


async def pass_time(node: Node, span: timedelta, step: timedelta) -> list[timedelta]:
    """Let time pass; what was left of the certificates at each step."""
    left = []
    for _ in range(span // step):
        await asyncio.sleep(step.total_seconds())
        left.append(node.left())
    return left


@pytest.mark.looptime
async def test_both_certificates_are_renewed_between_70_and_90_percent_of_their_life(node: Node) -> None:
    await node.start(longest=timedelta(hours=2))
    node.shorten(timedelta(hours=2))
    before = node.client(), node.serving()
    await pass_time(node, timedelta(minutes=83), timedelta(minutes=1))
    assert node.used == {"client": 0, "serving": 0}
    await pass_time(node, timedelta(minutes=27), timedelta(minutes=1))
    assert node.used == {"client": 1, "serving": 1}
    for old, new in zip(before, (node.client(), node.serving()), strict=True):
        assert new.public_key() != old.public_key()
        assert new.subject == old.subject
    assert node.rejoins == 0
    told = exposition("", node.certificates.families)[0].decode()
    assert 'kubelet_certificate_manager_server_rotation_seconds_bucket{le="3600"} 0.0' in told
    assert 'kubelet_certificate_manager_server_rotation_seconds_bucket{le="14400"} 1.0' in told
    assert "\nkubelet_server_expiration_renew_errors 0.0" in told
    assert "\nkubelet_certificate_manager_client_expiration_renew_errors 0.0" in told
    ttl = float(re.findall(r"\nkubelet_certificate_manager_client_ttl_seconds (\S+)", told)[0])
    assert ttl == pytest.approx(node.certificates.client.ttl_s(), abs=1)


async def test_certificates_of_a_join_live_a_year_although_they_are_valid_since_1970(node: Node) -> None:
    await node.start()
    year_s = 365 * 86400
    assert 0.69 * year_s < node.certificates.client.due_in_s() < 0.9 * year_s


@pytest.mark.looptime
async def test_short_lived_certificates_follow_each_other_and_one_is_always_good(node: Node) -> None:
    await node.start(longest=timedelta(minutes=20))
    node.shorten(timedelta(minutes=20))
    left = await pass_time(node, timedelta(hours=4), timedelta(minutes=1))
    assert min(left) > timedelta(0)
    assert node.used["client"] >= 10
    assert node.used["serving"] >= 10
    assert node.rejoins == 0


@pytest.mark.looptime
async def test_a_new_address_gets_a_new_serving_certificate_at_once(node: Node) -> None:
    await node.start()
    await node.set_addresses(ADDRESS, "192.0.2.99")
    await asyncio.sleep(61)
    names = node.serving().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(ip) for ip in names.get_values_for_type(x509.IPAddress)} == {"127.0.0.1", "::1", ADDRESS, "192.0.2.99"}
    assert node.used == {"client": 0, "serving": 1}


@pytest.mark.looptime
async def test_certificates_that_somebody_took_away_are_made_anew(node: Node) -> None:
    await node.start()
    old = node.client()
    for pair in (node.credentials.client, node.credentials.serving):
        pair.certificate.unlink()
        pair.key.unlink()
    await asyncio.sleep(61)
    assert node.client().public_key() != old.public_key()
    assert node.rejoins >= 1


@pytest.mark.looptime
async def test_where_nobody_approves_or_signs_the_node_joins_again_in_the_last_tenth(node: Node) -> None:
    await node.start(sign=False, granted=False)
    node.shorten(timedelta(hours=2))
    # Early enough that there are failures before the last tenth.
    for rotation in (node.certificates.client, node.certificates.serving):
        rotation._share = 0.7
    left = await pass_time(node, timedelta(hours=3), timedelta(minutes=1))
    assert min(left) >= timedelta(minutes=3)
    assert node.rejoins >= 1
    assert node.certificates.client.renew_errors > 0 and node.certificates.serving.renew_errors > 0


@pytest.mark.looptime
async def test_a_failure_leaves_the_old_certificate_and_an_end_is_no_end(node: Node) -> None:
    """The server is away past the end of the certificates; when it is back, the node is too."""
    await node.start(sign=False)
    node.server_gone = True
    node.shorten(timedelta(hours=2))
    before = node.client()
    await pass_time(node, timedelta(hours=3), timedelta(minutes=1))
    assert node.client() == before
    assert node.left() < timedelta(0)
    node.server_gone = False
    await asyncio.sleep(1200)
    assert node.left() > timedelta(days=360)


@pytest.mark.looptime
async def test_a_denied_request_is_an_error_that_says_why(node: Node) -> None:
    await node.start(sign=False, granted=False)
    task = asyncio.create_task(node.certificates.client.renew())
    request = await node.world.until(lambda: node.world.list(CertificateSigningRequest))

    def deny(obj: CertificateSigningRequest) -> None:
        obj.status.conditions = [
            CertificateSigningRequestCondition(type="Denied", status="True", reason="Because", message="of reasons")
        ]

    await node.world.change(CertificateSigningRequest, request[0].metadata.name, deny, subresource="approval")
    with pytest.raises(CertificateRefusedError, match="was not signed: Denied: Because: of reasons"):
        await task


@pytest.mark.looptime
async def test_a_certificate_for_another_key_does_not_replace_the_pair(node: Node) -> None:
    await node.start(sign=False)
    before = node.credentials.client.read()
    task = asyncio.create_task(node.certificates.client.renew())
    name = (await node.world.until(lambda: node.world.list(CertificateSigningRequest)))[0].metadata.name
    await node.world.until(lambda: node.world.get(CertificateSigningRequest, name).status.conditions)
    await node.world.change(
        CertificateSigningRequest, name, lambda obj: setattr(obj.status, "certificate", before[0]), subresource="status"
    )
    with pytest.raises(CertificateRefusedError, match="is for another key"):
        await task
    assert node.credentials.client.read() == before


@pytest.mark.looptime
async def test_other_authorities_of_the_cluster_reach_the_node(node: Node) -> None:
    await node.start()
    more = node.pki.server_ca.certificate_pem + node.pki.client_ca.certificate_pem
    write_atomic(node.pki.server_ca.certificate, more)
    await asyncio.sleep(3601)
    assert node.credentials.server_ca.read_bytes() == more
    assert node.rejoins == 1


@pytest.mark.looptime
@pytest.mark.parametrize("written", [1, 2, 3])
async def test_a_pair_is_the_old_one_or_the_new_one_wherever_a_crash_comes(
    node: Node, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    await node.start()
    old, files = node.credentials.client.read(), node.credentials.client
    new = node.credentials.serving.read()
    writes = 0

    def crash(path: Path, content: bytes, mode: int = 0o600) -> None:
        nonlocal writes
        writes += 1
        if writes == written:
            raise OSError("power cut")
        write_atomic(path, content, mode)

    monkeypatch.setattr("minikube_py.client.node_credentials.write_atomic", crash)
    with pytest.raises(OSError, match="power cut"):
        files.replace(*new)
    monkeypatch.undo()
    again = load(node.home / "agent", "https://server", "n", [ADDRESS], "")
    assert isinstance(again, NodeCredentials)
    assert again.client.read() == (old if written == 1 else new)
    assert not [path for path in (node.home / "agent").iterdir() if path.suffix == ".pending"]
