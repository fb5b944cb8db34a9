"""New certificate authorities for a cluster that goes on.

Each root gets a new key. The new root is signed by the old one too, and its file holds all of them: the new root, the new root as the old
one vouches for it, and what was there before. Who knows only the old root (nodes, their join tokens' pins, kubeconfigs, pods) verifies
what the new one signs by that chain; who reads the file anew trusts both. Certificates of the old root stay good until they end. Files
are exchanged while the server is stopped or runs; a server takes them at its next start.

Source: docs.k3s.io/cli/certificate#rotating-self-signed-ca-certificates, k3s contrib/util/rotate-default-ca-certs.sh
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding

from minikube_py.core.files import write_atomic

from .signing import CertificateError, load_authority, load_key, new_key, self_sign, sign_authority
from .tree import KeyPair, Pki, PkiError

SERVICE_KEY = "service.key"
BACKUP_MODE = 0o700


def back_up(directory: Path, files: Iterable[Path], moment: datetime) -> Path:
    """Copy files into a directory of that moment beside `directory`, and return it."""
    backup = directory.with_name(f"{directory.name}-{int(moment.timestamp())}")
    backup.mkdir(mode=BACKUP_MODE, parents=True, exist_ok=True)
    for path in files:
        if path.is_file():
            shutil.copy2(path, backup / path.name)
    return backup


def rotate_authorities(pki: Pki) -> Path:
    """Give each authority a new key, vouched for by the old one.

    Returns: where the old files are.
    Raises: PkiError if an authority is not whole; OSError.
    """
    now = pki.clock.now()
    made: list[tuple[KeyPair, bytes, bytes]] = []
    for pair in pki.authorities():
        try:
            old = load_authority(pair.certificate_pem, pair.key_pem)
        except (CertificateError, FileNotFoundError) as error:
            raise PkiError(f"{pair.certificate} and {pair.key} cannot be used: {error}") from error
        key = new_key()
        root = self_sign(_free_name(pair, int(now.timestamp())), key, now)
        made.append((pair, root + sign_authority(old, root, now) + old.chain_pem, key))
    return _replace(pki, made, b"")


def _free_name(pair: KeyPair, stamp: int) -> str:
    """A common name that no authority of a file has: chains are built by names."""
    known = {certificate.subject.rfc4514_string() for certificate in x509.load_pem_x509_certificates(pair.certificate_pem)}
    while f"CN=minikube-py-{pair.certificate.stem}@{stamp}" in known:
        stamp += 1
    return f"minikube-py-{pair.certificate.stem}@{stamp}"


def install_authorities(pki: Pki, source: Path, *, force: bool = False) -> Path:
    """Take authorities from the files of a directory, with the names that they have here; `service.key` may be among them.

    Args:
        force: take them although the present ones do not vouch for them, so that nodes, clients and pods must be told of them.
    Returns: where the old files are.
    Raises: PkiError if they cannot be used, or must not be without force; OSError.
    """
    made = []
    for pair in pki.authorities():
        given = KeyPair(source / pair.certificate.name, source / pair.key.name)
        try:
            new = load_authority(given.certificate_pem, given.key_pem)
        except FileNotFoundError as error:
            raise PkiError(f"{error.filename} is missing") from error
        except CertificateError as error:
            raise PkiError(f"{given.certificate} and {given.key} cannot be used: {error}") from error
        if not force and not _is_vouched_for(new.chain_pem, pair.certificate_pem):
            raise PkiError(f"{given.certificate} was not signed by the present {pair.certificate.name}; --force takes it nevertheless")
        made.append((pair, new.chain_pem, given.key_pem))
    keys = b""
    if (source / SERVICE_KEY).exists():
        keys = (source / SERVICE_KEY).read_bytes()
        try:
            load_key(keys)
        except CertificateError as error:
            raise PkiError(f"{source / SERVICE_KEY} cannot be used: {error}") from error
        if not force and pki.service_account_key.read_bytes().strip() not in keys:
            raise PkiError(f"{source / SERVICE_KEY} does not hold the present key, so tokens would end; --force takes it nevertheless")
    return _replace(pki, made, keys)


def _replace(pki: Pki, made: Iterable[tuple[KeyPair, bytes, bytes]], service_keys: bytes) -> Path:
    """A key first: a certificate without its key is refused at the next start, and the copy is there."""
    backup = back_up(pki.tls_dir, pki.files(), pki.clock.now())
    for pair, certificate, key in made:
        write_atomic(pair.key, key)
        write_atomic(pair.certificate, certificate)
    if service_keys:
        write_atomic(pki.service_account_key, service_keys)
    return backup


def _is_vouched_for(new: bytes, old: bytes) -> bool:
    """Whether a chain leads from the first certificate of a file to one of another file."""
    bundle, trusted = x509.load_pem_x509_certificates(new), x509.load_pem_x509_certificates(old)
    known = {certificate.public_bytes(Encoding.DER) for certificate in trusted}
    reached, waiting = [bundle[0]], bundle[1:]
    while reached:
        certificate = reached.pop()
        if certificate.public_bytes(Encoding.DER) in known or any(_is_issued(certificate, issuer) for issuer in trusted):
            return True
        # The same key under another issuer is the same authority.
        next_ones = [
            one for one in waiting if _is_issued(certificate, one)
            or (one.subject == certificate.subject and one.public_key() == certificate.public_key())
        ]
        waiting = [one for one in waiting if one not in next_ones]
        reached += next_ones
    return False


def _is_issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
