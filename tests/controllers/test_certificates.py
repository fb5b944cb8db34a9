"""CertificateSigningRequests: who gets one without a human, what is signed, and when requests go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from minikube_py.apis import core_v1, meta_v1
from minikube_py.apis.authorization_v1 import SubjectAccessReview, SubjectAccessReviewStatus
from minikube_py.apis.certificates_v1 import CertificateSigningRequest as Request
from minikube_py.apis.certificates_v1 import CertificateSigningRequestCondition as Condition
from minikube_py.apis.signing_requests import KUBE_APISERVER_CLIENT, KUBELET_CLIENT, KUBELET_SERVING
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.pki import Pki
from minikube_py.controllers.certificates.approving import CertificateApproving, IsClaimed
from minikube_py.controllers.certificates.cleaning import CertificateCleaning
from minikube_py.controllers.certificates.kubelet_serving import KubeletServingApproving
from minikube_py.controllers.certificates.signing import CertificateSigning
from minikube_py.core.clock import rfc3339

from .certificate_requests import CLIENT_USAGES, SERVING_USAGES, request_pem, signing_request
from .world import World

NODE_N = ("system:node:n", ["system:nodes"])


def as_user(world: World, user: str, *groups: str) -> LocalClient:
    return LocalClient(world.registry, world.client._subresources, user, groups)


async def decide(world: World, name: str, *kinds: str) -> None:
    def add(request: Request) -> None:
        now = rfc3339(world.clock.now())
        request.status.conditions += [Condition(type=kind, status="True", reason="Test", last_update_time=now) for kind in kinds]

    await world.change(Request, name, add, subresource="approval")


class Reviews:
    """Grants each of `granted` to everybody, and remembers what was asked."""

    def __init__(self, *granted: str) -> None:
        self.granted = granted
        self.asked: list[Any] = []

    async def review(self, review: Any, user: UserInfo, namespace: str) -> Any:
        assert isinstance(review, SubjectAccessReview)
        self.asked.append(review.spec)
        attributes = review.spec.resource_attributes
        assert attributes is not None
        review.status = SubjectAccessReviewStatus(allowed=attributes.subresource in self.granted)
        return review


async def start_approving(world: World, reviews: Reviews, is_claimed: IsClaimed) -> CertificateApproving:
    client = LocalClient(world.registry, world.client._subresources, "system:kube-controller-manager", review=reviews.review)
    controller = CertificateApproving(replace(world.context, client=client), is_claimed)
    await world.run(controller)
    return controller


async def nobody(name: str) -> bool:
    return False


@pytest.fixture
async def pki(tmp_path: Path, world: World) -> Pki:
    made = Pki(tmp_path / "tls", clock=world.clock)
    made.ensure()
    return made


async def start_signing(world: World, pki: Pki, longest: timedelta = timedelta(days=365)) -> None:
    await world.run(CertificateSigning(world.context, pki.sign_request, longest))


async def signed(world: World, name: str) -> x509.Certificate:
    request = await world.until(lambda: (found := world.get(Request, name)) and found.status.certificate and found)
    return x509.load_pem_x509_certificate(request.status.certificate)


@pytest.mark.parametrize(("signer", "ca", "pem", "usages"), [
    (KUBE_APISERVER_CLIENT, "client_ca", request_pem("jane", ["dev"]), ["client auth"]),
    (KUBELET_CLIENT, "client_ca", request_pem(*NODE_N), CLIENT_USAGES),
    (KUBELET_SERVING, "server_ca", request_pem(*NODE_N, ips=["192.0.2.1"], dns=["n"]), [*SERVING_USAGES, "key encipherment"]),
])
async def test_an_approved_request_is_signed_by_its_signer_as_it_asks(
    world: World, pki: Pki, signer: str, ca: str, pem: bytes, usages: Sequence[str]
) -> None:
    await start_signing(world, pki)
    await world.client.create(signing_request("r", signer, pem, usages))
    await decide(world, "r", "Approved")
    certificate = await signed(world, "r")
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(getattr(pki, ca).certificate_pem))
    asked = x509.load_pem_x509_csr(pem)
    assert certificate.subject == asked.subject
    assert certificate.public_key() == asked.public_key()
    extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert len(list(extended)) == 1
    if signer == KUBELET_SERVING:
        bits = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        assert bits.digital_signature
        assert bits.key_encipherment
        assert not bits.key_agreement
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        assert names.value == asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    else:
        with pytest.raises(x509.ExtensionNotFound):
            certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert basic.critical
    assert not basic.value.ca
    if signer == KUBE_APISERVER_CLIENT:
        with pytest.raises(x509.ExtensionNotFound):
            certificate.extensions.get_extension_for_class(x509.KeyUsage)


@pytest.mark.parametrize(("asked", "longest", "lives"), [
    (None, timedelta(days=365), timedelta(days=365, minutes=-5)), (3600, timedelta(days=365), timedelta(hours=1)),
    (86400 * 400, timedelta(days=365), timedelta(days=365, minutes=-5)), (None, timedelta(seconds=30), timedelta(seconds=30)),
    (86400, timedelta(hours=1), timedelta(hours=1)), (7 * 3600, timedelta(days=1), timedelta(hours=7)),
])
async def test_a_certificate_lives_as_asked_within_the_signing_duration_and_is_valid_since_five_minutes(
    world: World, pki: Pki, asked: int | None, longest: timedelta, lives: timedelta
) -> None:
    await start_signing(world, pki, longest)
    await world.client.create(signing_request("r", KUBE_APISERVER_CLIENT, request_pem("jane"), ["client auth"], asked))
    now = world.clock.now()
    await decide(world, "r", "Approved")
    certificate = await signed(world, "r")
    second = timedelta(seconds=1)
    assert abs(certificate.not_valid_before_utc - (now - timedelta(minutes=5))) <= second
    assert abs(certificate.not_valid_after_utc - (now + lives)) <= second


@pytest.mark.parametrize(("signer", "pem", "usages", "message"), [
    (KUBE_APISERVER_CLIENT, request_pem("j"), ["client auth", "server auth"], "invalid usage for client certificate: server auth"),
    (KUBE_APISERVER_CLIENT, request_pem("j"), ["digital signature"], "missing required usage for client certificate: client auth"),
    (KUBELET_CLIENT, request_pem("system:node:n"), CLIENT_USAGES, "subject organization is not system:nodes"),
    (KUBELET_CLIENT, request_pem("n", ["system:nodes"]), CLIENT_USAGES, "subject common name does not begin with system:node:"),
    (KUBELET_CLIENT, request_pem(*NODE_N, dns=["n"]), CLIENT_USAGES, "DNS subjectAltNames are not allowed"),
    (KUBELET_CLIENT, request_pem(*NODE_N, ips=["192.0.2.1"]), CLIENT_USAGES, "IP subjectAltNames are not allowed"),
    (KUBELET_CLIENT, request_pem(*NODE_N, names=[x509.RFC822Name("a@b")]), CLIENT_USAGES, "Email subjectAltNames are not allowed"),
    (KUBELET_CLIENT, request_pem(*NODE_N), ["client auth"],
     "usages did not match [client auth digital signature key encipherment]"),
    (KUBELET_SERVING, request_pem(*NODE_N), SERVING_USAGES, "DNS or IP subjectAltName is required"),
    (KUBELET_SERVING, request_pem(*NODE_N, dns=["n"], names=[x509.UniformResourceIdentifier("spiffe://x")]), SERVING_USAGES,
     "URI subjectAltNames are not allowed"),
    (KUBELET_SERVING, request_pem(*NODE_N, dns=["n"]), CLIENT_USAGES,
     "usages did not match [digital signature key encipherment server auth]"),
])
async def test_what_a_signer_does_not_take_fails_with_its_reason(
    world: World, pki: Pki, signer: str, pem: bytes, usages: Sequence[str], message: str
) -> None:
    await start_signing(world, pki)
    await world.client.create(signing_request("r", signer, pem, usages))
    await decide(world, "r", "Approved")
    request = await world.until(lambda: len((found := world.get(Request, "r")).status.conditions) == 2 and found)
    failed = request.status.conditions[1]
    assert (failed.type, failed.status, failed.reason, failed.message) == ("Failed", "True", "SignerValidationFailure", message)
    assert not request.status.certificate


async def test_undecided_denied_and_foreign_requests_stay_as_they_are(world: World, pki: Pki) -> None:
    [controller] = [CertificateSigning(world.context, pki.sign_request, timedelta(days=1))]
    await world.run(controller)
    pem = request_pem("jane")
    await world.client.create(signing_request("undecided", KUBE_APISERVER_CLIENT, pem, ["client auth"]))
    await world.client.create(signing_request("denied", KUBE_APISERVER_CLIENT, pem, ["client auth"]))
    await world.client.create(signing_request("foreign", "example.com/signer", pem, ["client auth"]))
    await decide(world, "denied", "Denied")
    await decide(world, "foreign", "Approved")
    await world.settle(controller)
    assert [bool(request.status.certificate) for request in world.list(Request)] == [False, False, False]


async def test_what_the_request_adds_beside_its_names_is_dropped(world: World, pki: Pki) -> None:
    await start_signing(world, pki)
    pem = request_pem("jane", more=[x509.BasicConstraints(ca=True, path_length=None)])
    await world.client.create(signing_request("r", KUBE_APISERVER_CLIENT, pem, ["client auth"]))
    await decide(world, "r", "Approved")
    certificate = await signed(world, "r")
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca


@pytest.mark.parametrize(("user", "groups", "granted", "message"), [
    ("system:node:n", ("system:nodes",), "selfnodeclient",
     "Auto approving self kubelet client certificate after SubjectAccessReview."),
    ("system:bootstrap:abcdef", ("system:bootstrappers",), "nodeclient",
     "Auto approving kubelet client certificate after SubjectAccessReview."),
])
async def test_kubelet_client_certificates_are_approved_by_an_access_review(
    world: World, user: str, groups: tuple[str, ...], granted: str, message: str
) -> None:
    reviews = Reviews(granted)
    await start_approving(world, reviews, nobody)
    await as_user(world, user, *groups).create(signing_request("r", KUBELET_CLIENT, request_pem(*NODE_N), CLIENT_USAGES))
    request = await world.until(lambda: (found := world.get(Request, "r")).status.conditions and found)
    [condition] = request.status.conditions
    assert (condition.type, condition.status, condition.reason, condition.message) == ("Approved", "True", "AutoApproved", message)
    asked = reviews.asked[-1]
    assert (asked.user, tuple(asked.groups)) == (user, groups)
    assert (asked.resource_attributes.verb, asked.resource_attributes.group, asked.resource_attributes.resource) == (
        "create", "certificates.k8s.io", "certificatesigningrequests"
    )


@pytest.mark.parametrize(("user", "granted", "claimed", "pem"), [
    ("jane", (), False, request_pem(*NODE_N)),  # nobody granted it
    ("system:node:m", ("selfnodeclient",), False, request_pem(*NODE_N)),  # another node's name
    ("system:bootstrap:abcdef", ("nodeclient",), True, request_pem(*NODE_N)),  # a machine with a password has this name
    ("jane", ("nodeclient", "selfnodeclient"), False, request_pem("jane")),  # not a kubelet's
])
async def test_other_requests_are_left_to_humans(world: World, user: str, granted: tuple[str, ...], claimed: bool, pem: bytes) -> None:
    async def is_claimed(name: str) -> bool:
        assert name == "n"
        return claimed

    controller = await start_approving(world, Reviews(*granted), is_claimed)
    await as_user(world, user).create(signing_request("r", KUBELET_CLIENT, pem, CLIENT_USAGES))
    await world.settle(controller)
    assert world.get(Request, "r").status.conditions == []


@pytest.mark.looptime
async def test_who_is_permitted_later_is_approved_then(world: World) -> None:
    reviews = Reviews()
    controller = await start_approving(world, reviews, nobody)
    await as_user(world, "jane").create(signing_request("r", KUBELET_CLIENT, request_pem(*NODE_N), CLIENT_USAGES))
    await world.settle(controller)
    assert world.get(Request, "r").status.conditions == []
    reviews.granted = ("nodeclient",)
    await world.until(lambda: world.get(Request, "r").status.conditions, timeout_s=61)


def node(name: str, *addresses: tuple[str, str]) -> core_v1.Node:
    rows = [core_v1.NodeAddress(type=kind, address=address) for kind, address in addresses]
    return core_v1.Node(metadata=meta_v1.ObjectMeta(name=name), status=core_v1.NodeStatus(addresses=rows))


async def make_node(world: World, made: core_v1.Node) -> None:
    await world.client.create(made)
    await world.change(core_v1.Node, made.metadata.name, lambda it: setattr(it.status, "addresses", made.status.addresses),
                       subresource="status")


N_ADDRESSES = (("InternalIP", "192.0.2.1"), ("InternalIP", "2001:db8::1"), ("Hostname", "n"), ("ExternalIP", "203.0.113.1"),
               ("InternalDNS", "n.example"))


async def start_serving(world: World) -> KubeletServingApproving:
    controller = KubeletServingApproving(world.context, "server", lambda: ["192.0.2.9", "kubernetes", "localhost", "127.0.0.1"])
    await world.run(controller)
    return controller


async def test_a_node_gets_a_serving_certificate_for_its_own_addresses_once_they_are_known(world: World) -> None:
    controller = await start_serving(world)
    pem = request_pem(*NODE_N, dns=["n", "n.example", "localhost"], ips=["192.0.2.1", "2001:db8:0::1", "127.0.0.1"])
    await as_user(world, "system:node:n", "system:nodes").create(signing_request("r", KUBELET_SERVING, pem, SERVING_USAGES))
    await world.settle(controller)
    assert world.get(Request, "r").status.conditions == []
    await make_node(world, node("n", *N_ADDRESSES))
    request = await world.until(lambda: (found := world.get(Request, "r")).status.conditions and found)
    assert (request.status.conditions[0].type, request.status.conditions[0].reason) == ("Approved", "AutoApproved")


@pytest.mark.parametrize(("user", "groups", "dns", "ips"), [
    ("system:node:n", ("system:nodes",), ["kubernetes"], ["192.0.2.1"]),  # no name of the node
    ("system:node:n", ("system:nodes",), ["n"], ["192.0.2.9"]),  # it says that it has the server's address
    ("system:node:n", ("system:nodes",), ["n"], ["192.0.2.2"]),  # it says that it has another node's address
    ("system:node:n", ("system:nodes",), ["*.default.svc"], []),  # it says that it has each service's name
    ("system:node:n", ("system:nodes",), ["web.default.svc"], []),  # or the name of one
    ("system:node:m", ("system:nodes",), ["n"], ["192.0.2.1"]),  # another node asks
    ("system:node:n", (), ["n"], ["192.0.2.1"]),  # no node asks
])
async def test_names_of_others_are_left_to_humans(
    world: World, user: str, groups: tuple[str, ...], dns: list[str], ips: list[str]
) -> None:
    controller = await start_serving(world)
    await make_node(world, node("m", ("InternalIP", "192.0.2.2")))
    claims = [("ExternalIP", address) for address in ("192.0.2.9", "192.0.2.2")]
    claims += [("InternalDNS", name) for name in ("*.default.svc", "web.default.svc")]
    await make_node(world, node("n", *N_ADDRESSES, *claims))
    pem = request_pem(*NODE_N, dns=dns, ips=ips)
    await as_user(world, user, *groups).create(signing_request("r", KUBELET_SERVING, pem, SERVING_USAGES))
    await world.settle(controller)
    assert world.get(Request, "r").status.conditions == []


@pytest.mark.looptime
@pytest.mark.parametrize(("kinds", "issued", "hours"), [
    ((), False, 24), (("Denied",), False, 1), (("Approved",), True, 1), (("Approved", "Failed"), False, 1),
])
async def test_requests_go_when_they_have_had_their_time(
    world: World, pki: Pki, kinds: tuple[str, ...], issued: bool, hours: int
) -> None:
    await world.start(CertificateCleaning)
    await world.client.create(signing_request("r", "example.com/signer", request_pem("jane"), ["client auth"]))
    await world.client.create(signing_request("waiting", "example.com/signer", request_pem("jane"), ["client auth"]))
    await decide(world, "waiting", "Approved")  # another signer may take its time
    made = world.clock.now()
    if kinds:
        await decide(world, "r", *kinds)
    if issued:
        pem = pki.sign_request(KUBE_APISERVER_CLIENT, request_pem("jane"), ["client auth"], None, timedelta(days=9))
        await world.change(Request, "r", lambda it: setattr(it.status, "certificate", pem), subresource="status")
    await world.until(lambda: world.find(Request, "r") is None, timeout_s=30 * 3600)
    assert timedelta(hours=hours) <= world.clock.now() - made <= timedelta(hours=hours, seconds=5)
    assert world.find(Request, "waiting")


@pytest.mark.looptime
async def test_a_request_goes_with_the_end_of_its_certificate(world: World, pki: Pki) -> None:
    await world.start(CertificateCleaning)
    await world.client.create(signing_request("r", "example.com/signer", request_pem("jane"), ["client auth"]))
    await decide(world, "r", "Approved")
    pem = pki.sign_request(KUBE_APISERVER_CLIENT, request_pem("jane"), ["client auth"], None, timedelta(minutes=20))
    made = world.clock.now()
    await world.change(Request, "r", lambda it: setattr(it.status, "certificate", pem), subresource="status")
    await world.until(lambda: world.find(Request, "r") is None, timeout_s=3600)
    assert timedelta(minutes=20) <= world.clock.now() - made <= timedelta(minutes=20, seconds=5)
