"""The Registry: the one way to objects, for HTTP handlers and for components in this process.

Owns create, read, update and delete of every kind: metadata, admission, validation, preconditions, and the translation of store
errors. Deletion's rules are in `deletion.py`, what is particular to a kind in its strategy, and how requests look in `http/`.

Between reading the newest version (`store.head`) and handing the new one to the store nothing is awaited, so a
read-modify-write without a resourceVersion cannot lose a concurrent change and never has to be repeated.

Source: k8s.io/apiserver/pkg/registry/generic/registry/store.go, kubernetes.io/docs/reference/using-api/api-concepts
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Any

from minikube_py.apis.scheme import deep_copy, encode, encode_sorted
from minikube_py.core import limits
from minikube_py.core.clock import SYSTEM_CLOCK, Clock, rfc3339
from minikube_py.core.errors import (
    MODIFIED,
    BadRequestError,
    Cause,
    InternalError,
    RequestEntityTooLargeError,
    StatusError,
    StorageError,
    TooManyRequestsError,
    already_exists,
    conflict,
    invalid,
    not_found,
)
from minikube_py.core.names import SUFFIX_LENGTH, random_suffix
from minikube_py.store.interface import (
    Encode,
    Entry,
    ExistsError,
    FullError,
    Listing,
    MissingError,
    RevisionConflictError,
    Store,
    StoreError,
)

from .admission import Admission, Operation
from .context import INTERNAL, Context
from .deletion import DeleteOptions, begin_deletion, check_preconditions
from .field_managers import FieldManagers
from .managed_fields.entries import differ_in_time
from .storage import Storage, encode_versioned

# Source: k8s.io/apiserver/pkg/storage/names/generate.go
NAME_LENGTH_MAX = 63
NAME_TRIES = 8

Transform = Callable[[Any], Any]


class Registry:
    """All served resources over one store.

    Args:
        storages: one per served resource and version.
        admission: checks and changes objects between defaulting and validation.
    """

    def __init__(self, store: Store, storages: Iterable[Storage], admission: Admission, clock: Clock = SYSTEM_CLOCK) -> None:
        self.store = store
        self.admission = admission
        self.clock = clock
        self._storages = {storage.resource.gvr: storage for storage in storages}
        self._by_struct = {storage.struct: storage for storage in self._storages.values()}
        self.field_managers = FieldManagers(self._storages.values)

    def storages(self) -> Iterable[Storage]:
        return self._storages.values()

    def serve(self, storage: Storage) -> None:
        """Serve a resource from now on, in place of what had its name."""
        self.withdraw(storage)
        self._storages[storage.resource.gvr] = storage
        self._by_struct[storage.struct] = storage
        self.field_managers.forget(storage)

    def withdraw(self, storage: Storage) -> None:
        """Serve a resource no longer; one that is not served is no error. What it stored stays."""
        known = self._storages.pop(storage.resource.gvr, None)
        if known is not None:
            del self._by_struct[known.struct]
            self.field_managers.forget(known)

    def storage(self, group: str, version: str, plural: str) -> Storage | None:
        """The storage of a served resource, or None."""
        return self._storages.get((group, version, plural))

    def storage_of(self, struct: type[Any]) -> Storage:
        """The storage of a struct.

        Raises: KeyError if the struct is not served.
        """
        return self._by_struct[struct]

    def now(self) -> str:
        """The time in objects: RFC 3339, seconds."""
        return rfc3339(self.clock.now())

    # Reading.

    def get(self, storage: Storage, namespace: str, name: str) -> Entry:
        """The newest acknowledged version.

        Raises: NotFoundError.
        """
        entry = self.store.get(storage.collection, storage.key(namespace, name))
        if entry is None:
            raise not_found(storage.resource.group, storage.resource.plural, name)
        return entry

    def list(self, storage: Storage, namespace: str = "") -> Listing:
        return self.store.list(storage.collection, namespace if storage.resource.namespaced else "")

    def list_at(self, storage: Storage, namespace: str, revision: int) -> Listing:
        """What was there at a revision.

        Raises: CompactedError if that is no longer known.
        """
        return self.store.list_at(storage.collection, revision, namespace if storage.resource.namespaced else "")

    # Writing.

    async def create(
        self, storage: Storage, namespace: str, obj: Any, context: Context = INTERNAL, *, tracked: bool = False
    ) -> Entry:
        """Create an object and return it as stored.

        Args:
            obj: of the storage's struct, without defaults; it is changed and must not be used afterwards.
            tracked: whether its managedFields are as they are to be.
        Raises: AlreadyExistsError, BadRequestError, InvalidError, ForbiddenError, NotFoundError (its namespace).
        Cancellation: the object may still be created.
        """
        self._begin_create(storage, namespace, obj)
        generate = not obj.metadata.name and obj.metadata.generate_name
        for attempt in range(NAME_TRIES):
            if generate:
                obj.metadata.name = generated_name(obj.metadata.generate_name)
            try:
                return await self._create(storage, namespace, obj, context, tracked or attempt > 0)
            except ExistsError as error:
                name = obj.metadata.name
                if not generate or attempt == NAME_TRIES - 1:
                    raise already_exists(storage.resource.group, storage.resource.plural, name) from error
        raise InternalError("unreachable")

    def _begin_create(self, storage: Storage, namespace: str, obj: Any) -> None:
        meta = obj.metadata
        if storage.resource.namespaced and meta.namespace and meta.namespace != namespace:
            raise BadRequestError("the namespace of the provided object does not match the namespace sent on the request")
        meta.namespace = namespace if storage.resource.namespaced else ""
        if meta.resource_version:
            raise StorageError("resourceVersion should not be set on objects to be created")
        obj.kind, obj.api_version = storage.resource.kind, storage.resource.group_version
        meta.uid = str(uuid.uuid4())
        meta.creation_timestamp = self.now()
        meta.deletion_timestamp = ""
        meta.deletion_grace_period_seconds = None
        meta.self_link = ""

    async def _create(self, storage: Storage, namespace: str, obj: Any, context: Context, tracked: bool) -> Entry:
        """Admit, check and store a new object.

        Raises: ExistsError if there is one of that name.
        """
        strategy, resource = storage.strategy, storage.resource
        storage.set_defaults(obj)
        if not tracked:
            self._track(storage, "", None, obj, context)
        self.admission.mutate(Operation("CREATE", storage, namespace, obj.metadata.name, obj, None, "", context))
        if storage.converts:
            storage.set_defaults(obj)  # of what admission added
        stored = storage.to_storage(obj)
        strategy.prepare_create(stored, context)
        storage.stored.set_defaults(stored)  # of what admission added, and of the new status
        causes = strategy.causes_of_create(stored, context)
        if causes:
            raise invalid(resource.group, resource.kind, obj.metadata.name or obj.metadata.generate_name, causes)
        try:
            self.admission.validate(Operation("CREATE", storage, namespace, obj.metadata.name, obj, None, "", context))
            key = storage.key(namespace, obj.metadata.name)
            if context.dry_run:
                if self.store.head(storage.collection, key) is not None:
                    raise ExistsError(key)
                strategy.abandon(stored, None)
                return Entry(key, 0, encode_without_revision(stored), stored, 0)
            encode_ = encode_checked if tracked else encode_fitting
            write = self.store.create(storage.collection, key, stored, encode_, durable=strategy.durable)
            return await self._write(write, storage, key)
        except Exception:
            strategy.abandon(stored, None)
            raise

    async def update(
        self, storage: Storage, namespace: str, name: str, transform: Transform, context: Context = INTERNAL, *,
        subresource: str = "", create: bool = False, tracked: bool = False,
    ) -> tuple[Entry, bool]:
        """Replace an object by what `transform` makes of it and return it as stored, and whether it was created.

        Args:
            transform: gets the newest object of the served version (read-only; None when there is none and `create`) and returns
                the new one, which is changed here. Not called again: nothing is awaited between reading and writing.
            subresource: "" or "status", or one that the strategy's `prepare_<subresource>` knows.
            create: whether an object that is not there is created (PUT of kinds that allow it, server-side apply).
            tracked: whether `transform` leaves managedFields as they are to be.
        Raises: NotFoundError, ConflictError, BadRequestError, InvalidError, ForbiddenError.
        Cancellation: the update may still land.
        """
        key = storage.key(namespace, name)
        head = self.store.head(storage.collection, key)
        if head is None:
            if not create:
                raise not_found(storage.resource.group, storage.resource.plural, name)
            return await self._create_by_update(storage, namespace, name, transform(None), context, tracked), True
        old, served = storage.object(head), storage.served(head)
        new = transform(served)
        self._begin_update(storage, namespace, name, new, old)
        operation = Operation("UPDATE", storage, namespace, name, new, served, subresource, context)
        storage.set_defaults(new)
        if not tracked:
            self._track(storage, subresource, served, new, context)
        self.admission.mutate(operation)
        storage.set_defaults(new)
        stored = storage.to_storage(new)
        self._prepare_update(storage, stored, old, subresource, context)
        strategy = storage.strategy
        causes = strategy.causes_of_update(stored, old, subresource, context)
        if causes:
            raise invalid(storage.resource.group, storage.resource.kind, name, causes)
        try:
            self.admission.validate(operation)
            return await self._replace(storage, key, stored, head, context, encode_checked if tracked else encode_fitting), False
        except Exception:
            strategy.abandon(stored, old)
            raise

    def _track(self, storage: Storage, subresource: str, old: Any, new: Any, context: Context) -> None:
        """Say in managedFields who set what; what admission and strategies change after this is nobody's."""
        fields = self.field_managers.of(storage, subresource)
        new.metadata.managed_fields = fields.update(old, new, context.field_manager, self.now())

    async def _create_by_update(
        self, storage: Storage, namespace: str, name: str, obj: Any, context: Context, tracked: bool
    ) -> Entry:
        """Create what a PUT did not find; one that means a certain object means one that is gone."""
        meta = obj.metadata
        if meta.uid:
            raise conflict(storage.resource.group, storage.resource.plural, name,
                           f"Precondition failed: UID in precondition: {meta.uid}, UID in object meta: ")
        meta.resource_version = ""
        return await self.create(storage, namespace, obj, context, tracked=tracked)

    def _begin_update(self, storage: Storage, namespace: str, name: str, new: Any, old: Any) -> None:
        resource, meta, known = storage.resource, new.metadata, old.metadata
        if not meta.name:
            meta.name = name
        elif meta.name != name:
            raise BadRequestError(f"the name of the object ({meta.name}) does not match the name on the URL ({name})")
        if resource.namespaced and meta.namespace and meta.namespace != namespace:
            raise BadRequestError(
                f"the namespace of the object ({meta.namespace}) does not match the namespace on the request ({namespace})"
            )
        meta.namespace = namespace if resource.namespaced else ""
        if meta.uid and meta.uid != known.uid:
            raise conflict(
                resource.group, resource.plural, name,
                f"Precondition failed: UID in precondition: {meta.uid}, UID in object meta: {known.uid}",
            )
        if meta.resource_version and meta.resource_version != "0":
            if meta.resource_version != known.resource_version:
                if not (meta.resource_version.isascii() and meta.resource_version.isdigit()):
                    why = f'Invalid value: "{meta.resource_version}": must be an unsigned integer'
                    raise invalid(resource.group, resource.kind, name, [Cause("FieldValueInvalid", why, "metadata.resourceVersion")])
                raise conflict(resource.group, resource.plural, name, MODIFIED)
        elif not storage.strategy.unconditional_update:
            why = "Invalid value: 0x0: must be specified for an update"
            raise invalid(resource.group, resource.plural, name, [Cause("FieldValueInvalid", why, "metadata.resourceVersion")])
        new.kind, new.api_version = resource.kind, resource.group_version
        meta.uid = known.uid
        meta.creation_timestamp = known.creation_timestamp
        meta.deletion_timestamp = known.deletion_timestamp
        meta.deletion_grace_period_seconds = known.deletion_grace_period_seconds
        meta.self_link = ""
        if not meta.generate_name:
            meta.generate_name = known.generate_name

    def _prepare_update(self, storage: Storage, stored: Any, old: Any, subresource: str, context: Context) -> None:
        strategy = storage.strategy
        if not subresource:
            strategy.prepare_update(stored, old, context)
        elif subresource == "status":
            strategy.prepare_status_update(stored, old, context)
        else:
            getattr(strategy, f"prepare_{subresource}")(stored, old, context)

    async def _replace(self, storage: Storage, key: str, stored: Any, head: Entry, context: Context, encode_: Encode) -> Entry:
        """Store a new version; one that equals the old is not written, one whose deletion is complete goes."""
        strategy = storage.strategy
        data = self._encode_without_mere_time(storage, stored, head)
        if context.dry_run:
            strategy.abandon(stored, storage.object(head))
            return Entry(key, head.revision, data, stored, head.row)
        meta = stored.metadata
        if meta.deletion_timestamp and not (meta.finalizers or meta.deletion_grace_period_seconds or strategy.is_held(stored)):
            # Watchers get the last state that was stored, the client the one that it sent.
            await self._remove(storage, key, _copy(storage.object(head)), head)
            return Entry(key, head.revision, data, stored, head.row)
        if data == head.data or (len(data) == len(head.data) and _same(stored, storage.object(head))):
            return head
        write = self.store.update(storage.collection, key, stored, encode_, previous=head.revision, durable=strategy.durable)
        return await self._write(write, storage, key)

    def _encode_without_mere_time(self, storage: Storage, stored: Any, head: Entry) -> bytes:
        """The JSON of a new version. If it differs from the old one in times of managedFields alone, it gets the old times.

        Source: k8s.io/apiserver/pkg/endpoints/handlers/fieldmanager/equality.go
        """
        meta, entries = stored.metadata, stored.metadata.managed_fields
        known = storage.object(head).metadata.managed_fields
        if not differ_in_time(entries, known):
            return encode_versioned(stored, head.revision)
        meta.managed_fields = known
        data = encode_versioned(stored, head.revision)
        if data == head.data or (len(data) == len(head.data) and _same(stored, storage.object(head))):
            return data
        meta.managed_fields = entries
        return encode_versioned(stored, head.revision)

    async def _remove(self, storage: Storage, key: str, final: Any, head: Entry) -> Entry:
        write = self.store.delete(
            storage.collection, key, final, encode_versioned, previous=head.revision, durable=storage.strategy.durable
        )
        return await self._write(write, storage, key)

    async def delete(
        self, storage: Storage, namespace: str, name: str, options: DeleteOptions, context: Context = INTERNAL
    ) -> tuple[Entry, bool]:
        """Delete an object; return its last or present state, and whether it is gone.

        Raises: NotFoundError; ConflictError if a precondition does not hold; ForbiddenError.
        Cancellation: the deletion may still land.
        """
        key = storage.key(namespace, name)
        head = self.store.head(storage.collection, key)
        if head is None:
            raise not_found(storage.resource.group, storage.resource.plural, name)
        old = storage.object(head)
        strategy = storage.strategy
        if strategy.deletion_warning and options.propagation_policy is None:
            context.warn(strategy.deletion_warning)
        check_preconditions(storage.resource, strategy, old, options)
        self.admission.validate(Operation("DELETE", storage, namespace, name, None, old, "", context))
        final = _copy(old)
        gone = begin_deletion(strategy, final, options, self.clock.now())
        if gone and not strategy.graceful:
            final.metadata.finalizers = old.metadata.finalizers
        if context.dry_run:
            return Entry(key, head.revision, encode_versioned(final, head.revision), final, head.row), gone
        if gone:
            return await self._remove(storage, key, final, head), True
        if encode_versioned(final, head.revision) == head.data:
            return head, False
        write = self.store.update(storage.collection, key, final, encode_versioned, previous=head.revision, durable=strategy.durable)
        return await self._write(write, storage, key), False

    async def _write(self, write: Any, storage: Storage, key: str) -> Entry:
        """Await a store's write and translate its errors; ExistsError is the caller's."""
        resource, name = storage.resource, key.rpartition("/")[2]
        try:
            entry: Entry = await write
        except MissingError as error:
            raise not_found(resource.group, resource.plural, name) from error
        except RevisionConflictError as error:
            raise conflict(resource.group, resource.plural, name, MODIFIED) from error
        except ExistsError:
            raise
        except FullError as error:
            if "wait for the disk" in str(error):
                raise TooManyRequestsError("the server has received too many requests and has asked us to try again later",
                                           details={"retryAfterSeconds": 1}) from error
            raise InternalError(f"Internal error occurred: {error}") from error
        except StoreError as error:
            raise InternalError(f"Internal error occurred: {error}") from error
        return entry


def encode_checked(obj: Any, revision: int) -> bytes:
    """`encode_versioned` for objects that a client sent: they have a largest size."""
    data = encode_versioned(obj, revision)
    if len(data) > limits.OBJECT_BYTES_MAX:
        raise too_large(len(data))
    return data


def encode_fitting(obj: Any, revision: int) -> bytes:
    """`encode_checked`, but an object that is too large with managedFields has none.

    Source: k8s.io/apiserver/pkg/endpoints/handlers/create.go (isTooLargeError)
    """
    data = encode_versioned(obj, revision)
    if len(data) > limits.OBJECT_BYTES_MAX:
        obj.metadata.managed_fields = []
        return encode_checked(obj, revision)
    return data


def encode_without_revision(obj: Any) -> bytes:
    """The JSON of an object that is not stored."""
    obj.metadata.resource_version = ""
    return encode(obj)


def _copy(obj: Any) -> Any:
    """A copy of a stored object, to be changed."""
    copy = deep_copy(obj)
    copy.metadata.managed_fields = obj.metadata.managed_fields
    return copy


def _same(one: Any, other: Any) -> bool:
    """Whether two objects differ in nothing but the order of their maps."""
    return encode_sorted(one) == encode_sorted(other)


def too_large(size: int) -> StatusError:
    """Source: etcd's "request is too large", as the API server passes it on."""
    return RequestEntityTooLargeError(
        f"etcdserver: request is too large: the object has {size} bytes, the limit is {limits.OBJECT_BYTES_MAX}"
    )


def generated_name(base: str) -> str:
    """A name from metadata.generateName: the base, cut to 58 characters, and five random ones."""
    return base[: NAME_LENGTH_MAX - SUFFIX_LENGTH] + random_suffix()
