"""What components know of the API server: typed calls, and a stream of changes into a sink.

Two implementations: one over HTTP (`http.py`), one that calls the Registry in this process (`apiserver/local_client.py`).
Errors are `core.errors.StatusError`s in both. Objects that come from a sink are shared: they are read-only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeVar

from minikube_py.apis.object import Object

T = TypeVar("T", bound=Object)
K = TypeVar("K", bound=Object, contravariant=True)

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
PatchType = Literal[
    "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml"
]


class Sink(Protocol[K]):
    """Takes the state of one kind. Both methods return at once and do not raise for one bad object."""

    def replace(self, objects: Sequence[K]) -> None:
        """The whole present state; what was known before and is not in it is gone."""

    def apply(self, event: EventType, obj: K) -> None:
        """One change, in the order of revisions."""


class Client(Protocol):
    """The Kubernetes API for objects of known structs. `namespace` is "" for cluster-scoped kinds."""

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        """Read one object, as of now.

        Raises: NotFoundError.
        """

    async def list(self, kind: type[T], namespace: str = "", *, label_selector: str = "", field_selector: str = "") -> list[T]:
        """Read the objects of a kind; namespace "" is all namespaces."""

    async def create(self, obj: T) -> T:
        """Create an object and return it as stored.

        Raises: AlreadyExistsError, InvalidError, ForbiddenError, NotFoundError (its namespace).
        Cancellation: the object may still be created.
        """

    async def update(self, obj: T, subresource: str = "") -> T:
        """Replace an object (or its "status") and return it as stored. The resourceVersion in it, if any, must be the newest.

        Raises: ConflictError, also for an object with a uid that is gone or was replaced; NotFoundError for one without; InvalidError.
        Cancellation: the update may still land.
        """

    async def patch(
        self, kind: type[T], name: str, namespace: str, patch: Any, *,
        patch_type: PatchType = "application/merge-patch+json", subresource: str = "",
    ) -> T:
        """Patch an object with a plain document (or list of JSON patch operations)."""

    async def delete(
        self, kind: type[Object], name: str, namespace: str = "", *, uid: str | None = None, resource_version: str | None = None,
        grace_period_seconds: int | None = None, propagation_policy: str | None = None,
    ) -> None:
        """Delete an object; with finalizers or a grace period it may stay a while.

        Raises: NotFoundError; ConflictError if `uid` or `resource_version` are not the object's.
        """

    async def call(self, kind: type[Object], name: str, namespace: str, subresource: str, body: Object) -> Object:
        """POST to a subresource ("binding", "token", "eviction") and return its answer (a struct of body's type or a Status)."""

    async def list_and_watch(
        self, kind: type[T], sink: Sink[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> None:
        """Keep a sink up to date until cancelled: a list, then each change; lists again where a watch cannot go on.

        Lost connections are retried with back-off; the sink then gets `replace` with the newer state. A kind that is not served is
        waited for.
        """
