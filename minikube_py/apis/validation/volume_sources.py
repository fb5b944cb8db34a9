"""Rules of the sources that pods' volumes and persistent volumes share, or have in two forms.

Source: pkg/apis/core/validation/validation.go (validateNFSVolumeSource and its neighbours)
"""

from __future__ import annotations

import posixpath
import re

from .. import core_v1, syntax
from .causes import Causes, forbidden, invalid, not_supported, required, too_long
from .common import descending_path, dns_label, no_backsteps, present, subdomain

HOST_PATH_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")
_IQN = re.compile(r"iqn\.[0-9]{4}-[0-9]{2}\.([A-Za-z0-9.-]+)(:[^,;*&$|\s]+)$")
_EUI = re.compile(r"^eui.[A-Za-z0-9]{16}$")
_NAA = re.compile(r"^naa.[A-Za-z0-9]{32}$")
_ISCSI_NAME_MAX = 64
_DRIVER_NAME_MAX = 63
_TENANT_MAX = 64
_CACHING_MODES = ("None", "ReadOnly", "ReadWrite")
_DISK_KINDS = ("Dedicated", "Managed", "Shared")
_MANAGED_URI = "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
_BLOB_URI = "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"
_ONE_PAIR = "must be a host:port pair or multiple pairs separated by commas"


def _needed(causes: Causes, path: str, *fields: tuple[str, object]) -> None:
    causes += [required(f"{path}.{wire}") for wire, value in fields if not value]


def nfs(causes: Causes, path: str, source: core_v1.NFSVolumeSource) -> None:
    _needed(causes, path, ("server", source.server), ("path", source.path))
    if not source.path.startswith("/"):
        causes.append(invalid(f"{path}.path", source.path, "must be an absolute path"))


def host_path(causes: Causes, path: str, source: core_v1.HostPathVolumeSource) -> None:
    if not source.path:
        causes.append(required(f"{path}.path"))
        return
    no_backsteps(causes, f"{path}.path", source.path)
    if source.type is not None and source.type not in HOST_PATH_TYPES:
        causes.append(not_supported(f"{path}.type", source.type, HOST_PATH_TYPES))


def local(causes: Causes, path: str, source: core_v1.LocalVolumeSource) -> None:
    if not source.path:
        causes.append(required(f"{path}.path"))
    else:
        no_backsteps(causes, f"{path}.path", source.path)


def git_repo(causes: Causes, path: str, source: core_v1.GitRepoVolumeSource) -> None:
    _needed(causes, path, ("repository", source.repository))
    descending_path(causes, f"{path}.directory", source.directory)


def _partition(causes: Causes, path: str, partition: int | None) -> None:
    if not 0 <= (partition or 0) <= 255:
        causes.append(invalid(f"{path}.partition", partition, syntax.in_range(1, 255)))


def gce_disk(causes: Causes, path: str, source: core_v1.GCEPersistentDiskVolumeSource) -> None:
    _needed(causes, path, ("pdName", source.pd_name))
    _partition(causes, path, source.partition)


def aws_disk(causes: Causes, path: str, source: core_v1.AWSElasticBlockStoreVolumeSource) -> None:
    _needed(causes, path, ("volumeID", source.volume_id))
    _partition(causes, path, source.partition)


def _iscsi_name(causes: Causes, path: str, name: str, wrong_start: str) -> None:
    patterns = {"iqn": _IQN, "eui": _EUI, "naa": _NAA}
    pattern = patterns.get(name[:3])
    if pattern is None:
        causes.append(invalid(path, name, wrong_start))
    elif not pattern.search(name):
        causes.append(invalid(path, name, "must be valid format"))


def iscsi(causes: Causes, path: str, source: core_v1.ISCSIVolumeSource) -> None:
    wrong_start = "must be valid format starting with iqn, eui, or naa"
    _iscsi(causes, path, source, wrong_start)
    if source.initiator_name is not None:
        _iscsi_name(causes, f"{path}.initiatorname", source.initiator_name, wrong_start)


def iscsi_persistent(causes: Causes, path: str, source: core_v1.ISCSIPersistentVolumeSource, volume_name: str) -> None:
    if source.initiator_name is not None and len(f"{volume_name}:{source.target_portal}") > _ISCSI_NAME_MAX:
        causes.append(invalid(f"{path}.targetportal", source.target_portal, ISCSI_TOO_LONG))
    _iscsi(causes, path, source, "must be valid format")
    if source.secret_ref is not None:
        _needed(causes, f"{path}.secretRef", ("name", source.secret_ref.name))
    if source.initiator_name is not None:
        _iscsi_name(causes, f"{path}.initiatorname", source.initiator_name, "must be valid format")


ISCSI_TOO_LONG = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified."


def iscsi_name_too_long(source: core_v1.ISCSIVolumeSource, volume_name: str) -> bool:
    return source.initiator_name is not None and len(f"{volume_name}:{source.target_portal}") > _ISCSI_NAME_MAX


def _iscsi(causes: Causes, path: str, source: core_v1.ISCSIVolumeSource | core_v1.ISCSIPersistentVolumeSource, wrong_start: str) -> None:
    _needed(causes, path, ("targetPortal", source.target_portal), ("iqn", source.iqn))
    if source.iqn:
        _iscsi_name(causes, f"{path}.iqn", source.iqn, wrong_start)
    if not 0 <= source.lun <= 255:
        causes.append(invalid(f"{path}.lun", source.lun, syntax.in_range(0, 255)))
    if (source.chap_auth_discovery or source.chap_auth_session) and source.secret_ref is None:
        causes.append(required(f"{path}.secretRef"))


def glusterfs(causes: Causes, path: str, source: core_v1.GlusterfsVolumeSource) -> None:
    _needed(causes, path, ("endpoints", source.endpoints), ("path", source.path))


def glusterfs_persistent(causes: Causes, path: str, source: core_v1.GlusterfsPersistentVolumeSource) -> None:
    _needed(causes, path, ("endpoints", source.endpoints), ("path", source.path))
    if source.endpoints_namespace == "":
        causes.append(invalid(f"{path}.endpointsNamespace", "", "if the endpointnamespace is set, it must be a valid namespace name"))
    elif source.endpoints_namespace is not None:
        dns_label(causes, f"{path}.endpointsNamespace", source.endpoints_namespace)


def flocker(causes: Causes, path: str, source: core_v1.FlockerVolumeSource) -> None:
    name, uuid = source.dataset_name, source.dataset_uuid
    if not name and not uuid:
        causes.append(required(path, "one of datasetName and datasetUUID is required"))
    if name and uuid:
        causes.append(invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
    if "/" in name:
        causes.append(invalid(f"{path}.datasetName", name, "must not contain '/'"))


def rbd(causes: Causes, path: str, source: core_v1.RBDVolumeSource | core_v1.RBDPersistentVolumeSource) -> None:
    _needed(causes, path, ("monitors", source.monitors), ("image", source.image))


def cinder(causes: Causes, path: str, source: core_v1.CinderVolumeSource) -> None:
    _needed(causes, path, ("volumeID", source.volume_id))
    if source.secret_ref is not None:
        _needed(causes, f"{path}.secretRef", ("name", source.secret_ref.name))


def cinder_persistent(causes: Causes, path: str, source: core_v1.CinderPersistentVolumeSource) -> None:
    _needed(causes, path, ("volumeID", source.volume_id))
    if source.secret_ref is not None:
        _needed(causes, f"{path}.secretRef", ("name", source.secret_ref.name), ("namespace", source.secret_ref.namespace))


def cephfs(causes: Causes, path: str, source: core_v1.CephFSVolumeSource | core_v1.CephFSPersistentVolumeSource) -> None:
    _needed(causes, path, ("monitors", source.monitors))


def quobyte(causes: Causes, path: str, source: core_v1.QuobyteVolumeSource) -> None:
    if not source.registry:
        causes.append(required(f"{path}.registry", _ONE_PAIR))
    elif len(source.tenant) > _TENANT_MAX:
        causes.append(required(f"{path}.tenant", f"must be a UUID and may not exceed a length of {_TENANT_MAX} characters"))
    else:
        causes += [invalid(f"{path}.registry", source.registry, _ONE_PAIR)
                   for pair in source.registry.split(",") if not _is_host_port(pair)]
    _needed(causes, path, ("volume", source.volume))


def _is_host_port(text: str) -> bool:
    """Source: Go's net.SplitHostPort"""
    if text.startswith("["):
        return re.fullmatch(r"\[[^\[\]]*\]:[^\[\]:]*", text) is not None
    return re.fullmatch(r"[^\[\]:]*:[^\[\]:]*", text) is not None


def fc(causes: Causes, path: str, source: core_v1.FCVolumeSource) -> None:
    if not source.target_wwns and not source.wwids:
        causes.append(required(f"{path}.targetWWNs", "must specify either targetWWNs or wwids, but not both"))
    if source.target_wwns and source.wwids:
        causes.append(invalid(f"{path}.targetWWNs", source.target_wwns, "targetWWNs and wwids can not be specified simultaneously"))
    if source.target_wwns:
        if source.lun is None:
            causes.append(required(f"{path}.lun", "lun is required if targetWWNs is specified"))
        elif not 0 <= source.lun <= 255:
            causes.append(invalid(f"{path}.lun", source.lun, syntax.in_range(0, 255)))


def flex(causes: Causes, path: str, source: core_v1.FlexVolumeSource | core_v1.FlexPersistentVolumeSource) -> None:
    _needed(causes, path, ("driver", source.driver))
    for key in source.options:
        if f".{key.partition('/')[0].lower()}".endswith((".kubernetes.io", ".k8s.io")):
            causes.append(invalid(f"{path}.options[{key}]", key, "kubernetes.io and k8s.io namespaces are reserved"))


def azure_file(causes: Causes, path: str, source: core_v1.AzureFileVolumeSource) -> None:
    _needed(causes, path, ("secretName", source.secret_name), ("shareName", source.share_name))


def azure_file_persistent(causes: Causes, path: str, source: core_v1.AzureFilePersistentVolumeSource) -> None:
    _needed(causes, path, ("secretName", source.secret_name), ("shareName", source.share_name))
    if source.secret_namespace == "":
        causes.append(required(f"{path}.secretNamespace"))


def azure_disk(causes: Causes, path: str, source: core_v1.AzureDiskVolumeSource) -> None:
    _needed(causes, path, ("diskName", source.disk_name), ("diskURI", source.disk_uri))
    if source.caching_mode is not None and source.caching_mode not in _CACHING_MODES:
        causes.append(not_supported(f"{path}.cachingMode", source.caching_mode, _CACHING_MODES))
    if source.kind is None:
        return
    if source.kind not in _DISK_KINDS:
        causes.append(not_supported(f"{path}.kind", source.kind, _DISK_KINDS))
    if source.kind == "Managed" and not source.disk_uri.startswith("/subscriptions/"):
        causes.append(not_supported(f"{path}.diskURI", source.disk_uri, (_MANAGED_URI,)))
    if source.kind != "Managed" and not source.disk_uri.startswith("https://"):
        causes.append(not_supported(f"{path}.diskURI", source.disk_uri, (_BLOB_URI,)))


def vsphere(causes: Causes, path: str, source: core_v1.VsphereVirtualDiskVolumeSource) -> None:
    _needed(causes, path, ("volumePath", source.volume_path))


def photon(causes: Causes, path: str, source: core_v1.PhotonPersistentDiskVolumeSource) -> None:
    _needed(causes, path, ("pdID", source.pd_id))


def portworx(causes: Causes, path: str, source: core_v1.PortworxVolumeSource) -> None:
    _needed(causes, path, ("volumeID", source.volume_id))


def scale_io(causes: Causes, path: str, source: core_v1.ScaleIOVolumeSource | core_v1.ScaleIOPersistentVolumeSource) -> None:
    _needed(causes, path, ("gateway", source.gateway), ("system", source.system), ("volumeName", source.volume_name))


def storageos(causes: Causes, path: str, source: core_v1.StorageOSVolumeSource) -> None:
    _storageos_names(causes, path, source.volume_name, source.volume_namespace)
    if source.secret_ref is not None:
        _needed(causes, f"{path}.secretRef", ("name", source.secret_ref.name))


def storageos_persistent(causes: Causes, path: str, source: core_v1.StorageOSPersistentVolumeSource) -> None:
    _storageos_names(causes, path, source.volume_name, source.volume_namespace)
    if source.secret_ref is not None:
        _needed(causes, f"{path}.secretRef", ("name", source.secret_ref.name), ("namespace", source.secret_ref.namespace))


def _storageos_names(causes: Causes, path: str, name: str, namespace: str) -> None:
    present(causes, f"{path}.volumeName", name, syntax.dns_label)
    if namespace:
        dns_label(causes, f"{path}.volumeNamespace", namespace)


def csi(causes: Causes, path: str, source: core_v1.CSIVolumeSource) -> None:
    csi_driver_name(causes, f"{path}.driver", source.driver)
    secret = source.node_publish_secret_ref
    if secret is not None:
        if not secret.name:
            causes.append(required(f"{path}.nodePublishSecretRef.name"))
        else:
            subdomain(causes, f"{path}.name", secret.name)


def csi_persistent(causes: Causes, path: str, source: core_v1.CSIPersistentVolumeSource) -> None:
    csi_driver_name(causes, f"{path}.driver", source.driver)
    _needed(causes, path, ("volumeHandle", source.volume_handle))
    for secret, wire in (
        (source.controller_publish_secret_ref, "controllerPublishSecretRef"),
        (source.controller_expand_secret_ref, "controllerExpandSecretRef"),
        (source.node_publish_secret_ref, "nodePublishSecretRef"), (source.node_expand_secret_ref, "nodeExpandSecretRef"),
    ):
        if secret is not None:
            present(causes, f"{path}.{wire}.name", secret.name, syntax.dns_subdomain)
            present(causes, f"{path}.{wire}.namespace", secret.namespace, syntax.dns_label)


def csi_driver_name(causes: Causes, path: str, name: str) -> None:
    if not name:
        causes.append(required(path))
    if len(name) > _DRIVER_NAME_MAX:
        causes.append(too_long(path, _DRIVER_NAME_MAX))
    causes += [invalid(path, name, complaint) for complaint in syntax.dns_subdomain(name.lower())]


def one_source(causes: Causes, path: str, wires: list[str]) -> None:
    """All but the first of the sources that are set are too many."""
    causes += [forbidden(f"{path}.{wire}", "may not specify more than 1 volume type") for wire in wires[1:]]


def is_root(path: str) -> bool:
    """Whether a path is "/" however it is written. Source: Go's path.Clean"""
    return posixpath.normpath(path) in ("/", "//")
