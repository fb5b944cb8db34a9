"""Images of pods: AlwaysPullImages, and ImagePolicyWebhook, which asks somebody else whether they may be run.

Source: plugin/pkg/admission/{alwayspullimages,imagepolicy}, pkg/apis/imagepolicy (v1alpha1)
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from minikube_py.apis.core_v1 import Pod
from minikube_py.apis.syntax import quote
from minikube_py.core import limits
from minikube_py.core.errors import UnreasonedError, aggregate_texts
from minikube_py.core.remembered import Remembered, TooManyQuestionsError

from ..configuration import ConfigurationError
from ..webhook_client import WebhookClient, WebhookError
from . import Operation, Plugin, WaitingPlugin, forbidden

log = logging.getLogger(__name__)
GROUP_VERSION, KIND = "imagepolicy.k8s.io/v1alpha1", "ImageReview"
ANNOTATIONS = ".image-policy.k8s.io/"
AUDIT_PREFIX = "imagepolicywebhook.image-policy.k8s.io/"
ANSWERS_MAX = 1024
# Seconds: the least, the greatest and the usual value; milliseconds of the last. Source: plugin/pkg/admission/imagepolicy/config.go
TTL_RANGE = (1.0, 1800.0)
ALLOW_TTL_S, DENY_TTL_S = 300.0, 30.0
BACKOFF_RANGE_MS = (1, 300_000)


class AlwaysPullImages(Plugin):
    """Who starts a pod must be able to pull its images, also where they lie already."""

    name = "AlwaysPullImages"
    resources = frozenset({"pods"})

    def mutate(self, operation: Operation) -> None:
        if _has_new_images(operation):
            spec = operation.obj.spec
            # What an update leaves alone may be shared with the stored object.
            operation.obj.spec = msgspec.structs.replace(spec, **{
                field: [msgspec.structs.replace(container, image_pull_policy="Always") for container in getattr(spec, field)]
                for field in ("init_containers", "containers", "ephemeral_containers")
            })

    def validate(self, operation: Operation) -> None:
        if not _has_new_images(operation):
            return
        texts = [
            forbidden(operation, f"{path}.imagePullPolicy: Unsupported value: {quote(container.image_pull_policy)}: supported values: "
                                 f"{quote('Always')}").message
            for path, container in _containers(operation.obj) if container.image_pull_policy != "Always"
        ]
        if texts:
            raise UnreasonedError(aggregate_texts(texts))


def _has_new_images(operation: Operation) -> bool:
    """Whether a pod is made, or updated so that it has an image which it did not have."""
    if operation.subresource or operation.verb not in ("CREATE", "UPDATE"):
        return False
    return operation.verb == "CREATE" or not {*_images(operation.obj)} <= {*_images(operation.old)}


def _containers(pod: Pod) -> Iterator[tuple[str, Any]]:
    """All containers of a pod, with the paths of their fields."""
    spec = pod.spec
    for field, containers in (
        ("initContainers", spec.init_containers), ("containers", spec.containers), ("ephemeralContainers", spec.ephemeral_containers)
    ):
        for index, container in enumerate(containers):
            yield f"spec.{field}[{index}]", container


class ImageReviewStatus(msgspec.Struct, rename="camel"):
    """What the webhook says."""

    allowed: bool = False
    reason: str = ""
    audit_annotations: dict[str, str] = {}


class ImageReview(msgspec.Struct):
    """The answer; what else is in it says nothing new."""

    status: ImageReviewStatus


class ImagePolicyConfiguration(msgspec.Struct, rename="camel"):
    """The part `imagePolicy` of the plugin's configuration: TTLs in seconds, the back-off in milliseconds."""

    kube_config_file: str = ""
    allow_ttl: int = msgspec.field(default=0, name="allowTTL")
    deny_ttl: int = msgspec.field(default=0, name="denyTTL")
    retry_backoff: int = 0
    default_allow: bool = False


class ImagePolicyWebhook(WaitingPlugin):
    """Asks a webhook about the images of pods that are created or changed."""

    name = "ImagePolicyWebhook"
    resources = frozenset({"pods"})

    def __init__(self, document: Any) -> None:
        """
        Args:
            document: the plugin's configuration.
        Raises: ConfigurationError.
        """
        given = document.get("imagePolicy") if isinstance(document, dict) else None
        if given is None:
            raise ConfigurationError("no config specified")
        try:
            configuration = msgspec.convert(given, ImagePolicyConfiguration)
        except msgspec.ValidationError as error:
            raise ConfigurationError(f"imagePolicy: {error}") from error
        self._default_allow = configuration.default_allow
        allow_s = _seconds("allow TTL", configuration.allow_ttl, ALLOW_TTL_S)
        deny_s = _seconds("deny TTL", configuration.deny_ttl, DENY_TTL_S)
        _check_backoff(configuration.retry_backoff)
        try:
            self._webhook = WebhookClient.from_kubeconfig("image policy", Path(configuration.kube_config_file))
        except ValueError as error:
            raise ConfigurationError(str(error)) from error
        self._answers: Remembered[bytes, ImageReviewStatus] = Remembered(
            self._ask, lambda status: allow_s if status.allowed else deny_s, answers_max=ANSWERS_MAX,
            questions_max=limits.WEBHOOK_CALLS_MAX,
        )

    async def validate_waiting(self, operation: Operation) -> None:
        if operation.verb not in ("CREATE", "UPDATE") or operation.subresource not in ("", "ephemeralcontainers"):
            return
        pod: Pod = operation.obj
        if operation.verb == "UPDATE" and _images(pod) == _images(operation.old):
            return
        annotations = {key: value for key, value in pod.metadata.annotations.items() if ANNOTATIONS in key}
        spec = {"containers": [{"image": image} for image in _images(pod)], "annotations": annotations, "namespace": operation.namespace}
        question = msgspec.json.encode({key: value for key, value in spec.items() if value})
        try:
            status = await self._answers.get(question)
        except (WebhookError, TooManyQuestionsError) as error:
            return self._failed(operation, error)
        for key, value in status.audit_annotations.items():
            operation.context.annotate(AUDIT_PREFIX + key, value)
        if not status.allowed:
            why = f"image policy webhook backend denied one or more images: {status.reason}"
            raise forbidden(operation, why if status.reason else "one or more images rejected by webhook backend")

    def _failed(self, operation: Operation, error: Exception) -> None:
        """Nobody answers: the configuration says what then."""
        log.warning("image policy webhook failed allowed=%s error=%s", self._default_allow, error)
        if not self._default_allow:
            raise forbidden(operation, str(error)) from error
        operation.context.annotate(AUDIT_PREFIX + "failed-open", "true")

    async def _ask(self, question: bytes) -> ImageReviewStatus:
        body = b'{"kind":"%s","apiVersion":"%s","metadata":{},"spec":%s,"status":{"allowed":false}}' % (
            KIND.encode(), GROUP_VERSION.encode(), question)
        answer = await self._webhook.post(body)
        try:
            return msgspec.json.decode(answer, type=ImageReview).status
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise WebhookError(f"the image policy webhook's answer is no {KIND}: {error}") from error

    async def close(self) -> None:
        await self._answers.close()
        await self._webhook.close()


def _images(pod: Pod) -> list[str]:
    return [container.image for _, container in _containers(pod)]


def _seconds(name: str, given: int, usual: float) -> float:
    """0 is the usual value, -1 remembers nothing."""
    if given == -1:
        return 0.0
    value = float(given) or usual
    if not TTL_RANGE[0] <= value <= TTL_RANGE[1]:
        raise ConfigurationError(f"valid value for {name} is between {TTL_RANGE[0]:.0f} and {TTL_RANGE[1]:.0f} seconds, got {given}")
    return value


def _check_backoff(given: int) -> None:
    low, high = BACKOFF_RANGE_MS
    if given and not low <= given <= high:
        raise ConfigurationError(f"valid value for retry backoff is between {low} and {high} milliseconds, got {given}")


