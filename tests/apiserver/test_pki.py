from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from minikube_py.apiserver.pki import Pki, PkiError
from minikube_py.apiserver.pki.signing import CertificateError
from minikube_py.core import files


class FixedClock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


def make(tmp_path: Path, **options: object) -> Pki:
    pki = Pki(tmp_path / "tls", node_name="edge-1", advertise_address="192.0.2.7", **options)  # type: ignore[arg-type]
    pki.ensure()
    return pki


def contents(pki: Pki) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in pki.tls_dir.iterdir() if path.name not in ("record.json", "last-seen")}


def csr(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None, name: str = "anything") -> bytes:
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    return x509.CertificateSigningRequestBuilder(subject).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


async def handshake(server: ssl.SSLContext, client: ssl.SSLContext, server_hostname: str) -> dict[str, object] | None:
    """The client certificate that the server saw over a loopback connection."""
    seen: asyncio.Future[dict[str, object] | None] = asyncio.get_running_loop().create_future()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(writer.get_extra_info("ssl_object").getpeercert() or None)
        writer.write(b"!")
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=server)
    async with listener:
        port = listener.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=server_hostname)
        try:
            if await reader.read(1) != b"!":
                raise ConnectionResetError("the server ended the handshake")
        finally:
            writer.close()
        return await asyncio.wait_for(seen, 5)


@pytest.mark.parametrize(
    "host",
    [
        "localhost", "127.0.0.1", "::1", "edge-1", "192.0.2.7", "kubernetes.default.svc.cluster.local", "10.43.0.1", "api.example",
        "2001:db8::7",
    ],
)
async def test_clients_of_the_server_ca_reach_the_server_under_each_of_its_names(tmp_path: Path, host: str) -> None:
    pki = make(tmp_path, tls_sans=["api.example", "2001:db8::7"])
    client = ssl.create_default_context(cafile=str(pki.server_ca.certificate))
    seen = await handshake(pki.server_ssl_context(), client, host)
    assert seen is None


async def test_a_name_that_was_not_asked_for_is_refused(tmp_path: Path) -> None:
    pki = make(tmp_path)
    client = ssl.create_default_context(cafile=str(pki.server_ca.certificate))
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(pki.server_ssl_context(), client, "api.example")


async def test_the_admin_certificate_names_a_master(tmp_path: Path) -> None:
    pki = make(tmp_path)
    seen = await handshake(pki.server_ssl_context(), pki.client_ssl_context(pki.admin), "localhost")
    assert seen is not None
    assert seen["subject"] == ((("organizationName", "system:masters"),), (("commonName", "system:admin"),))


async def test_a_serving_certificate_does_not_authenticate_a_client(tmp_path: Path) -> None:
    pki = make(tmp_path)
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "kubelet.crt").write_bytes(pki.sign_serving(csr(key), common_name="system:node:n", names=["n"]))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "kubelet.key").write_bytes(key.private_bytes(*form))
    client = ssl.create_default_context(cafile=str(pki.server_ca.certificate))
    client.load_cert_chain(tmp_path / "kubelet.crt", tmp_path / "kubelet.key")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await handshake(pki.server_ssl_context(), client, "localhost")


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    before = contents(make(tmp_path))
    again = Pki(tmp_path / "tls", node_name="edge-1", advertise_address="192.0.2.7")
    assert again.ensure() is False
    assert contents(again) == before


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    pki = make(tmp_path)
    assert pki.tls_dir.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in pki.tls_dir.iterdir()} == {0o600}


def test_other_wanted_names_renew_the_serving_certificate_alone(tmp_path: Path) -> None:
    before = contents(make(tmp_path))
    after = contents(make(tmp_path, tls_sans=["api.example"]))
    assert {name for name in after if after[name] != before[name]} == {"serving-kube-apiserver.crt"}


def test_certificates_with_less_than_120_days_left_are_renewed_with_their_keys(tmp_path: Path) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    before = contents(make(tmp_path, clock=clock))
    clock.moment += timedelta(days=244)
    assert contents(make(tmp_path, clock=clock)) == before
    clock.moment += timedelta(days=2)
    after = contents(make(tmp_path, clock=clock))
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {name for name in after if name.endswith(".crt") and "-ca." not in name}
    serving = x509.load_pem_x509_certificate(after["serving-kube-apiserver.crt"])
    assert serving.not_valid_after_utc == clock.moment + timedelta(days=365)


def test_lifetimes_survive_a_clock_that_starts_in_1970(tmp_path: Path) -> None:
    pki = make(tmp_path, clock=FixedClock(datetime(1970, 1, 1, 0, 1, tzinfo=UTC)))
    serving = x509.load_pem_x509_certificate(pki.serving.certificate_pem)
    assert serving.not_valid_before_utc == datetime(1970, 1, 1, tzinfo=UTC)
    assert serving.not_valid_after_utc >= datetime(2027, 1, 1, tzinfo=UTC)


def test_a_crash_at_any_write_leaves_a_tree_that_the_next_start_completes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = files.write_atomic
    whole = len(contents(make(tmp_path / "whole")))
    for survived in range(whole + 1):
        writes = 0

        def crash(path: Path, content: bytes, mode: int = 0o600, *, limit: int = survived) -> None:
            nonlocal writes
            if writes == limit:
                raise OSError("power cut")
            writes += 1
            real(path, content, mode)

        monkeypatch.setattr("minikube_py.apiserver.pki.tree.write_atomic", crash)
        with pytest.raises(OSError, match="power cut"):
            make(tmp_path / str(survived))
        monkeypatch.setattr("minikube_py.apiserver.pki.tree.write_atomic", real)
        kept = contents(Pki(tmp_path / str(survived) / "tls"))
        pki = make(tmp_path / str(survived))
        pki.server_ssl_context()
        pki.client_ssl_context(pki.admin)
        after = contents(pki)
        assert len(after) == whole
        assert {name: after[name] for name in kept} == kept


def test_a_certificate_of_another_key_is_signed_anew(tmp_path: Path) -> None:
    pki = make(tmp_path)
    pki.admin.key.write_bytes(pki.scheduler.key_pem)
    assert pki.ensure() is True
    pki.client_ssl_context(pki.admin)


def test_a_ca_without_its_key_is_not_replaced_silently(tmp_path: Path) -> None:
    pki = make(tmp_path)
    pki.server_ca.key.unlink()
    with pytest.raises(PkiError, match=r"server-ca\.key is missing"):
        pki.ensure()
    pki.server_ca.key.write_bytes(pki.client_ca.key_pem)
    with pytest.raises(PkiError, match="does not belong"):
        pki.ensure()


def test_signed_client_certificates_say_what_the_signer_decides(tmp_path: Path) -> None:
    pki = make(tmp_path)
    pem = pki.sign_client(csr(name="system:admin"), common_name="system:node:n", organizations=["system:nodes"])
    certificate = x509.load_pem_x509_certificate(pem)
    assert certificate.subject.rfc4514_string() == "CN=system:node:n,O=system:nodes"
    usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usages) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(pki.client_ca.certificate_pem))


def test_unusable_signing_requests_are_refused(tmp_path: Path) -> None:
    pki = make(tmp_path)
    with pytest.raises(CertificateError, match="not a certificate signing request"):
        pki.sign_client(b"nonsense", common_name="n")
    with pytest.raises(CertificateError, match="1024 bits"):
        pki.sign_client(csr(rsa.generate_private_key(65537, 1024)), common_name="n")
    der = bytearray(x509.load_pem_x509_csr(csr(name="abc")).public_bytes(serialization.Encoding.DER))
    der[der.index(b"abc")] ^= 1
    tampered = x509.load_der_x509_csr(bytes(der)).public_bytes(serialization.Encoding.PEM)
    with pytest.raises(CertificateError, match="not signed by its key"):
        pki.sign_client(tampered, common_name="n")


def test_the_admin_kubeconfig_carries_everything(tmp_path: Path) -> None:
    pki = make(tmp_path)
    config = pki.admin_kubeconfig("https://127.0.0.1:6443")
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:6443"
    assert set(config["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}
    assert config["current-context"] == config["contexts"][0]["name"]


def issue_ca(name: str, issuer: tuple[x509.Name, rsa.RSAPrivateKey] | None) -> tuple[x509.Certificate, rsa.RSAPrivateKey]:
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer_name, issuer_key = issuer or (subject, key)
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer_name, subject, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=2000))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
    return builder.add_extension(usage, critical=True).sign(issuer_key, hashes.SHA256()), key


async def test_an_intermediate_ca_of_ones_own_signs_what_its_root_vouches_for(tmp_path: Path) -> None:
    root, root_key = issue_ca("root", None)
    middle, middle_key = issue_ca("middle", (root.subject, root_key))
    tls = tmp_path / "tls"
    tls.mkdir()
    for name in ("server-ca", "client-ca"):
        bundle = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (middle, root))
        (tls / f"{name}.crt").write_bytes(bundle)
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
        (tls / f"{name}.key").write_bytes(middle_key.private_bytes(*form))
    pki = make(tmp_path)
    only_root = ssl.create_default_context(cadata=root.public_bytes(serialization.Encoding.PEM).decode())
    only_root.load_cert_chain(pki.admin.certificate, pki.admin.key)
    seen = await handshake(pki.server_ssl_context(), only_root, "localhost")
    assert seen is not None
    assert seen["subject"][-1] == (("commonName", "system:admin"),)  # type: ignore[index]
