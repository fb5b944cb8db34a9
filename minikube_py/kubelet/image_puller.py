"""Making a container's image be there, as its pull policy says.

Owns pull secrets, back-off per pod and image, and the events. Pulls of one image are done once at a time.
Source: kubernetes.io/docs/concepts/containers/images/; kubernetes pkg/kubelet/images/image_manager.go.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Callable

from minikube_py.apis import core_v1
from minikube_py.core.duration import format_duration
from minikube_py.cri.errors import CriError
from minikube_py.cri.interface import ImageService, runtime_v1

from .container_status import AnyContainer
from .env import References
from .restart_backoff import RestartBackoff

_REFERENCE = re.compile(
    r"^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[A-Za-z][A-Za-z0-9]*:[0-9a-fA-F]{32,})?$"
)
DOCKER_HUB = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")

# (event type, reason, message)
Report = Callable[[str, str, str], None]


class StartError(Exception):
    """Why a container cannot be started now.

    Attributes:
        reason: of its waiting state.
        message: of its waiting state.
        event: message of the "Failed" event, "" if none is to be recorded.
    """

    def __init__(self, reason: str, message: str, event: str = "") -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.event = event


class ImagePuller:
    """Images of the node's containers."""

    def __init__(self, images: ImageService, references: References) -> None:
        self._images = images
        self._references = references
        self._backoff = RestartBackoff()
        self._locks: dict[str, asyncio.Lock] = {}
        # (pod, image) -> when the last pull failed, in the loop's seconds, and why.
        self._failures: dict[tuple[str, str], tuple[float, str]] = {}

    def retry_s(self, pod: core_v1.Pod, container: AnyContainer) -> float:
        """Seconds until the next pull of a container's image may begin."""
        key = (pod.metadata.uid, container.image)
        return max(0.0, self._backoff.remaining_s(key, self._last(key), asyncio.get_running_loop().time()))

    def forget(self, pod: core_v1.Pod) -> None:
        """Drop the back-off of a pod that is gone."""
        for container in [*pod.spec.init_containers, *pod.spec.containers]:
            self._backoff.forget((pod.metadata.uid, container.image))
            self._failures.pop((pod.metadata.uid, container.image), None)

    async def ensure(self, pod: core_v1.Pod, container: AnyContainer, report: Report) -> runtime_v1.Image:
        """The image of a container, pulled if need be.

        Raises: StartError.
        Cancellation: the pull may go on in the runtime.
        """
        name = with_tag(container.image)
        if name is None:
            message = (
                f"Failed to apply default image tag {json.dumps(container.image)}: couldn't parse image name "
                f"{json.dumps(container.image)}: invalid reference format"
            )
            report("Warning", "InspectFailed", message)
            raise StartError("InvalidImageName", message, "Error: InvalidImageName")
        policy = container.image_pull_policy or "IfNotPresent"
        present = await self._inspect(name, container, report)
        if policy != "Always" and present is not None:
            report("Normal", "Pulled", f'Container image "{container.image}" already present on machine and can be accessed by the pod')
            return present
        if policy == "Never":
            message = f'Container image "{container.image}" is not present with pull policy of Never'
            report("Warning", "ErrImageNeverPull", message)
            raise StartError("ErrImageNeverPull", message, "Error: ErrImageNeverPull")
        return await self._pull(pod, container, name, report)

    async def _inspect(self, name: str, container: AnyContainer, report: Report) -> runtime_v1.Image | None:
        try:
            return await self._images.image_status(runtime_v1.ImageSpec(image=name))
        except CriError as error:
            message = f'Failed to inspect image "{container.image}": {error.message}'
            report("Warning", "InspectFailed", message)
            raise StartError("ImageInspectError", message, "Error: ImageInspectError") from error

    async def _pull(self, pod: core_v1.Pod, container: AnyContainer, name: str, report: Report) -> runtime_v1.Image:
        key = (pod.metadata.uid, container.image)
        loop = asyncio.get_running_loop()
        if self._backoff.remaining_s(key, self._last(key), loop.time()) > 0:
            message = f'Back-off pulling image "{container.image}"'
            report("Normal", "BackOff", message)
            raise StartError("ImagePullBackOff", message + self._why(key), "Error: ImagePullBackOff")
        report("Normal", "Pulling", f'Pulling image "{container.image}"')
        asked_s = loop.time()
        async with self._locks.setdefault(name, asyncio.Lock()):
            began_s = loop.time()
            try:
                image = await self._fetch(pod, name)
            except CriError as error:
                text = f'failed to pull and unpack image "{container.image}"' if not error.message else error.message
                report("Warning", "Failed", f'Failed to pull image "{container.image}": {text}')
                self._failures[key] = (loop.time(), text)
                self._backoff.advance(key, loop.time())
                raise StartError("ErrImagePull", text, "Error: ErrImagePull") from error
        self._backoff.forget(key)
        self._failures.pop(key, None)
        took, whole = go_seconds(loop.time() - began_s), go_seconds(loop.time() - asked_s)
        report("Normal", "Pulled", f'Successfully pulled image "{container.image}" in {took} ({whole} including waiting). '
                                   f"Image size: {image.size} bytes.")
        return image

    async def _fetch(self, pod: core_v1.Pod, name: str) -> runtime_v1.Image:
        """Pull with each credential that fits, and without one at last."""
        spec = runtime_v1.ImageSpec(image=name)
        failure: CriError | None = None
        for auth in [*await self._credentials(pod, name), None]:
            try:
                reference = await self._images.pull_image(spec, auth=auth)
                image = await self._images.image_status(runtime_v1.ImageSpec(image=reference))
            except CriError as error:
                failure = failure or error
                continue
            if image is None:
                raise CriError(f"image {name} was pulled but is not present")
            return image
        raise failure or CriError("no pull was tried")

    async def _credentials(self, pod: core_v1.Pod, name: str) -> list[runtime_v1.AuthConfig]:
        found = []
        for reference in pod.spec.image_pull_secrets:
            secret = await self._references.secret(pod.metadata.namespace, reference.name)
            if secret is not None:
                found += credentials_of(secret, name)
        return found

    def _last(self, key: tuple[str, str]) -> float:
        return self._failures.get(key, (0.0, ""))[0]

    def _why(self, key: tuple[str, str]) -> str:
        text = self._failures.get(key, (0.0, ""))[1]
        return f": ErrImagePull: {text}" if text else ""


def with_tag(image: str) -> str | None:
    """The reference with ":latest" if it has neither tag nor digest; None if it is no reference."""
    if not _REFERENCE.match(image):
        return None
    last = image.rsplit("/", 1)[-1]
    return image if "@" in image or ":" in last else f"{image}:latest"


def registry_of(image: str) -> str:
    """The registry that a reference leads to."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first
    return "docker.io"


def credentials_of(secret: core_v1.Secret, image: str) -> list[runtime_v1.AuthConfig]:
    """The credentials in a pull secret that fit an image."""
    try:
        if secret.type == "kubernetes.io/dockercfg":
            auths = json.loads(secret.data.get(".dockercfg", b"{}"))
        else:
            auths = json.loads(secret.data.get(".dockerconfigjson", b"{}")).get("auths", {})
    except (ValueError, AttributeError):
        return []
    registry = registry_of(image)
    path = image if image.startswith(f"{registry}/") else f"{registry}/{image}"
    found = []
    for server, entry in sorted(auths.items(), key=lambda item: len(item[0]), reverse=True):
        where = re.sub(r"^https?://", "", server).rstrip("/")
        fits = path == where or path.startswith(f"{where}/") or (registry == "docker.io" and server in DOCKER_HUB)
        if fits and isinstance(entry, dict):
            found.append(_auth(entry, server))
    return found


def _auth(entry: dict[str, str], server: str) -> runtime_v1.AuthConfig:
    user, password = entry.get("username", ""), entry.get("password", "")
    if not user and entry.get("auth"):
        try:
            user, _, password = base64.b64decode(entry["auth"]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user = password = ""
    return runtime_v1.AuthConfig(
        username=user, password=password, identity_token=entry.get("identitytoken", ""), registry_token=entry.get("registrytoken", ""),
        server_address=server,
    )


def go_seconds(seconds: float) -> str:
    """A short duration as messages have it ("412ms", "1.204s")."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    return f"{seconds:.3f}".rstrip("0").rstrip(".") + "s" if seconds < 60 else format_duration(round(seconds))
