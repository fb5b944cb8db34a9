"""The Client over HTTP: typed objects, against this server or any other Kubernetes.

Owns encoding, decoding and paths. Requests are `transport.py`'s, following changes is `reflector.py`'s.
Objects of newer servers are read too: fields that are unknown here are dropped.
"""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import msgspec

from minikube_py.apis import meta_v1
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import decode_lenient, encode, resource_of

from .connection import Connection
from .interface import PatchType, Sink
from .reflector import PAGE_OBJECTS, Reflector, list_decoder
from .transport import Transport

T = TypeVar("T", bound=Object)


class HttpClient:
    """One API server, as one user. `interface.Client` says what the calls promise.

    Attributes:
        transport: requests with paths and bytes, for what has no struct.
    """

    def __init__(self, connection: Connection, *, user_agent: str = "minikube-py", stream_lists: bool = False) -> None:
        self.transport = Transport(connection, user_agent=user_agent)
        self._manager = user_agent.partition("/")[0]
        self._stream_lists = stream_lists

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        await self.transport.close()

    def set_credentials(self, certificate: bytes, key: bytes, ca: bytes = b"") -> None:
        """Use another client certificate, and other authorities if given (PEM), from the next request on.

        Raises: ssl.SSLError if it cannot be used; the old one then stays.
        """
        self.transport.set_credentials(certificate, key, ca)

    async def get(self, kind: type[T], name: str, namespace: str = "") -> T:
        return _decode(kind, await self.transport.request("GET", resource_of(kind).item_path(name, namespace)))

    async def list(self, kind: type[T], namespace: str = "", *, label_selector: str = "", field_selector: str = "") -> list[T]:
        path, found = resource_of(kind).collection_path(namespace), []
        params: dict[str, str | int] = {"limit": PAGE_OBJECTS, **_selectors(label_selector, field_selector)}
        while True:
            answer = list_decoder.decode(await self.transport.request("GET", path, params=params))
            found += [_decode(kind, bytes(raw)) for raw in answer.items or ()]
            if not answer.metadata.continue_:
                return found
            params["continue"] = answer.metadata.continue_

    async def create(self, obj: T) -> T:
        path = resource_of(type(obj)).collection_path(_meta(obj).namespace)
        return _decode(type(obj), await self.transport.request("POST", path, body=_encoded(obj)))

    async def update(self, obj: T, subresource: str = "") -> T:
        meta = _meta(obj)
        path = resource_of(type(obj)).item_path(meta.name, meta.namespace, subresource)
        return _decode(type(obj), await self.transport.request("PUT", path, body=_encoded(obj)))

    async def patch(
        self, kind: type[T], name: str, namespace: str, patch: Any, *,
        patch_type: PatchType = "application/merge-patch+json", subresource: str = "",
    ) -> T:
        params = {"fieldManager": self._manager, "force": "true"} if patch_type == "application/apply-patch+yaml" else None
        path = resource_of(kind).item_path(name, namespace, subresource)
        return _decode(kind, await self.transport.request("PATCH", path, params=params, body=encode(patch), content_type=patch_type))

    async def delete(
        self, kind: type[Object], name: str, namespace: str = "", *, uid: str | None = None, resource_version: str | None = None,
        grace_period_seconds: int | None = None, propagation_policy: str | None = None,
    ) -> None:
        options = meta_v1.DeleteOptions(
            kind="DeleteOptions", api_version="v1", grace_period_seconds=grace_period_seconds, propagation_policy=propagation_policy
        )
        if uid is not None or resource_version is not None:
            options.preconditions = meta_v1.Preconditions(uid=uid, resource_version=resource_version)
        await self.transport.request("DELETE", resource_of(kind).item_path(name, namespace), body=encode(options))

    async def call(self, kind: type[Object], name: str, namespace: str, subresource: str, body: Object) -> Object:
        path = resource_of(kind).item_path(name, namespace, subresource)
        data = await self.transport.request("POST", path, body=encode(body))
        answered = msgspec.json.decode(data, type=_TypeMeta)
        return decode_lenient(meta_v1.Status, data) if answered.kind == "Status" else decode_lenient(type(body), data)

    async def list_and_watch(
        self, kind: type[T], sink: Sink[T], *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> None:
        reflector = Reflector(
            self.transport, resource_of(kind), lambda data: _decode(kind, data), sink, namespace=namespace,
            selectors=_selectors(label_selector, field_selector), stream_lists=self._stream_lists,
        )
        await reflector.run()


class _TypeMeta(msgspec.Struct):
    kind: str = ""


def _selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    pairs = {"labelSelector": label_selector, "fieldSelector": field_selector}
    return {key: value for key, value in pairs.items() if value}


def _meta(obj: Any) -> meta_v1.ObjectMeta:
    meta: meta_v1.ObjectMeta = obj.metadata
    return meta


def _decode(kind: type[T], data: bytes) -> T:
    """Items of lists come without kind and apiVersion; here every object has both."""
    obj: Any = decode_lenient(kind, data)
    if not obj.kind:
        resource = resource_of(kind)
        obj.kind, obj.api_version = resource.kind, resource.group_version
    return obj  # type: ignore[no-any-return]


def _encoded(obj: Any) -> bytes:
    if not obj.kind or not obj.api_version:
        kind: type[Object] = type(obj)
        resource = resource_of(kind)
        obj = copy.copy(obj)
        obj.kind, obj.api_version = resource.kind, resource.group_version
    return encode(obj)
