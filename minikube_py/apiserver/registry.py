"""The Registry: the one way to objects, for HTTP handlers and for components in this process.

Owns create, read, update and delete of every kind: metadata, admission, validation, and the translation of store errors. Deletion's rules
are in `deletion.py`, which object a write means in `identity.py`, its bytes in `stored_form.py`, what is particular to a kind in its
strategy, and how requests look in `http/`.

Between reading the newest version (`store.head`) and handing the new one to the store nothing is awaited, so a
read-modify-write without a resourceVersion cannot lose a concurrent change and never has to be repeated. Where an admission plugin
waits for an answer from outside, or validation is slow and done beside the event loop (`slow_validation.py`), the newest version is looked
at again afterwards, and the update made anew if it is another.

Source: k8s.io/apiserver/pkg/registry/generic/registry/store.go, kubernetes.io/docs/reference/using-api/api-concepts
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Any

from minikube_py.apis.cel import SlowRulesError
from minikube_py.apis.scheme import deep_copy, encode
from minikube_py.core.clock import Clock, rfc3339
from minikube_py.core.errors import (
    MODIFIED,
    AlreadyExistsError,
    Cause,
    StatusError,
    StorageError,
    TooManyRequestsError,
    already_exists,
    conflict,
    generated_name_taken,
    internal,
    invalid,
    not_found,
    unknown_path,
)
from minikube_py.core.names import SUFFIX_LENGTH, random_suffix, random_uid
from minikube_py.store.interface import (
    BusyError,
    Encode,
    Entry,
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
from .identity import begin_update, check_identity, other_object
from .owner_references import drop_duplicates
from .quota.usage import QuotaUsage
from .request_names import absent, set_namespace
from .slow_validation import SlowValidation, Turn
from .storage import Storage, encode_versioned
from .stored_form import encode_checked, encode_fitting, encode_without_mere_time, same

log = logging.getLogger(__name__)

# Source: k8s.io/apiserver/pkg/storage/names/generate.go
NAME_LENGTH_MAX = 63
NAME_TRIES = 8
# How often an update is made anew because the object has changed while admission waited.
UPDATE_TRIES = 32
# A resourceVersion that means a version; what is no number is ignored on objects that are new.
REVISION = re.compile(r"0*[1-9][0-9]*").fullmatch

Transform = Callable[[Any], Any]
Causes = list[Cause]


class Registry:
    """All served resources over one store.

    Args:
        storages: one per served resource and version.
        admission: checks and changes objects between defaulting and validation.
        quota_usage: what counts against quotas; for who writes it into their status.
    """

    def __init__(
        self, store: Store, storages: Iterable[Storage], admission: Admission, clock: Clock, quota_usage: QuotaUsage
    ) -> None:
        self.store = store
        self.quota_usage = quota_usage
        self.admission = admission
        self.clock = clock
        self._storages = {storage.resource.gvr: storage for storage in storages}
        self._by_struct = {storage.struct: storage for storage in self._storages.values()}
        self._came = asyncio.Event()
        self.field_managers = FieldManagers(self._storages.values)
        self._slow = SlowValidation()

    def close(self) -> None:
        """Validate nothing more that is slow."""
        self._slow.close()

    def storages(self) -> Iterable[Storage]:
        return self._storages.values()

    def serve(self, storage: Storage) -> None:
        """Serve a resource from now on, in place of what had its name."""
        self.withdraw(storage)
        self._storages[storage.resource.gvr] = storage
        self._by_struct[storage.struct] = storage
        self.field_managers.forget(storage)
        self._came.set()
        self._came = asyncio.Event()

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

    async def wait_storage_of(self, struct: type[Any]) -> Storage:
        """The storage of a struct, as soon as it is served."""
        while struct not in self._by_struct:
            await self._came.wait()
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
            raise absent(storage.resource, name)
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
        self, storage: Storage, namespace: str, obj: Any, context: Context = INTERNAL, *, tracked: bool = False, turn: Turn | None = None
    ) -> Entry:
        """Create an object and return it as stored.

        Args:
            obj: of the storage's struct, without defaults; it is changed and must not be used afterwards.
            tracked: whether its managedFields are as they are to be.
            turn: the caller's to slow validation, if he has it.
        Raises: AlreadyExistsError, BadRequestError, InvalidError, ForbiddenError, NotFoundError (its namespace).
        Cancellation: the object may still be created.
        """
        resource, meta = storage.resource, obj.metadata
        set_namespace(meta, namespace if resource.namespaced else "")
        meta.uid = meta.creation_timestamp = meta.deletion_timestamp = meta.self_link = ""
        meta.deletion_grace_period_seconds = None
        obj.kind, obj.api_version = resource.kind, resource.group_version
        operation = Operation("CREATE", storage, namespace, meta.name, obj, None, "", context)
        await self.admission.settle(operation)
        drop_duplicates(meta, context)
        storage.set_defaults(obj)
        now = self.now()
        if not tracked:
            self._track(storage, "", None, obj, context, now)
        waits = self.admission.waits(operation)
        if waits:
            await self.admission.mutate_waiting(operation)
        else:
            self.admission.mutate(operation)
        drop_duplicates(meta, context, after_admission=True)
        if storage.converts:
            storage.set_defaults(obj)  # of what admission added
        if not meta.name and meta.generate_name:
            self._generate_name(storage, namespace, meta)
        meta.uid, meta.creation_timestamp = random_uid(), self.now() if waits else now
        operation.name = meta.name
        return await self._create(operation, encode_checked if tracked else encode_fitting, turn, waits=waits)

    def _generate_name(self, storage: Storage, namespace: str, meta: Any) -> None:
        """Find a name that is free. Nobody takes it before it is used, unless something is waited for in between.

        Raises: AlreadyExistsError if all that were tried are taken.
        """
        for _ in range(NAME_TRIES):
            meta.name = generated_name(meta.generate_name)
            if self.store.head(storage.collection, storage.key(namespace, meta.name)) is None:
                return
        raise self._taken(storage, namespace, meta)

    def _taken(self, storage: Storage, namespace: str, meta: Any) -> AlreadyExistsError:
        """The error about a name that is there already, and perhaps not for long."""
        make = generated_name_taken if meta.generate_name else already_exists
        error = make(storage.resource.group, storage.resource.plural, meta.name)
        head = self.store.head(storage.collection, storage.key(namespace, meta.name))
        if head is not None and storage.object(head).metadata.deletion_timestamp:
            return AlreadyExistsError(f"object is being deleted: {error.message}", details=error.details)
        return error

    async def _create(self, operation: Operation, encode_: Encode, turn: Turn | None, *, waits: bool) -> Entry:
        """Check and store a new object that admission has filled in."""
        storage, namespace, name, obj = operation.storage, operation.namespace, operation.name, operation.obj
        context, strategy, resource = operation.context, storage.strategy, storage.resource
        judged = storage.to_judging(obj)
        strategy.prepare_create(judged, context)
        storage.judging.set_defaults(judged)  # of what admission added, and of the new status
        waited = waits
        try:
            causes = strategy.causes_of_create(judged, context)
        except SlowRulesError:
            waited = True
            causes = await self._found_aside(partial(strategy.causes_of_create, judged, replace(context, patient=True)), storage, turn)
        if causes:
            raise invalid(resource.group, resource.kind, name, causes)
        stored = storage.kept(judged)
        if waits:
            await self._validate_waiting(operation, stored)
        try:
            if waited:
                self._check_open(operation)
            if not waits:
                self.admission.validate(operation)
            version = stored.metadata.resource_version
            if version and REVISION(version) and not context.dry_run:
                raise StorageError("resourceVersion should not be set on objects to be created")
            key = storage.key(namespace, name)
            if self.store.head(storage.collection, key) is not None:
                raise self._taken(storage, namespace, obj.metadata)
            if context.dry_run:
                strategy.abandon(stored, None)
                return Entry(key, 0, encode(stored), stored, 0)
            write = self.store.create(storage.collection, key, stored, encode_, durable=strategy.durable)
            return await self._write(write, storage, key)
        except Exception:
            strategy.abandon(stored, None)
            raise

    async def update(
        self, storage: Storage, namespace: str, name: str, transform: Transform, context: Context = INTERNAL, *,
        subresource: str = "", create: bool = False, tracked: bool = False, uid: str = "",
    ) -> tuple[Entry, bool]:
        """Replace an object by what `transform` makes of it and return it as stored, and whether it was created.

        Args:
            transform: gets the newest object of the served version (read-only; None when there is none and `create`) and returns
                the new one, which is changed here. Called again only where admission waits, or validation is slow, and the object
                changes meanwhile: otherwise nothing is awaited between reading and writing.
            subresource: "", "status" or "scale", or one that the strategy's `prepare_<subresource>` knows.
            create: whether an object that is not there is created (PUT of kinds that allow it, server-side apply).
            tracked: whether `transform` leaves managedFields as they are to be.
            uid: of the object that is meant; "" for whichever has the name.
        Raises: NotFoundError, ConflictError, BadRequestError, InvalidError, ForbiddenError.
        Cancellation: the update may still land.
        """
        warned = len(context.warnings or ())
        update = partial(
            self._update, storage, namespace, name, transform, context, subresource, create=create, tracked=tracked, uid=uid, warned=warned)
        try:
            return await update(None)
        except SlowRulesError:
            _forget_warnings(context, warned)
        async with self._slow.turn(storage.collection) as turn:
            return await update(turn)

    async def _update(
        self, storage: Storage, namespace: str, name: str, transform: Transform, context: Context, subresource: str, turn: Turn | None, *,
        create: bool, tracked: bool, uid: str, warned: int,
    ) -> tuple[Entry, bool]:
        """`update`, with a turn to slow validation or without.

        Raises: SlowRulesError if it needs one; nothing is changed then.
        """
        key = storage.key(namespace, name)
        for _ in range(UPDATE_TRIES):
            head = self.store.head(storage.collection, key)
            if head is None:
                if uid:
                    raise other_object(storage, namespace, name, "UID", uid, "")
                if not create:
                    raise absent(storage.resource, name)
                new = transform(None)
                new.metadata.resource_version = ""
                return await self.create(storage, namespace, new, context, tracked=tracked, turn=turn), True
            old, served = storage.object(head), storage.served(head)
            check_identity(storage, old, uid=uid)
            operation = Operation("UPDATE", storage, namespace, name, None, served, subresource, context)
            waits = self.admission.waits(operation)
            # What is tried again begins with what the client sent.
            new = operation.obj = _copy(transform(served)) if waits or storage.strategy.may_be_slow else transform(served)
            begin_update(storage, namespace, name, new, old)
            storage.set_defaults(new)
            if not tracked:
                self._track(storage, subresource, served, new, context, self.now())
            if waits:
                await self.admission.mutate_waiting(operation)
            else:
                self.admission.mutate(operation)
            stored = await self._checked_update(operation, storage.judging.served(head), turn, waits=waits)
            if waits:
                await self._validate_waiting(operation, stored, old)
            if self.store.head(storage.collection, key) is not head:
                storage.strategy.abandon(stored, old)
                _forget_warnings(context, warned)
                continue
            try:
                if not waits:
                    self.admission.validate(operation)
                return await self._replace(storage, key, stored, head, context, encode_checked if tracked else encode_fitting), False
            except Exception:
                storage.strategy.abandon(stored, old)
                raise
        raise conflict(storage.resource.group, storage.resource.plural, name, MODIFIED)

    async def _checked_update(self, operation: Operation, old: Any, turn: Turn | None, *, waits: bool) -> Any:
        """What is to be stored of an update that admission has filled in.

        Args:
            old: in the version that is judged.
            waits: whether admission waits for others: nobody has a turn meanwhile, as they may write what needs one.
        Raises: InvalidError; SlowRulesError if the update is to begin anew, with a turn.
        """
        storage, new, context = operation.storage, operation.obj, operation.context
        # For all but admission, a change of the scale is an update of the object itself.
        subresource = "" if operation.subresource == "scale" else operation.subresource
        drop_duplicates(new.metadata, context, after_admission=True)
        storage.set_defaults(new)
        judged = storage.to_judging(new)
        self._prepare_update(storage, judged, old, subresource, context)
        find = partial(storage.strategy.causes_of_update, judged, old, subresource)
        patient = replace(context, patient=True)
        if turn is not None:
            causes = await turn.run(partial(find, patient))
        else:
            try:
                causes = find(context)
            except SlowRulesError:
                if not waits:
                    raise
                causes = await self._found_aside(partial(find, patient), storage, None)
        if causes:
            raise invalid(storage.resource.group, storage.resource.kind, operation.name, causes)
        return storage.kept(judged)

    async def _found_aside(self, find: Callable[[], Causes], storage: Storage, turn: Turn | None) -> Causes:
        """What is wrong with an object, found while the event loop goes on."""
        if turn is not None:
            return await turn.run(find)
        async with self._slow.turn(storage.collection) as turn:
            return await turn.run(find)

    def _check_open(self, operation: Operation) -> None:
        """Refuse a new object that may not come any more, after something was waited for: its namespace or its definition goes.

        Raises: StatusError.
        """
        serving = self._storages.get(operation.storage.resource.gvr)
        if serving is None:
            raise unknown_path()
        serving.strategy.check_open()
        self.admission.recheck(operation)

    async def _validate_waiting(self, operation: Operation, stored: Any, old: Any = None) -> None:
        """Let plugins that wait decide; what the strategy has reserved for the object is given back if it is not to be.

        Cancellation: nothing is written.
        """
        try:
            await self.admission.validate_waiting(operation)
        except BaseException:
            operation.storage.strategy.abandon(stored, old)
            raise

    async def admit(self, storage: Storage, namespace: str, name: str, subresource: str, body: Any, context: Context) -> None:
        """Let admission see what is posted to a subresource that is more than a part of its object; it may change the body.

        Raises: ForbiddenError and what else plugins raise.
        """
        operation = Operation("CREATE", storage, namespace, name, body, None, subresource, context)
        if self.admission.waits(operation):
            await self.admission.mutate_waiting(operation)
            await self.admission.validate_waiting(operation)
        else:
            self.admission.mutate(operation)
            self.admission.validate(operation)

    def _track(self, storage: Storage, subresource: str, old: Any, new: Any, context: Context, now: str) -> None:
        """Say in managedFields who set what; what admission and strategies change after this is nobody's."""
        fields = self.field_managers.of(storage, subresource)
        new.metadata.managed_fields = fields.update(old, new, context.field_manager, now)

    def _prepare_update(self, storage: Storage, judged: Any, old: Any, subresource: str, context: Context) -> None:
        strategy = storage.strategy
        if not subresource:
            strategy.prepare_update(judged, old, context)
        elif subresource == "status":
            strategy.prepare_status_update(judged, old, context)
        else:
            getattr(strategy, f"prepare_{subresource}")(judged, old, context)

    async def _replace(self, storage: Storage, key: str, stored: Any, head: Entry, context: Context, encode_: Encode) -> Entry:
        """Store a new version; one that equals the old is not written, one whose deletion is complete goes."""
        strategy = storage.strategy
        data = encode_without_mere_time(storage, stored, head)
        if context.dry_run:
            strategy.abandon(stored, storage.object(head))
            return Entry(key, head.revision, data, stored, head.row)
        meta = stored.metadata
        if meta.deletion_timestamp and not (meta.finalizers or meta.deletion_grace_period_seconds or strategy.is_held(stored)):
            # Watchers get the last state that was stored, the client the one that it sent.
            await self._remove(storage, key, _copy(storage.object(head)), head)
            return Entry(key, head.revision, data, stored, head.row)
        if data == head.data or (len(data) == len(head.data) and same(stored, storage.object(head))):
            return head
        write = self.store.update(storage.collection, key, stored, encode_, previous=head.revision, durable=strategy.durable)
        return await self._write(write, storage, key)

    async def _remove(self, storage: Storage, key: str, final: Any, head: Entry) -> Entry:
        write = self.store.delete(
            storage.collection, key, final, encode_versioned, previous=head.revision, durable=storage.strategy.durable
        )
        entry = await self._write(write, storage, key)
        if storage.strategy.companion is not None:
            await self._delete_companion(self.storage_of(storage.strategy.companion), key)
        return entry

    async def _delete_companion(self, storage: Storage, key: str) -> None:
        """Delete the object of another kind that has the name of one that is gone; nobody is asked, and its failure is not that one's."""
        head = self.store.head(storage.collection, key)
        if head is None:
            return
        try:
            await self._delete(storage, key, head, storage.object(head), DeleteOptions(), INTERNAL)
        except StatusError as error:
            log.error("%s %s stays, though what it belongs to is gone: %s", storage.resource.kind, key, error)

    async def delete(
        self, storage: Storage, namespace: str, name: str, options: DeleteOptions, context: Context = INTERNAL
    ) -> tuple[Entry, bool]:
        """Delete an object; return its last or present state, and whether it is gone.

        Raises: NotFoundError; ConflictError if a precondition does not hold; ForbiddenError.
        Cancellation: the deletion may still land.
        """
        head, old = await self._admitted_deletion(storage, namespace, name, options, context)
        return await self._delete(storage, storage.key(namespace, name), head, old, options, context)

    async def _delete(
        self, storage: Storage, key: str, head: Entry, old: Any, options: DeleteOptions, context: Context
    ) -> tuple[Entry, bool]:
        strategy = storage.strategy
        if strategy.deletion_warning and options.propagation_policy is None:
            context.warn(strategy.deletion_warning)
        final = _copy(old)
        gone = begin_deletion(strategy, final, options, self.clock.now())
        if gone and not strategy.graceful:
            final.metadata.finalizers = old.metadata.finalizers
        if context.dry_run:
            return Entry(key, head.revision, encode_versioned(final, head.revision), final, head.row), gone
        unchanged = encode_versioned(final, head.revision) == head.data
        if gone and strategy.graceful and not unchanged:
            # Watchers are first told that it is being deleted, as they are by upstream's graceful deletion.
            write = self.store.mark_and_delete(
                storage.collection, key, _copy(final), final, encode_versioned, previous=head.revision, durable=strategy.durable)
            return await self._write(write, storage, key), True
        if gone:
            return await self._remove(storage, key, final, head), True
        if unchanged:
            return head, False
        write = self.store.update(storage.collection, key, final, encode_versioned, previous=head.revision, durable=strategy.durable)
        return await self._write(write, storage, key), False

    async def _admitted_deletion(
        self, storage: Storage, namespace: str, name: str, options: DeleteOptions, context: Context
    ) -> tuple[Entry, Any]:
        """The newest version, which may be deleted."""
        key = storage.key(namespace, name)
        for _ in range(UPDATE_TRIES):
            head = self.store.head(storage.collection, key)
            if head is None:
                raise absent(storage.resource, name)
            old = storage.object(head)
            check_preconditions(storage.resource, storage.strategy, old, options)
            operation = Operation("DELETE", storage, namespace, name, None, old, "", context)
            if not self.admission.waits(operation):
                self.admission.validate(operation)
                return head, old
            await self.admission.validate_waiting(operation)
            if self.store.head(storage.collection, key) is head:
                return head, old
        raise conflict(storage.resource.group, storage.resource.plural, name, MODIFIED)

    async def _write(self, write: Any, storage: Storage, key: str) -> Entry:
        """Await a store's write and translate its errors."""
        resource, name = storage.resource, key.rpartition("/")[2]
        try:
            entry: Entry = await write
        except MissingError as error:
            raise not_found(resource.group, resource.plural, name) from error
        except RevisionConflictError as error:
            raise conflict(resource.group, resource.plural, name, MODIFIED) from error
        except BusyError as error:
            raise TooManyRequestsError(
                "the server has received too many requests and has asked us to try again later", details={"retryAfterSeconds": 1}
            ) from error
        except StoreError as error:
            raise internal(str(error)) from error
        return entry


def _forget_warnings(context: Context, first: int) -> None:
    """Take back warnings of an attempt that counts no more."""
    if context.warnings is not None:
        del context.warnings[first:]


def _copy(obj: Any) -> Any:
    """A copy of a stored object, to be changed."""
    copy = deep_copy(obj)
    copy.metadata.managed_fields = obj.metadata.managed_fields
    return copy


def generated_name(base: str) -> str:
    """A name from metadata.generateName: the base, cut to 58 characters, and five random ones."""
    return base[: NAME_LENGTH_MAX - SUFFIX_LENGTH] + random_suffix()
