"""Controller references: who manages an object, and taking and giving up objects whose labels changed.

Owns the rules of adoption and release. An object is adopted only after the owner was read afresh (a cache may still show one that is
being deleted), and both patches name the uid of the object so that a namesake is never touched.
Source: pkg/controller/controller_ref_manager.go; metav1.NewControllerRef.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from minikube_py.apis.meta_v1 import ObjectMeta, OwnerReference
from minikube_py.apis.object import Object
from minikube_py.apis.scheme import gvk_of
from minikube_py.client.informer import Informer
from minikube_py.client.interface import Client
from minikube_py.core.errors import InvalidError, NotFoundError

T = TypeVar("T", bound=Object)
Matcher = Callable[[Mapping[str, str]], bool]
INDEX = "controller"


def meta_of(obj: Any) -> ObjectMeta:
    meta: ObjectMeta = obj.metadata
    return meta


def api_version_of(kind: type[Object]) -> str:
    group, version, _ = gvk_of(kind)
    return f"{group}/{version}" if group else version


def controller_of(obj: Any) -> OwnerReference | None:
    """The reference to the controller of an object, if it has one."""
    for row in meta_of(obj).owner_references:
        if row.controller:
            return row
    return None


def is_controlled_by(obj: Any, owner: Any) -> bool:
    ref = controller_of(obj)
    return ref is not None and ref.uid == meta_of(owner).uid


def controller_ref(owner: Object) -> OwnerReference:
    """The reference that marks `owner` as the controller of an object."""
    meta = meta_of(owner)
    return OwnerReference(
        api_version=api_version_of(type(owner)), kind=gvk_of(type(owner))[2], name=meta.name, uid=meta.uid, controller=True,
        block_owner_deletion=True,
    )


def index_by_controller(informer: Informer[Any]) -> None:
    """Index objects by the uid of their controller, and those without one by their namespace."""
    informer.add_index(INDEX, _controller_keys)


def _controller_keys(obj: Any) -> list[str]:
    ref = controller_of(obj)
    return [ref.uid] if ref is not None else [f"orphan/{meta_of(obj).namespace}"]


def controlled_and_orphans(informer: Informer[T], owner: Any) -> list[T]:
    """What `owner` controls, and what nobody controls in its namespace."""
    meta = meta_of(owner)
    return [*informer.by_index(INDEX, meta.uid), *informer.by_index(INDEX, f"orphan/{meta.namespace}")]


class Claims(Generic[T]):
    """Adoption and release of objects of one kind for one owner."""

    def __init__(
        self, client: Client, kind: type[T], owner: Object, selects: Matcher, finalizers: Sequence[str] = ()
    ) -> None:
        self._client = client
        self._kind = kind
        self._owner = owner
        self._selects = selects
        self._finalizers = list(finalizers)
        self._may_adopt: bool | None = None

    async def claim(self, objects: Sequence[T]) -> list[T]:
        """Adopt orphans that the selector matches, release owned objects that it does not match.

        Returns: the objects that the owner controls now, in the order given.
        Raises: StatusError if the server refuses for another reason than that the object is gone.
        """
        uid = meta_of(self._owner).uid
        return [obj for obj in objects if self._is_settled(obj, uid) or await self._claim_one(obj)]

    def _is_settled(self, obj: Any, uid: str) -> bool:
        """Whether an object is owned and selected already: the usual case."""
        refs = obj.metadata.owner_references
        return len(refs) == 1 and refs[0].uid == uid and refs[0].controller is True and self._selects(obj.metadata.labels)

    async def _claim_one(self, obj: T) -> bool:
        ref = controller_of(obj)
        owner, meta = meta_of(self._owner), meta_of(obj)
        if ref is not None:
            if ref.uid != owner.uid:
                return False
            if self._selects(meta.labels):
                return True
            if not owner.deletion_timestamp:
                await self._release(obj)
            return False
        if owner.deletion_timestamp or not self._selects(meta.labels) or meta.deletion_timestamp or meta.namespace != owner.namespace:
            return False
        return await self._adopt(obj)

    async def _adopt(self, obj: T) -> bool:
        if not await self._owner_lives():
            return False
        meta = meta_of(obj)
        ref = controller_ref(self._owner)
        row = {"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name, "uid": ref.uid, "controller": True,
               "blockOwnerDeletion": True}
        patch: dict[str, Any] = {"metadata": {"uid": meta.uid, "ownerReferences": [row]}}
        if self._finalizers:
            patch["metadata"]["finalizers"] = self._finalizers
        return await self._patch(meta, patch)

    async def _release(self, obj: T) -> None:
        meta = meta_of(obj)
        patch: dict[str, Any] = {
            "metadata": {"uid": meta.uid, "ownerReferences": [{"$patch": "delete", "uid": meta_of(self._owner).uid}]},
        }
        if self._finalizers:
            patch["metadata"]["$deleteFromPrimitiveList/finalizers"] = self._finalizers
        try:
            await self._patch(meta, patch)
        except InvalidError:
            # The object was replaced by a namesake, or holds no reference any more: there is nothing left to release.
            return

    async def _patch(self, meta: ObjectMeta, patch: dict[str, Any]) -> bool:
        try:
            await self._client.patch(
                self._kind, meta.name, meta.namespace, patch, patch_type="application/strategic-merge-patch+json"
            )
        except NotFoundError:
            return False
        return True

    async def _owner_lives(self) -> bool:
        if self._may_adopt is None:
            owner = meta_of(self._owner)
            try:
                fresh = meta_of(await self._client.get(type(self._owner), owner.name, owner.namespace))
            except NotFoundError:
                self._may_adopt = False
            else:
                self._may_adopt = fresh.uid == owner.uid and not fresh.deletion_timestamp
        return self._may_adopt
