"""What authors of objects are told beside the answer: the table in `warnings.yaml`.

A row has an object (`of`) and cases: a case changes it (`set`) and has what is then said of it when it is new (`says`). A case with `from`
is an update: both objects are changed by `from`, and the new one by `set`; `part` is the subresource.
"""

from __future__ import annotations

import base64
import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from minikube_py.apis.warnings import finalizers, warnings_on_create, warnings_on_update
from tests.apis.tables import build, changed

ROWS = yaml.safe_load((Path(__file__).parent / "warnings.yaml").read_text())
CASES = [pytest.param(row["of"], case, id=f"{row['of']['kind']}-{number}") for row in ROWS for number, case in enumerate(row["cases"])]


@pytest.mark.parametrize(("of", "case"), CASES)
def test_unusual_objects_are_remarked_on(of: dict[str, Any], case: dict[str, Any]) -> None:
    before = changed(of, case.get("from", {}))
    new = build(changed(before, case.get("set", {})))
    if "from" in case:
        assert warnings_on_update(new, build(before), case.get("part", "")) == case["says"]
    else:
        assert warnings_on_create(new) == case["says"]


def test_usual_objects_are_not() -> None:
    for document in yaml.safe_load_all((Path(__file__).parent / "zoo.yaml").read_text()):
        if document.get("type") != "kubernetes.io/tls":  # the zoo has no keys
            assert warnings_on_create(build(document)) == [], document["kind"]


def test_finalizers_that_somebody_else_may_use_are_remarked_on_when_they_are_added() -> None:
    prefer = "to avoid accidental conflicts with other finalizer writers"
    assert finalizers.of_added(["b.example.com", "a", "example.com/a", "orphan", "known"], ["known"]) == [
        f'metadata.finalizers: "a": prefer a domain-qualified finalizer name {prefer}',
        f'metadata.finalizers: "b.example.com": prefer a domain-qualified finalizer name including a path (/) {prefer}',
    ]


Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def pem(key: Key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def certificate(key: ec.EllipticCurvePrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "example.com")])
    start = datetime.datetime(2026, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + datetime.timedelta(days=1))
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
CERTIFICATE = certificate(KEY)
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
GARBAGE = "-----BEGIN {0}-----\nQUJD\n-----END {0}-----\n"


@pytest.mark.parametrize(("certificates", "key", "says"), [
    (CERTIFICATE, pem(KEY), []),
    (PARAMETERS + CERTIFICATE + certificate(OTHER), PARAMETERS + pem(KEY), []),
    (CERTIFICATE.replace("\n", "\r\n"), pem(KEY), []),
    ("", pem(KEY), ["tls: failed to find any PEM data in certificate input"]),
    (pem(KEY), CERTIFICATE, [
        "tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"]),
    (PARAMETERS, pem(KEY), [
        'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: '
        "[EC PARAMETERS]"]),
    (CERTIFICATE, "no key", ["tls: failed to find any PEM data in key input"]),
    (CERTIFICATE, CERTIFICATE, ["tls: found a certificate rather than a key in the PEM for the private key"]),
    (CERTIFICATE, PARAMETERS * 2, ['tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks '
                                   "of the following types: [EC PARAMETERS EC PARAMETERS]"]),
    (GARBAGE.format("CERTIFICATE"), pem(KEY), ["x509: malformed certificate"]),
    (CERTIFICATE, GARBAGE.format("PRIVATE KEY"), ["tls: failed to parse private key"]),
    (CERTIFICATE, pem(OTHER), ["tls: private key does not match public key"]),
    (CERTIFICATE, pem(ed25519.Ed25519PrivateKey.generate()), ["tls: private key type does not match public key type"]),
])
def test_a_certificate_and_a_key_that_are_no_pair_are_remarked_on(certificates: str, key: str, says: list[str]) -> None:
    data = {"tls.crt": base64.b64encode(certificates.encode()).decode(), "tls.key": base64.b64encode(key.encode()).decode()}
    document = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "type": "kubernetes.io/tls", "data": data}
    secret = build(document)
    assert warnings_on_create(secret) == says
    assert warnings_on_update(secret, secret) == says
    assert warnings_on_create(build({**document, "type": "Opaque"})) == []
