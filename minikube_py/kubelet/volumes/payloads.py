"""The files of volumes that come from the API: pure functions from objects to file contents.

Source: kubernetes pkg/volume/configmap, secret, downwardapi, projected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity

from ..downward import FieldError, field_value, resource_value
from ..qos import every_container
from .atomic_writer import FileContent

# Source: kubernetes pkg/apis/core/v1/defaults.go
DEFAULT_MODE = 0o644
TOKEN_MODE_OWNED = 0o600


class VolumeError(Exception):
    """A volume that cannot be set up; the message is what the pod's event shows."""


def config_map_files(
    config: core_v1.ConfigMap, items: Sequence[core_v1.KeyToPath], default_mode: int, *, optional: bool
) -> dict[str, FileContent]:
    """Files of a ConfigMap: all keys, or the items asked for.

    Raises: VolumeError if an item's key is not there and not optional.
    """
    data = {**{key: value.encode() for key, value in config.data.items()}, **config.binary_data}
    return _keyed(data, items, default_mode, optional, "configmap references non-existent config key: ")


def secret_files(
    secret: core_v1.Secret, items: Sequence[core_v1.KeyToPath], default_mode: int, *, optional: bool
) -> dict[str, FileContent]:
    """Files of a Secret: all keys, or the items asked for.

    Raises: VolumeError if an item's key is not there and not optional.
    """
    return _keyed(secret.data, items, default_mode, optional, "references non-existent secret key: ")


def _keyed(
    data: Mapping[str, bytes], items: Sequence[core_v1.KeyToPath], default_mode: int, optional: bool, complaint: str
) -> dict[str, FileContent]:
    if not items:
        return {key: FileContent(value, default_mode) for key, value in data.items()}
    files = {}
    for item in items:
        if item.key not in data:
            if optional:
                continue
            raise VolumeError(f"{complaint}{item.key}")
        files[item.path] = FileContent(data[item.key], item.mode if item.mode is not None else default_mode)
    return files


def downward_files(
    pod: core_v1.Pod, items: Sequence[core_v1.DownwardAPIVolumeFile], default_mode: int, allocatable: Mapping[str, Quantity]
) -> dict[str, FileContent]:
    """Files of a pod's own fields.

    Raises: VolumeError if there is no such field.
    """
    files = {}
    for item in items:
        try:
            if item.field_ref is not None:
                text = field_value(pod, item.field_ref.field_path)
            elif item.resource_field_ref is not None:
                text = resource_value(pod, item.resource_field_ref, item.resource_field_ref.container_name, allocatable)
            else:
                continue
        except FieldError as error:
            raise VolumeError(str(error)) from error
        files[item.path] = FileContent(text.encode(), item.mode if item.mode is not None else default_mode)
    return files


def token_owner(pod: core_v1.Pod) -> int | None:
    """The user of all the pod's containers, if it is one and the same; who then owns the token's file.

    Source: kubernetes pkg/volume/util/util.go, FsUserFrom.
    """
    pod_user = pod.spec.security_context.run_as_user if pod.spec.security_context is not None else None
    users = set()
    for container in every_container(pod):
        own = container.security_context.run_as_user if container.security_context is not None else None
        users.add(own if own is not None else pod_user)
    return next(iter(users)) if len(users) == 1 else None
