"""Kinds of volumes: those that are no more than a pod's own, and those that somebody else vouches for."""

from __future__ import annotations

from ..core_v1 import Volume
from .check import Check, Subject, Violation, plural, quoted

ALLOWED = (
    "config_map", "csi", "downward_api", "empty_dir", "ephemeral", "image", "persistent_volume_claim", "projected", "secret",
)
RESTRICTED = {
    "host_path": "hostPath", "gce_persistent_disk": "gcePersistentDisk", "aws_elastic_block_store": "awsElasticBlockStore",
    "git_repo": "gitRepo", "nfs": "nfs", "iscsi": "iscsi", "glusterfs": "glusterfs", "rbd": "rbd", "flex_volume": "flexVolume",
    "cinder": "cinder", "cephfs": "cephfs", "flocker": "flocker", "fc": "fc", "azure_file": "azureFile", "vsphere_volume": "vsphereVolume",
    "quobyte": "quobyte", "azure_disk": "azureDisk", "photon_persistent_disk": "photonPersistentDisk", "portworx_volume": "portworxVolume",
    "scale_io": "scaleIO", "storageos": "storageos",
}


def _restricted_type(volume: Volume) -> str:
    """The kind of a volume that is not allowed, "" of one that is."""
    if any(getattr(volume, name) is not None for name in ALLOWED):
        return ""
    return next((text for name, text in RESTRICTED.items() if getattr(volume, name) is not None), "unknown")


def restricted_volumes(subject: Subject) -> Violation | None:
    found = [(volume.name, kind) for volume in subject.spec.volumes if (kind := _restricted_type(volume))]
    if not found:
        return None
    names, kinds = [name for name, _ in found], sorted({kind for _, kind in found})
    uses = "uses" if len(names) == 1 else "use"
    return Violation("restricted volume types",
                     f"{plural('volume', names)} {quoted(names)} {uses} {plural('restricted volume type', kinds)} {quoted(kinds)}")


CHECKS = (Check("restrictedVolumes", "restricted", ((0, restricted_volumes),), overrides=("hostPathVolumes",)),)
