"""Rules of projected volumes: files of several sources in one directory.

Source: pkg/apis/core/validation/validation.go (validateProjectionSources), names.go (ValidateClusterTrustBundleName, ValidateSignerName)
"""

from __future__ import annotations

from .. import core_v1, syntax
from . import volumes
from .causes import Causes, forbidden, invalid, not_supported, required
from .common import label_selector, local_path, qualified
from .names import signer_name

_TOKEN_S_MIN, _TOKEN_S_MAX = 600, 2**32
_KEY_TYPES = ("RSA3072", "RSA4096", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519")
_CERTIFICATE_S_MIN, _CERTIFICATE_S_MAX, _KUBERNETES_CERTIFICATE_S_MAX = 3600, 91 * 24 * 3600, 24 * 3600
_TAKEN = "conflicting duplicate paths"


class _Paths:
    """The paths that the sources of a volume have taken."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._taken: set[str] = set()

    def take(self, causes: Causes, text: str, shown: str) -> None:
        """Take a path; `shown` is what the message names where it is taken already."""
        if text in self._taken:
            causes.append(invalid(self._path, shown, _TAKEN))
        self._taken.add(text)


def projected(causes: Causes, path: str, volume: core_v1.ProjectedVolumeSource) -> None:
    paths = _Paths(path)
    for index, part in enumerate(volume.sources or ()):
        where = f"{path}.sources[{index}]"
        count = 0
        for keyed, wire in ((part.secret, "secret"), (part.config_map, "configMap")):
            if keyed is not None:
                count += 1
                if not keyed.name:
                    causes.append(required(f"{where}.{wire}.name"))
                for number, item in enumerate(keyed.items):
                    volumes.key_to_path(causes, f"{where}.{wire}.items[{number}]", item)
                    if item.path:
                        paths.take(causes, item.path, keyed.name)
        if part.downward_api is not None:
            count += 1
            for file in part.downward_api.items:
                volumes.downward_file(causes, f"{where}.downwardAPI", file)
                if file.path:
                    paths.take(causes, file.path, file.path)
        if part.service_account_token is not None:
            count += 1
            _token(causes, path, f"{where}.serviceAccountToken", part.service_account_token)
        if part.cluster_trust_bundle is not None:
            count += 1
            _trust_bundle(causes, f"{where}.clusterTrustBundle", part.cluster_trust_bundle, paths)
        if part.pod_certificate is not None:
            count += 1
            _certificate(causes, f"{where}.podCertificate", part.pod_certificate, paths)
        if count > 1:
            causes.append(forbidden(where, "may not specify more than 1 volume type per source"))


def _token(causes: Causes, volume_path: str, path: str, token: core_v1.ServiceAccountTokenProjection) -> None:
    seconds = token.expiration_seconds or 0
    if seconds < _TOKEN_S_MIN:
        causes.append(invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration less than 10 minutes"))
    if seconds > _TOKEN_S_MAX:
        causes.append(invalid(f"{path}.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds"))
    if not token.path:
        causes.append(required(f"{volume_path}.path"))
    else:
        local_path(causes, f"{volume_path}.path", token.path)


def _trust_bundle(causes: Causes, path: str, bundle: core_v1.ClusterTrustBundleProjection, paths: _Paths) -> None:
    if bundle.name is not None and bundle.signer_name is not None:
        causes.append(invalid(path, bundle, "only one of name and signerName may be used"))
    elif bundle.name is not None:
        causes += [invalid(f"{path}.name", bundle.name, f"not a valid clustertrustbundlename: {complaint}")
                   for complaint in trust_bundle_name(bundle.name)]
        if bundle.label_selector is not None:
            causes.append(invalid(f"{path}.labelSelector", bundle.label_selector, "labelSelector must be unset if name is specified"))
    elif bundle.signer_name is not None:
        signer_name(causes, f"{path}.signerName", bundle.signer_name)
        label_selector(causes, f"{path}.labelSelector", bundle.label_selector)
    else:
        causes.append(required(path, "either name or signerName must be specified"))
    if not bundle.path:
        causes.append(required(f"{path}.path"))
    local_path(causes, f"{path}.path", bundle.path)
    paths.take(causes, bundle.path, bundle.path)


def trust_bundle_name(name: str) -> syntax.Complaints:
    """A name of a ClusterTrustBundle; that of one with a signer begins with the signer's, colons in place of slashes."""
    signer, colon, rest = name.rpartition(":")
    if colon and not signer:
        return ('ClusterTrustBundle without signer name must not have ":" in its name',)
    return syntax.dns_subdomain(rest)


def _is_kubernetes_signer(name: str) -> bool:
    domain = name.partition("/")[0]
    return domain == "kubernetes.io" or domain.endswith(".kubernetes.io")


def _certificate(causes: Causes, path: str, source: core_v1.PodCertificateProjection, paths: _Paths) -> None:
    signer_name(causes, f"{path}.signerName", source.signer_name)
    for key in source.user_annotations:
        qualified(causes, f"{path}.userAnnotations", key.lower())
    if source.key_type not in _KEY_TYPES:
        causes.append(not_supported(f"{path}.keyType", source.key_type, _KEY_TYPES))
    seconds = source.max_expiration_seconds
    if seconds is not None:
        where = f"{path}.maxExpirationSeconds"
        if seconds < _CERTIFICATE_S_MIN:
            causes.append(invalid(where, seconds, f"if provided, maxExpirationSeconds must be >= {_CERTIFICATE_S_MIN}"))
        most = _KUBERNETES_CERTIFICATE_S_MAX if _is_kubernetes_signer(source.signer_name) else _CERTIFICATE_S_MAX
        if seconds > most:
            causes.append(invalid(where, seconds, f"if provided, maxExpirationSeconds must be <= {most}"))
    files = [(wire, text) for wire, text in (
        ("credentialBundlePath", source.credential_bundle_path), ("keyPath", source.key_path),
        ("certificateChainPath", source.certificate_chain_path)) if text]
    for wire, text in files:
        local_path(causes, f"{path}.{wire}", text)
        paths.take(causes, text, text)
    if not files:
        causes.append(required(path, "specify at least one of credentialBundlePath, keyPath, and certificateChainPath"))
