"""TLS of the API server: certificates for the names that clients ask for, versions and cipher suites."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from minikube_py.apiserver.authentication.peer import PeerCertificates
from minikube_py.apiserver.options import ApiServerArgs
from minikube_py.apiserver.pki import Pki, signing
from minikube_py.apiserver.pki.profiles import profile
from minikube_py.apiserver.serving import Serving
from minikube_py.kubelet.auth.options import AuthOptions
from minikube_py.kubelet.options import KubeletOptions

from .authentication.certificates import TestAuthority
from .authentication.test_peer import seen_by_server
from .lab import PATIENCE_S


@pytest.fixture
def authority() -> TestAuthority:
    return TestAuthority("another")


@pytest.fixture
def pair(tmp_path: Path, authority: TestAuthority) -> Any:
    """Writes certificate and key for a common name and further names; gives the flag's value for them."""

    def write(common_name: str, *names: str) -> str:
        key = signing.new_key()
        wanted = profile(common_name, "server", (), names)
        certificate = signing.sign(authority.authority, signing.public_key_of(key), wanted, datetime.now(UTC), timedelta(days=1))
        files = [tmp_path / f"{common_name.replace('*', 'any')}.{ending}" for ending in ("crt", "key")]
        for path, content in zip(files, (certificate, key), strict=True):
            path.write_bytes(content)
        return ",".join(map(str, files))

    return write


def serving(pki: Pki, *arguments: str) -> Serving:
    return Serving(ApiServerArgs.parse(arguments).serving, pki.accepting_ssl_context, pki.server_ssl_context())


async def shown(server: Serving, name: str | None) -> str:
    """The common name of the certificate that a client sees who asks for a name."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=server.context) as listener:
        port = listener.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
    (found,) = x509.load_der_x509_certificate(der).subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(found.value)


async def test_each_name_has_its_certificate(pki: Pki, pair: Any) -> None:
    server = serving(
        pki, f"tls-sni-cert-key={pair('first.test', 'second.test', '*.wild.test')}",
        f"tls-sni-cert-key={pair('given', 'not.test')}:second.test, *.given.test", f"tls-sni-cert-key={pair('late', 'first.test')}",
    )
    for name, certificate in (
        ("first.test", "first.test"), ("FIRST.test", "first.test"), ("a.wild.test", "first.test"), ("a.b.wild.test", "kube-apiserver"),
        ("second.test", "given"), ("a.given.test", "given"), ("given.test", "kube-apiserver"), ("not.test", "kube-apiserver"),
        ("late", "late"), ("localhost", "kube-apiserver"), (None, "kube-apiserver"),
    ):
        assert await shown(server, name) == certificate, name


async def test_clients_are_known_by_whatever_name_they_come(pki: Pki, pair: Any, authority: TestAuthority) -> None:
    server = serving(pki, f"tls-sni-cert-key={pair('first.test', 'first.test')}")
    clients = TestAuthority("clients")
    server.trust(clients.pem)
    peers = PeerCertificates(clients.pem)
    for trusted, name in ((pki.server_ca.certificate_pem, "localhost"), (authority.pem, "first.test")):
        assert (await seen_by_server(server.context, clients.client(trusted, "joe"), peers.peer_of, name)).user.name == "joe"


async def test_a_certificate_that_is_changed_counts_at_once(pki: Pki, pair: Any, tmp_path: Path) -> None:
    server = serving(pki, f"tls-sni-cert-key={pair('first.test')}")
    following = asyncio.create_task(server.run())
    try:
        (tmp_path / "first.test.key").write_bytes(b"no key")
        await asyncio.sleep(0.05)
        assert await shown(server, "first.test") == "first.test"
        certificate, key = (Path(path) for path in pair("other", "first.test", "new.test").split(","))
        key.rename(tmp_path / "first.test.key")
        certificate.rename(tmp_path / "first.test.crt")
        async with asyncio.timeout(PATIENCE_S):
            while await shown(server, "new.test") != "other":
                await asyncio.sleep(0.01)
        assert await shown(server, "first.test") == "other"
    finally:
        following.cancel()
        await asyncio.wait([following])


@pytest.mark.parametrize(("argument", "problem"), [
    ("tls-sni-cert-key=a.crt", "expected comma separated certificate and key file paths"),
    ("tls-sni-cert-key=a.crt,a.key:", "empty names list is not allowed"),
    ("tls-min-version=TLS12", 'unknown tls version "TLS12"'),
    ("tls-cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,X", "Cipher suite X not supported or doesn't exist"),
])
def test_flags_that_cannot_be_are_refused(argument: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=problem):
        ApiServerArgs.parse([argument])
    if not argument.startswith("tls-sni"):
        with pytest.raises(ValueError, match=problem):
            AuthOptions.of(KubeletOptions("n", "192.0.2.1", tmp_path, kubelet_args=[argument]))


def test_pairs_that_cannot_be_used_end_the_start(pki: Pki, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"failed to load SNI cert and key: .*No such file"):
        serving(pki, f"tls-sni-cert-key={tmp_path}/a.crt,{tmp_path}/a.key")


def client_of(version: ssl.TLSVersion, ciphers: str) -> ssl.SSLContext:
    """TLS of a client who knows one version and some ciphers."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(ciphers)
    return context


@pytest.mark.parametrize(("arguments", "accepted"), [
    ((), {"1.2 128", "1.2 256", "1.3"}),
    (("tls-min-version=VersionTLS10",), {"1.2 128", "1.2 256", "1.3"}),
    (("tls-min-version=VersionTLS13",), {"1.3"}),
    (("tls-cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_AES_128_GCM_SHA256",), {"1.2 256", "1.3"}),
    (("tls-cipher-suites=TLS_AES_128_GCM_SHA256",), {"1.3"}),
])
async def test_versions_and_suites_are_those_of_the_flags(pki: Pki, arguments: tuple[str, ...], accepted: set[str]) -> None:
    server, taken = serving(pki, *arguments), set()
    for kind, version, ciphers in (
        ("1.2 128", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("1.2 256", ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"), ("1.3", ssl.TLSVersion.TLSv1_3, "DEFAULT"),
    ):
        with suppress(ssl.SSLError, ConnectionError):
            await seen_by_server(server.context, client_of(version, ciphers), lambda _: None)
            taken.add(kind)
    assert taken == accepted
