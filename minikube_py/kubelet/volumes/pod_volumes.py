"""Setting up, keeping current and removing the volumes of pods.

Layout: `pods/UID/volumes/kubernetes.io~KIND/NAME`, `pods/UID/volume-subpaths/NAME/CONTAINER/INDEX`. Secrets and tokens live in memory
filesystems: they never reach the disk. Setting up is idempotent and cheap when nothing has changed, so it is part of every sync; that is
also how changed ConfigMaps, labels and tokens get into running pods.

Source: kubernetes.io/docs/concepts/storage/volumes/; kubernetes pkg/volume.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import value as whole_value
from minikube_py.client.interface import Client
from minikube_py.core.errors import NotFoundError, StatusError

from ..container_status import AnyContainer
from ..cri_config import BindMount
from ..env import References
from ..expansion import expand, references
from ..service_account_tokens import ServiceAccountTokens
from . import atomic_writer, payloads
from .atomic_writer import FileContent
from .mounting import bind_mount, is_mount, make_beneath, mount_tmpfs, open_beneath, remove_tree, unmount
from .ownership import set_group
from .payloads import VolumeError


@dataclass(slots=True)
class Mounted:
    """The volumes of a pod that is set up.

    Attributes:
        paths: volume name -> directory (or file or device) on the host.
        read_only: volumes that may only be read, whatever the container says.
        renew_s: in how many seconds a token is to be renewed; None if there is none.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    read_only: set[str] = field(default_factory=set)
    renew_s: float | None = None


class PodVolumes:
    """Volumes of all pods on the node.

    Args:
        allocatable: gives the node's resources, for downward API volumes.
    """

    def __init__(
        self, pods_dir: Path, client: Client, references: References, tokens: ServiceAccountTokens,
        allocatable: Callable[[], Mapping[str, Quantity]],
    ) -> None:
        self._pods_dir = pods_dir
        self._client = client
        self._references = references
        self._tokens = tokens
        self._allocatable = allocatable

    def pod_dir(self, uid: str) -> Path:
        return self._pods_dir / uid

    async def set_up(self, pod: core_v1.Pod) -> Mounted:
        """Make every volume of a pod be there and current.

        Raises: VolumeError of the first volume that cannot be set up; its `args[0]` is upstream's message.
        """
        mounted = Mounted()
        for volume in pod.spec.volumes:
            try:
                await self._set_up_one(pod, volume, mounted)
            except (VolumeError, StatusError, OSError, ValueError) as error:
                raise VolumeError(f'MountVolume.SetUp failed for volume "{volume.name}" : {error}') from error
        return mounted

    async def tear_down(self, uid: str) -> None:
        """Remove a pod's volumes and whatever else lies in its directory.

        Raises: OSError.
        """
        self._tokens.forget(uid)
        await asyncio.to_thread(remove_tree, self.pod_dir(uid))

    async def container_mounts(
        self, pod: core_v1.Pod, container: AnyContainer, mounted: Mounted, environment: Mapping[str, str]
    ) -> list[BindMount]:
        """The mounts of a container.

        Raises: VolumeError for a subpath that leaves its volume, or a volume that is not there.
        """
        result = []
        for index, mount in enumerate(container.volume_mounts):
            path = mounted.paths.get(mount.name)
            if path is None:
                raise VolumeError(f'cannot find volume "{mount.name}" to mount into container "{container.name}"')
            sub_path = _expanded(mount.sub_path_expr, environment) if mount.sub_path_expr else mount.sub_path
            if sub_path:
                where = self.pod_dir(pod.metadata.uid) / "volume-subpaths" / mount.name / container.name / str(index)
                path = await asyncio.to_thread(_bind_sub_path, path, sub_path, where)
            inside = mount.mount_path if mount.mount_path.startswith("/") else f"/{mount.mount_path}"
            read_only = bool(mount.read_only) or mount.name in mounted.read_only
            result.append(BindMount(inside, str(path), read_only, mount.mount_propagation or ""))
        return result

    def _directory(self, pod: core_v1.Pod, kind: str, name: str) -> Path:
        return self.pod_dir(pod.metadata.uid) / "volumes" / f"kubernetes.io~{kind}" / name

    async def _set_up_one(self, pod: core_v1.Pod, volume: core_v1.Volume, mounted: Mounted) -> None:
        if volume.empty_dir is not None:
            path = self._directory(pod, "empty-dir", volume.name)
            await asyncio.to_thread(_empty_dir, path, volume.empty_dir, fs_group(pod))
        elif volume.host_path is not None:
            path = Path(volume.host_path.path)
            await asyncio.to_thread(_host_path, path, volume.host_path.type or "")
        elif volume.persistent_volume_claim is not None:
            path = await self._claim(pod, volume.persistent_volume_claim, volume.name, mounted)
        else:
            path = await self._files(pod, volume, mounted)
            mounted.read_only.add(volume.name)
        mounted.paths[volume.name] = path

    async def _files(self, pod: core_v1.Pod, volume: core_v1.Volume, mounted: Mounted) -> Path:
        """A volume whose files come from the API."""
        in_memory = False
        if volume.config_map is not None:
            kind, source = "configmap", volume.config_map
            mode = _mode(source.default_mode)
            files = await self._config_map(pod, source.name, source.items, mode, bool(source.optional))
        elif volume.secret is not None:
            kind, in_memory = "secret", True
            secret = volume.secret
            files = await self._secret(pod, secret.secret_name, secret.items, _mode(secret.default_mode), bool(secret.optional))
        elif volume.downward_api is not None:
            kind = "downward-api"
            files = payloads.downward_files(pod, volume.downward_api.items, _mode(volume.downward_api.default_mode), self._allocatable())
        elif volume.projected is not None:
            kind, in_memory = "projected", True
            files = await self._projected(pod, volume.projected, mounted)
        else:
            raise VolumeError("no volume plugin matched")
        path = self._directory(pod, kind, volume.name)
        await asyncio.to_thread(_write_files, path, files, fs_group(pod), in_memory)
        return path

    async def _projected(self, pod: core_v1.Pod, volume: core_v1.ProjectedVolumeSource, mounted: Mounted) -> dict[str, FileContent]:
        mode = _mode(volume.default_mode)
        files: dict[str, FileContent] = {}
        for source in volume.sources or ():
            if source.config_map is not None:
                config = source.config_map
                files |= await self._config_map(pod, config.name, config.items, mode, bool(config.optional))
            elif source.secret is not None:
                secret = source.secret
                files |= await self._secret(pod, secret.name, secret.items, mode, bool(secret.optional))
            elif source.downward_api is not None:
                files |= payloads.downward_files(pod, source.downward_api.items, mode, self._allocatable())
            elif source.service_account_token is not None:
                text, renew_s = await self._tokens.token(pod, source.service_account_token)
                mounted.renew_s = min(renew_s, mounted.renew_s or renew_s)
                owner = payloads.token_owner(pod)
                owned = owner is not None or fs_group(pod) is not None
                files[source.service_account_token.path] = FileContent(text.encode(), payloads.TOKEN_MODE_OWNED if owned else mode, owner)
            else:
                raise VolumeError("unsupported projected volume source")
        return files

    async def _config_map(
        self, pod: core_v1.Pod, name: str, items: list[core_v1.KeyToPath], mode: int, optional: bool
    ) -> dict[str, FileContent]:
        found = await self._references.config_map(pod.metadata.namespace, name)
        if found is None:
            if optional:
                return {}
            raise VolumeError(f'configmap "{name}" not found')
        return payloads.config_map_files(found, items, mode, optional=optional)

    async def _secret(
        self, pod: core_v1.Pod, name: str, items: list[core_v1.KeyToPath], mode: int, optional: bool
    ) -> dict[str, FileContent]:
        found = await self._references.secret(pod.metadata.namespace, name)
        if found is None:
            if optional:
                return {}
            raise VolumeError(f'secret "{name}" not found')
        return payloads.secret_files(found, items, mode, optional=optional)

    async def _claim(
        self, pod: core_v1.Pod, source: core_v1.PersistentVolumeClaimVolumeSource, name: str, mounted: Mounted
    ) -> Path:
        """A bound claim whose volume is a directory of this node."""
        try:
            claim = await self._client.get(core_v1.PersistentVolumeClaim, source.claim_name, pod.metadata.namespace)
        except NotFoundError as error:
            raise VolumeError(f'persistentvolumeclaim "{source.claim_name}" not found') from error
        if claim.status.phase != "Bound" or not claim.spec.volume_name:
            raise VolumeError("PVC is not bound")
        volume = await self._client.get(core_v1.PersistentVolume, claim.spec.volume_name)
        if source.read_only:
            mounted.read_only.add(name)
        if volume.spec.host_path is not None:
            path, kind = Path(volume.spec.host_path.path), volume.spec.host_path.type or ""
        elif volume.spec.local is not None:
            path, kind = Path(volume.spec.local.path), "Directory"
        else:
            raise VolumeError(f'persistent volume "{volume.metadata.name}" is of a kind that this node cannot mount')
        await asyncio.to_thread(_host_path, path, kind)
        group = fs_group(pod)
        if group is not None and volume.spec.local is not None:
            policy = pod.spec.security_context.fs_group_change_policy if pod.spec.security_context is not None else None
            await asyncio.to_thread(set_group, path, group, only_on_mismatch=policy == "OnRootMismatch")
        return path


def fs_group(pod: core_v1.Pod) -> int | None:
    """The group that a pod's volumes belong to."""
    return pod.spec.security_context.fs_group if pod.spec.security_context is not None else None


def _mode(mode: int | None) -> int:
    return payloads.DEFAULT_MODE if mode is None else mode


def _write_files(path: Path, files: Mapping[str, FileContent], group: int | None, in_memory: bool) -> None:
    if in_memory:
        mount_tmpfs(path)
    atomic_writer.write(path, files, group=group)


def _empty_dir(path: Path, source: core_v1.EmptyDirVolumeSource, group: int | None) -> None:
    fresh = not path.exists()
    if source.medium == "Memory":
        size = whole_value(source.size_limit) if source.size_limit else None
        if not path.exists() or not is_mount(path):
            mount_tmpfs(path, size)
            fresh = True
    else:
        path.mkdir(parents=True, exist_ok=True)
    if fresh:
        # A filesystem of its own has the sticky bit besides.
        if path.stat().st_mode & 0o777 != 0o777:
            path.chmod(0o777)
        if group is not None:
            set_group(path, group)


def _host_path(path: Path, kind: str) -> None:
    """Check a path of the host, or make it, as its type says."""
    if kind == "DirectoryOrCreate":
        path.mkdir(parents=True, exist_ok=True, mode=0o755)
    elif kind == "FileOrCreate" and not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
    if kind == "":
        return
    wanted: dict[str, tuple[Callable[[int], bool], str]] = {
        "Directory": (stat.S_ISDIR, "directory"), "DirectoryOrCreate": (stat.S_ISDIR, "directory"), "File": (stat.S_ISREG, "file"),
        "FileOrCreate": (stat.S_ISREG, "file"), "Socket": (stat.S_ISSOCK, "socket"), "CharDevice": (stat.S_ISCHR, "character device"),
        "BlockDevice": (stat.S_ISBLK, "block device"),
    }
    if kind not in wanted:
        raise VolumeError(f"{kind} is an invalid volume type")
    test, text = wanted[kind]
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = 0
    if not test(mode):
        raise VolumeError(f"hostPath type check failed: {path} is not a {text}")


def _expanded(expression: str, environment: Mapping[str, str]) -> str:
    missing = sorted(name for name in references(expression) if not environment.get(name))
    if missing:
        raise VolumeError(f"missing value for {', '.join(missing)}")
    return expand(expression, environment)


def _bind_sub_path(volume: Path, sub_path: str, where: Path) -> Path:
    """Bind a path of a volume to a place outside it, so that nobody can turn it elsewhere before the container sees it."""
    if where.exists() and is_mount(where):
        unmount(where)
    if sub_path.startswith("/"):
        raise VolumeError(f"error SubPath `{sub_path}` must not be an absolute path")
    if ".." in sub_path.split("/"):
        raise VolumeError(f"unable to provision SubPath `{sub_path}`: must not contain '..'")
    try:
        found = open_beneath(volume, sub_path)
    except FileNotFoundError:
        make_beneath(volume, sub_path)
        found = open_beneath(volume, sub_path)
    except OSError as error:
        raise VolumeError(f'subPath "{sub_path}" of a volume cannot be used: {error.strerror}') from error
    try:
        where.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        if stat.S_ISDIR(os.fstat(found).st_mode):
            where.mkdir(exist_ok=True)
        else:
            where.touch()
        bind_mount(f"/proc/self/fd/{found}", where)
    finally:
        os.close(found)
    return where
