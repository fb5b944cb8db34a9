"""Rules of environment variables and of the downward API.

Source: pkg/apis/core/validation/validation.go (ValidateEnv, ValidateEnvFrom and below), pkg/apis/core/pods/helpers.go
"""

from __future__ import annotations

from collections.abc import Collection

from .. import core_v1, syntax
from ..core_v1 import PodSpec
from ..quantity import canonical
from .causes import Causes, invalid, not_found, not_supported, required
from .common import matches, no_backsteps, present, qualified
from .metadata import as_prefix
from .windows import every_container

_ENV_FIELDS = frozenset((
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs",
    "status.podIP", "status.podIPs",
))
# What the downward API knows at all; where it is used decides which of these it lets in.
_LABELS = _ENV_FIELDS | {"metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase"}
_RESOURCE_FIELDS = ("limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",
                    "requests.memory")
_HUGE_PAGES = ("requests.hugepages-", "limits.hugepages-")
_BYTE_DIVISORS = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_BYTE_RESOURCES = {"memory": "memory", "ephemeral-storage": "local ephemeral storage"}


def environment(causes: Causes, path: str, variables: list[core_v1.EnvVar]) -> bool:
    """Returns: whether one of them is from a file."""
    files = False
    for index, variable in enumerate(variables):
        if not variable.name:
            causes.append(required(f"{path}[{index}].name"))
        elif complaints := syntax.env_name(variable.name):
            causes += [invalid(f"{path}[{index}].name", variable.name, complaint) for complaint in complaints]
        if variable.value_from is not None:
            _value_from(causes, f"{path}[{index}].valueFrom", variable, variable.value_from)
            files = files or variable.value_from.file_key_ref is not None
    return files


def _value_from(causes: Causes, path: str, variable: core_v1.EnvVar, source: core_v1.EnvVarSource) -> None:
    count = 0
    if source.field_ref is not None:
        count += 1
        field_reference(causes, f"{path}.fieldRef", source.field_ref, _ENV_FIELDS)
    if source.resource_field_ref is not None:
        count += 1
        resource_reference(causes, f"{path}.resourceFieldRef", source.resource_field_ref, volume=False)
    for key_ref, wire in ((source.config_map_key_ref, "configMapKeyRef"), (source.secret_key_ref, "secretKeyRef")):
        if key_ref is not None:
            count += 1
            matches(causes, f"{path}.{wire}.name", key_ref.name, syntax.dns_subdomain)
            present(causes, f"{path}.{wire}.key", key_ref.key, syntax.config_map_key)
    if source.file_key_ref is not None:
        count += 1
        _file_key(causes, f"{path}.fileKeyRef", source.file_key_ref)
    if not count:
        causes.append(invalid(path, "",
                              "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
    elif variable.value:
        causes.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif count > 1:
        causes.append(invalid(path, "", "may not have more than one field specified at a time"))


def _file_key(causes: Causes, path: str, source: core_v1.FileKeySelector) -> None:
    present(causes, f"{path}.key", source.key, syntax.env_name)
    present(causes, f"{path}.volumeName", source.volume_name, syntax.dns_label)
    if not source.path:
        causes.append(required(f"{path}.path"))
    else:
        no_backsteps(causes, f"{path}.path", source.path)


def file_volumes(causes: Causes, path: str, spec: PodSpec) -> None:
    """Files with variables are in volumes that the pod has for itself."""
    volumes = {volume.name: volume for volume in spec.volumes}
    for where, item in every_container(path, spec):
        for index, variable in enumerate(item.env):
            source = variable.value_from.file_key_ref if variable.value_from is not None else None
            if source is None:
                continue
            name = f"{where}.env[{index}].valueFrom.fileKeyRef.volumeName"
            volume = volumes.get(source.volume_name)
            if volume is None:
                causes.append(not_found(name, source.volume_name))
            elif volume.empty_dir is None:
                causes.append(invalid(name, source.volume_name, "referenced volume must be of type emptyDir"))


def field_reference(causes: Causes, path: str, reference: core_v1.ObjectFieldSelector, supported: Collection[str]) -> None:
    """A reference to a field of the pod, by the downward API."""
    field = reference.field_path
    if not reference.api_version:
        causes.append(required(f"{path}.apiVersion"))
        return
    if not field:
        causes.append(required(f"{path}.fieldPath"))
        return
    if field in supported and reference.api_version == "v1":
        return
    field = "spec.nodeName" if field == "spec.host" else field
    name, bracket, key = field.removesuffix("']").partition("['") if field.endswith("']") else (field, "", "")
    if reference.api_version != "v1":
        wrong = f"unsupported pod version: {reference.api_version}"
    elif bracket and name:
        wrong = "" if name in ("metadata.annotations", "metadata.labels") else f"field label does not support subscript: {field}"
    else:
        wrong = "" if field in _LABELS else f"field label not supported: {field}"
    if wrong:
        causes.append(invalid(f"{path}.fieldPath", reference.field_path, f"error converting fieldPath: {wrong}"))
    elif bracket:
        qualified(causes, path, key.lower() if name == "metadata.annotations" else key)
    elif field not in supported:
        causes.append(not_supported(f"{path}.fieldPath", field, sorted(supported)))


def resource_reference(causes: Causes, path: str, reference: core_v1.ResourceFieldSelector, *, volume: bool) -> None:
    """A reference to a resource of a container, by the downward API."""
    name = reference.resource
    if volume and not reference.container_name:
        causes.append(required(f"{path}.containerName"))
    elif not name:
        causes.append(required(f"{path}.resource"))
    elif name not in _RESOURCE_FIELDS and not name.startswith(_HUGE_PAGES):
        causes.append(not_supported(f"{path}.resource", name, _RESOURCE_FIELDS))
    divisor = canonical(reference.divisor or "0")
    if divisor == "0":
        return
    if name in ("limits.cpu", "requests.cpu"):
        if divisor not in ("1m", "1"):
            causes.append(invalid(f"{path}.divisor", name, "only divisor's values 1m and 1 are supported with the cpu resource"))
        return
    kind = _BYTE_RESOURCES.get(name.partition(".")[2]) if name in _RESOURCE_FIELDS else None
    if name.startswith(_HUGE_PAGES):
        kind = "hugepages"
    if kind is not None and divisor not in _BYTE_DIVISORS:
        causes.append(invalid(f"{path}.divisor", name,
                              f"only divisor's values {', '.join(_BYTE_DIVISORS)} are supported with the {kind} resource"))


def environment_from(causes: Causes, path: str, items: list[core_v1.EnvFromSource]) -> None:
    for index, source in enumerate(items):
        where = f"{path}[{index}]"
        if source.prefix:
            matches(causes, f"{where}.prefix", source.prefix, syntax.env_name)
        count = 0
        for reference, wire in ((source.config_map_ref, "configMapRef"), (source.secret_ref, "secretRef")):
            if reference is None:
                continue
            count += 1
            if not reference.name:
                causes.append(required(f"{where}.{wire}.name"))
            elif complaints := syntax.dns_subdomain(as_prefix(reference.name)):
                causes += [invalid(f"{where}.{wire}.name", reference.name, complaint) for complaint in complaints]
        if not count:
            causes.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif count > 1:
            causes.append(invalid(path, "", "may not have more than one field specified at a time"))

