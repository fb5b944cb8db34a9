"""The objects that a pod or a volume names, and that its node therefore needs.

Shared by the kubelet, which follows them, and by the API server, which lets a node have them and no others.

Source: pkg/api/v1/pod/util.go (VisitPodSecretNames, VisitPodConfigmapNames), pkg/api/v1/persistentvolume/util.go (VisitPVSecretNames),
k8s.io/dynamic-resource-allocation/resourceclaim (Name), k8s.io/component-helpers/storage/ephemeral
"""

from __future__ import annotations

from collections.abc import Iterator

from .core_v1 import Container, EphemeralContainer, PersistentVolume, Pod, Volume


def config_map_names(pod: Pod) -> set[str]:
    """The ConfigMaps of a pod's namespace that it names."""
    return {name for name in _config_maps(pod) if name}


def secret_names(pod: Pod) -> set[str]:
    """The Secrets of a pod's namespace that it names."""
    return {name for name in _secrets(pod) if name}


def claim_names(pod: Pod) -> set[str]:
    """The PersistentVolumeClaims of a pod: those that it names, and those that are made for its ephemeral volumes."""
    return {name for volume in pod.spec.volumes if (name := claim_name(pod, volume))}


def claim_name(pod: Pod, volume: Volume) -> str:
    """The claim of one volume of a pod; "" if it has none."""
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return f"{pod.metadata.name}-{volume.name}" if volume.ephemeral is not None else ""


def resource_claim_names(pod: Pod) -> set[str]:
    """The ResourceClaims of a pod that are there already."""
    made = {status.name: status.resource_claim_name for status in pod.status.resource_claim_statuses}
    found = {claim.resource_claim_name or made.get(claim.name) for claim in pod.spec.resource_claims}
    extended = pod.status.extended_resource_claim_status
    if extended is not None:
        found.add(extended.resource_claim_name)
    return {name for name in found if name}


def volume_secrets(volume: PersistentVolume) -> set[tuple[str, str]]:
    """The Secrets (namespace, name) that a node needs to mount a volume."""
    spec = volume.spec
    own = spec.claim_ref.namespace if spec.claim_ref is not None else ""
    azure, csi = spec.azure_file, spec.csi
    if azure is not None:
        return {(azure.secret_namespace or own, azure.secret_name)} if azure.secret_name else set()
    # Volumes of before secrets had a namespace mean that of their claim.
    for source in (spec.cephfs, spec.flex_volume, spec.rbd, spec.scale_io, spec.iscsi):
        if source is not None:
            return {(source.secret_ref.namespace or own, source.secret_ref.name)} if source.secret_ref is not None else set()
    references = [source.secret_ref for source in (spec.cinder, spec.storageos) if source is not None]
    if csi is not None:
        references = [csi.node_publish_secret_ref, csi.node_stage_secret_ref, csi.node_expand_secret_ref]
    return {(reference.namespace, reference.name) for reference in references if reference is not None}


def _containers(pod: Pod) -> Iterator[Container | EphemeralContainer]:
    yield from pod.spec.init_containers
    yield from pod.spec.containers
    yield from pod.spec.ephemeral_containers


def _config_maps(pod: Pod) -> Iterator[str]:
    for container in _containers(pod):
        for source in container.env_from:
            if source.config_map_ref is not None:
                yield source.config_map_ref.name
        for variable in container.env:
            if variable.value_from is not None and variable.value_from.config_map_key_ref is not None:
                yield variable.value_from.config_map_key_ref.name
    for volume in pod.spec.volumes:
        if volume.config_map is not None:
            yield volume.config_map.name
        for projection in (volume.projected.sources if volume.projected is not None else ()) or ():
            if projection.config_map is not None:
                yield projection.config_map.name


def _secrets(pod: Pod) -> Iterator[str]:
    for reference in pod.spec.image_pull_secrets:
        yield reference.name
    for container in _containers(pod):
        for source in container.env_from:
            if source.secret_ref is not None:
                yield source.secret_ref.name
        for variable in container.env:
            if variable.value_from is not None and variable.value_from.secret_key_ref is not None:
                yield variable.value_from.secret_key_ref.name
    for volume in pod.spec.volumes:
        yield from _volume_secrets(volume)


def _volume_secrets(volume: Volume) -> Iterator[str]:
    if volume.secret is not None:
        yield volume.secret.secret_name
    if volume.azure_file is not None:
        yield volume.azure_file.secret_name
    for projection in (volume.projected.sources if volume.projected is not None else ()) or ():
        if projection.secret is not None:
            yield projection.secret.name
    for source in (volume.cephfs, volume.cinder, volume.flex_volume, volume.rbd, volume.scale_io, volume.iscsi, volume.storageos):
        if source is not None and source.secret_ref is not None:
            yield source.secret_ref.name
    if volume.csi is not None and volume.csi.node_publish_secret_ref is not None:
        yield volume.csi.node_publish_secret_ref.name
