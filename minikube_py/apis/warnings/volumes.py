"""Warnings about volumes: kinds of volumes that are gone, files of one volume that hide each other, and persistent volumes and claims.

Source: pkg/api/pod/warnings.go (warningsForOverlappingVirtualPaths), pkg/api/persistentvolume/util.go,
pkg/api/persistentvolumeclaim/util.go
"""

from __future__ import annotations

from collections.abc import Iterable

from ..core_v1 import (
    PersistentVolume,
    PersistentVolumeClaim,
    PersistentVolumeClaimSpec,
    ProjectedVolumeSource,
    Volume,
    VolumeProjection,
)
from ..syntax import quote
from . import node_labels
from .quantities import fractional
from .tables import OnCreate, OnUpdate

CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_USE_CLASS = 'deprecated since v1.8; use "storageClassName" attribute instead'
_OF_VOLUMES = {
    CLASS_ANNOTATION: _USE_CLASS,
    "volume.beta.kubernetes.io/mount-options": 'deprecated since v1.31; use "mountOptions" attribute instead',
}
# Attribute, the name that upstream shows, and since when the kind of volume is deprecated and gone, in upstream's order.
_GONE = (
    ("photon_persistent_disk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("git_repo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scale_io", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
)
# Upstream says nothing of persistent volumes of the other kinds.
_GONE_PERSISTENT = ("cephfs", "photonPersistentDisk", "rbd", "scaleIO", "storageOS", "glusterfs")

_NO_SOURCE = VolumeProjection()

Path = tuple[str, str]
"""A path in a volume and where it comes from."""


def of_pod(path: str, volumes: list[Volume]) -> list[str]:
    """What is said of the volumes of a pod."""
    texts: list[str] = []
    for index, volume in enumerate(volumes):
        where = f"{path}[{index}]"
        texts += [f"{where}.{wire}: {text}" for name, wire, text in _GONE if getattr(volume, name) is not None]
        template = volume.ephemeral.volume_claim_template if volume.ephemeral is not None else None
        if template is not None:
            texts += claim_spec(f"{where}.ephemeral.volumeClaimTemplate.spec", template.spec)
    for volume in volumes:
        texts += _overlapping(volume)
    return texts


def _overlapping(volume: Volume) -> list[str]:
    name = quote(volume.name)
    texts: list[str] = []
    if volume.config_map is not None:
        found = _collisions([(item.path, "") for item in volume.config_map.items])
        texts += [f"volume {name} (ConfigMap {quote(volume.config_map.name)}): overlapping paths: {text}" for text in found]
    if volume.secret is not None:
        found = _collisions([(item.path, "") for item in volume.secret.items])
        texts += [f"volume {name} (Secret {quote(volume.secret.secret_name)}): overlapping paths: {text}" for text in found]
    if volume.downward_api is not None:
        found = _collisions([(item.path, "") for item in volume.downward_api.items])
        texts += [f"volume {name} (DownwardAPI): overlapping paths: {text}" for text in found]
    if volume.projected is not None:
        texts += _projected(name, volume.projected)
    return texts


def _projected(name: str, volume: ProjectedVolumeSource) -> list[str]:
    texts, paths, starts = [], list[Path](), list[int]()
    sources = volume.sources or []
    for source in sources:
        starts.append(len(paths))
        paths += _paths(source)
    collide = _collide(paths)
    for source, start, end in zip(sources, starts, [*starts[1:], len(paths)], strict=True):
        if source == _NO_SOURCE:
            texts.append(f"volume {name} (Projected) has no sources provided")
        elif collide:
            texts += [f"volume {name} (Projected): overlapping paths: {text}" for text in _collisions(paths[:end], start)]
    return texts


def _paths(source: VolumeProjection) -> list[Path]:
    """The paths of a source, and which source it is."""
    if source.config_map is not None and source.config_map.items:
        return [(item.path, f"ConfigMap {quote(source.config_map.name)}") for item in source.config_map.items]
    if source.secret is not None and source.secret.items:
        return [(item.path, f"Secret {quote(source.secret.name)}") for item in source.secret.items]
    if source.downward_api is not None and source.downward_api.items:
        return [(item.path, "DownwardAPI") for item in source.downward_api.items]
    if source.service_account_token is not None:
        return [(source.service_account_token.path, "ServiceAccountToken")]
    if source.cluster_trust_bundle is not None:
        bundle = source.cluster_trust_bundle
        return [(bundle.path, f"ClusterTrustBundle {quote(bundle.name or bundle.signer_name or '')}")]
    if source.pod_certificate is not None:
        own = source.pod_certificate
        return [(path, f"PodCertificate {what}") for path, what in (
            (own.certificate_chain_path, "chain"), (own.key_path, "key"), (own.credential_bundle_path, "credential bundle")) if path]
    return []


def _collide(paths: list[Path]) -> bool:
    """Whether any path is, or lies below, another one: then neighbours do, in order."""
    keys = sorted(f"{path.rstrip('/')}/" for path, _ in paths)
    return any(map(str.startswith, keys[1:], keys))


def _collisions(paths: list[Path], start: int = 0) -> list[str]:
    """Paths that are, or lie below, another one before them; told of those from `start` on."""
    if not _collide(paths):
        return []
    texts = []
    trimmed = [(path.rstrip("/"), source) for path, source in paths]
    for index, (path, source) in enumerate(trimmed[start:], start):
        texts += [f"{_shown(path, source)} with {_shown(*other)}" for other in trimmed[:index]
                  if path and other[0] and (f"{path}/".startswith(f"{other[0]}/") or f"{other[0]}/".startswith(f"{path}/"))]
    return texts


def _shown(path: str, source: str) -> str:
    return f"{quote(path)} ({source})" if source else quote(path)


def persistent_volume(obj: PersistentVolume) -> list[str]:
    spec = obj.spec
    texts = [f"metadata.annotations[{key}]: {text}" for key, text in _OF_VOLUMES.items() if key in obj.metadata.annotations]
    if spec.persistent_volume_reclaim_policy == "Recycle":
        texts.append("spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach "
                     "is to use dynamic provisioning.")
    required = spec.node_affinity.required if spec.node_affinity is not None else None
    for index, term in enumerate(required.node_selector_terms if required is not None else ()):
        texts += node_labels.of_term(f"spec.nodeAffinity.required.nodeSelectorTerms[{index}]", term)
    return texts + [f"spec.{wire}: {text}" for name, wire, text in _GONE if wire in _GONE_PERSISTENT and getattr(spec, name) is not None]


def claim(obj: PersistentVolumeClaim) -> list[str]:
    texts = [f"metadata.annotations[{CLASS_ANNOTATION}]: {_USE_CLASS}"] if CLASS_ANNOTATION in obj.metadata.annotations else []
    return texts + claim_spec("spec", obj.spec)


def claim_spec(path: str, spec: PersistentVolumeClaimSpec) -> list[str]:
    """What is said of a claim, or of the template of one."""
    resources = spec.resources
    if resources is None:
        return []
    storage: Iterable[str] = ("storage",)
    return fractional(f"{path}.resources.requests", resources.requests, storage) + fractional(
        f"{path}.resources.limits", resources.limits, storage)


CREATE: OnCreate = {PersistentVolume: persistent_volume, PersistentVolumeClaim: claim}
UPDATE: OnUpdate = {
    (PersistentVolume, ""): lambda new, old: persistent_volume(new),
    (PersistentVolumeClaim, ""): lambda new, old: claim(new),
}
