"""Custom resources as the Registry sees them: a storage and a strategy for each served version of a definition.

Owns how a document becomes an object of a version and back: pruning, defaults, and the conversion between versions, which changes the
apiVersion only. What the schema itself demands is `apis/structural`'s; when a definition is served, `definitions.py`'s.

Invariants: an object in memory obeys the schema of the stored version as it is now (`form`), whatever its bytes obeyed when they were
written; the bytes are sent as they are only while they are the encoding of that object (`exact`).
Source: k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go, pkg/registry/customresource/strategy.go,
pkg/apiserver/conversion/converter.go
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec

from minikube_py.apis import apiextensions_v1, autoscaling_v1, meta_v1
from minikube_py.apis.custom import CustomObject, custom_type
from minikube_py.apis.fields import EVERYTHING, FieldSelector
from minikube_py.apis.json_text import decode_untyped
from minikube_py.apis.resources import RESOURCES, ResourceType
from minikube_py.apis.scheme import decoder, encode, encode_sorted, prune
from minikube_py.apis.structural import CoercionError, Schema, compile_schema
from minikube_py.apis.validation import validate_create, validate_update
from minikube_py.apis.warnings import finalizers
from minikube_py.core.errors import BadRequestError, Cause, MethodNotAllowedError, invalid, unknown_path
from minikube_py.store.interface import Entry

from ..context import Context
from ..decoding import (
    JSON_TYPE,
    YAML_TYPE,
    UndecodableError,
    UnreadableTypeError,
    cannot_be_handled,
    check_field_validation,
    decode_custom,
    encode_document,
    missing_kind,
    object_from_document,
    strict_error,
    strict_warnings,
    type_in,
    unsupported,
)
from ..discovery_documents import version_order
from ..managed_fields import FieldType
from ..managed_fields.structural_types import custom_field_type
from ..printers import Printer, custom_printer
from ..storage import Storage
from ..strategy import Strategy
from .scale import CustomScale

MEDIA_TYPES = (JSON_TYPE, YAML_TYPE)


class CustomStrategy(Strategy):
    """Rules of one version of a custom resource.

    Args:
        status: whether the version has a status subresource.

    Attributes:
        terminating: whether the definition is being deleted, so that nothing new may come.
    """

    generation = True
    unconditional_update = False

    def __init__(self, resource: ResourceType, schema: Schema, *, status: bool, scale: CustomScale | None) -> None:
        self.terminating = False
        self._resource = resource
        self.status = status
        self._schema = schema
        self.may_be_slow = schema.has_rules
        self._scale = scale

    def check_open(self) -> None:
        if self.terminating:
            raise MethodNotAllowedError(
                "create not allowed while custom resource definition is terminating",
                details={"group": self._resource.group, "kind": self._resource.plural},
            )

    def prepare_create(self, obj: CustomObject, context: Context) -> None:
        self.check_open()
        obj.metadata.generation = 1
        if self.status and obj.content.pop("status", None) is not None:
            obj.form = None  # A default may stand in its place.

    def prepare_update(self, new: CustomObject, old: CustomObject, context: Context) -> None:
        if self.status:
            new.content.pop("status", None)
            if "status" in old.content:
                new.content["status"] = old.content["status"]
        self.count_generation(new, old)

    def prepare_status_update(self, new: CustomObject, old: CustomObject, context: Context) -> None:
        """Only the status changes, and who manages it; the metadata stays as it is."""
        managed_fields = new.metadata.managed_fields
        resource_version = new.metadata.resource_version
        new.metadata = msgspec.structs.replace(old.metadata, managed_fields=managed_fields, resource_version=resource_version)
        content = {name: value for name, value in old.content.items() if name != "status"}
        if "status" in new.content:
            content["status"] = new.content["status"]
        new.content = content

    def desired(self, obj: CustomObject) -> bytes:
        return encode_sorted({name: value for name, value in obj.content.items() if name != "status" or not self.status})

    def causes_of_create(self, obj: CustomObject, context: Context) -> list[Cause]:
        causes = self._with_schema(validate_create(cast(Any, obj)), obj, None, context)
        if not causes and context.warnings is not None:
            context.warnings.extend(finalizers.of_added(obj.metadata.finalizers))
        return causes

    def causes_of_update(self, new: CustomObject, old: CustomObject, subresource: str, context: Context) -> list[Cause]:
        causes = validate_update(cast(Any, new), cast(Any, old), subresource)
        causes = self._with_schema(causes, new, old, context, status=subresource == "status")
        if not causes and not subresource and context.warnings is not None:
            context.warnings.extend(finalizers.of_added(new.metadata.finalizers, old.metadata.finalizers))
        return causes

    def _with_schema(
        self, causes: list[Cause], obj: CustomObject, old: CustomObject | None, context: Context, *, status: bool = False
    ) -> list[Cause]:
        """What is wrong with the metadata, and then with the rest."""
        document = obj.document()
        former = None if old is None else old.document()
        warnings: list[str] = []
        found = self._schema.validate(document, former, status=status, earlier=causes, warnings=warnings, patient=context.patient)
        if context.warnings is not None:
            context.warnings.extend(warnings)
        return [*causes, *found, *(self._scale.validate(document, status=status) if self._scale is not None else ())]


class _Written(msgspec.Struct, rename={"api_version": "apiVersion"}):
    """For which version stored bytes were written."""

    api_version: str = ""


_written = msgspec.json.Decoder(_Written)


class CustomStorage(Storage):
    """One served version of a custom resource.

    Args:
        storage_version: the storage of the version that is kept; None if it is this one.
        successor: the version to be used in place of this one, if it is deprecated; "" if there is none.

    Attributes:
        custom_strategy: the strategy, by its own type.
    """

    strategic = False
    evolves = True

    def __init__(
        self, resource: ResourceType, version: apiextensions_v1.CustomResourceDefinitionVersion, collection: str,
        storage_version: CustomStorage | None = None, *, successor: str = "",
    ) -> None:
        self.schema = schema_document(version)
        self._schema = compile_schema(self.schema)
        self._field_type: FieldType | None = None
        subresources = version.subresources
        self._scale = CustomScale(subresources.scale) if subresources is not None and subresources.scale is not None else None
        has_status = any(subresource.name == "status" for subresource in resource.subresources)
        self.custom_strategy = strategy = CustomStrategy(resource, self._schema, status=has_status, scale=self._scale)
        self._type = custom_type(resource)
        super().__init__(resource, cast(Any, self._type), strategy, collection, storage_version)
        self.deprecation = _deprecation(resource, version, successor)
        self.printer = _printer(version)
        self._selectable = frozenset(field.json_path.removeprefix(".") for field in version.selectable_fields)
        self._versions: dict[str, CustomStorage] = {}

    def join(self, versions: dict[str, CustomStorage]) -> None:
        """Know the storages of all versions of the definition, by "group/version"."""
        self._versions = versions

    @property
    def converts(self) -> bool:
        return True

    # From the store.

    def object(self, entry: Entry) -> Any:
        stored = cast(CustomStorage, self.stored)
        obj = entry.obj
        if obj is None or obj.form is not stored._schema:
            obj = entry.obj = stored._read(entry.data)
        return obj

    def _read(self, data: bytes) -> CustomObject:
        """The object in bytes that may have been written under another schema, or for another version, whose schema it obeys then.

        Source: k8s.io/apiextensions-apiserver pkg/apiserver/customresource_handler.go (schemaCoercingDecoder)
        """
        obj = cast(CustomObject, decoder(cast(Any, self._type)).decode(data))
        writer = self._versions.get(obj.api_version, self)
        if writer is not self:
            obj = self._converted(writer._read(data))
            obj.form = self._schema
            return obj
        obj.api_version, obj.kind = self.resource.group_version, self.resource.kind
        self._prune(obj)
        self.set_defaults(obj)
        obj.exact = encode(obj) == data
        return obj

    def served(self, entry: Entry) -> Any:
        obj = self.object(entry)
        if self.stored is self or obj.exact or _written.decode(entry.data).api_version != self.resource.group_version:
            return self.from_storage(obj)
        # Written for this version, when that was the stored one: by way of another it would lose what that does not know.
        return self._read(entry.data)

    def data(self, entry: Entry) -> bytes:
        obj = self.served(entry)
        return entry.data if obj.exact else encode(obj)

    def from_storage(self, obj: Any) -> Any:
        return obj if self.stored is self else self._converted(obj)

    @property
    def field_type(self) -> FieldType:
        if self._field_type is None:
            self._field_type = custom_field_type(self.schema)
        return self._field_type

    @property
    def replicas_path(self) -> tuple[str, ...]:
        return tuple(f"f:{name}" for name in self._scale.spec_path) if self._scale is not None else ()

    def _converted(self, obj: CustomObject) -> CustomObject:
        """An object of another version in this one: the same fields, as far as this one has them."""
        content = msgspec.json.decode(encode(obj.content))
        new = self._type(obj.kind, self.resource.group_version, msgspec.structs.replace(obj.metadata), content)
        self._prune(new)
        return new

    @property
    def judging(self) -> CustomStorage:
        return self

    def to_judging(self, obj: Any) -> Any:
        return obj

    def kept(self, judged: Any) -> Any:
        return self.to_storage(judged)

    def to_storage(self, obj: Any) -> Any:
        stored = cast(CustomStorage, self.stored)
        new = obj if stored is self else stored._converted(obj)
        new.exact = True
        return new

    # From requests.

    def decode(self, body: bytes, content_type: str, field_validation: str) -> tuple[Any, list[str]]:
        check_field_validation(field_validation)
        if content_type not in MEDIA_TYPES:
            raise unsupported(MEDIA_TYPES)
        resource = self.resource
        document, errors = decode_custom(resource.group_version, resource.kind, body, content_type, field_validation)
        version = document.get("apiVersion") or ""
        if version != resource.group_version:
            raise BadRequestError(
                f"the API version in the data ({version}) does not match the expected API version ({resource.group_version})"
            )
        return self._from_document(document, field_validation, errors)

    def from_document(self, document: Any, field_validation: str) -> tuple[Any, list[str]]:
        resource = self.resource
        encode_document(document, resource.group_version, resource.kind)  # Refuses what a patch has made too deep.
        try:
            kind, _ = type_in(document)
        except UnreadableTypeError as error:
            raise UndecodableError(resource.group_version, resource.kind, str(error)) from error
        if not kind:
            raise UndecodableError(resource.group_version, resource.kind, missing_kind(encode_sorted(document)))
        return self._from_document(document, field_validation, [])

    def _from_document(self, document: Any, field_validation: str, errors: list[str]) -> tuple[Any, list[str]]:
        """The object in a document that says a kind, which is taken over; `errors` are strict decoding's so far."""
        group_version, kind = self.resource.group_version, self.resource.kind
        try:
            unknown = _prune_metadata(document) + self._schema.prune(document)
            obj = self._object_from(document)
        except (msgspec.ValidationError, CoercionError) as error:
            raise UndecodableError(group_version, kind, str(error)) from error
        self._check_type(obj)
        errors = errors + [f'unknown field "{path}"' for path in unknown]
        if errors and field_validation == "Strict":
            raise BadRequestError(cannot_be_handled(group_version, kind, strict_error(errors)))
        return obj, strict_warnings(errors) if field_validation != "Ignore" else []

    def _object_from(self, document: dict[str, Any]) -> CustomObject:
        """Raises: msgspec.ValidationError; UndecodableError in Go's words for wrong metadata."""
        try:
            return self._type.from_document(document)
        except msgspec.ValidationError:
            metadata = document.pop("metadata", None)
            obj = self._type.from_document(document)
        obj.metadata, _ = object_from_document(meta_v1.ObjectMeta, self.resource.group_version, self.resource.kind, metadata, "Ignore")
        return obj

    def _check_type(self, obj: CustomObject) -> None:
        """Refuse an object that says that it is of another version or kind.

        Raises: InvalidError.
        """
        resource = self.resource
        causes = [
            Cause("FieldValueInvalid", f'Invalid value: "{said}": must be {right}', name)
            for name, said, right in (("kind", obj.kind, resource.kind), ("apiVersion", obj.api_version, resource.group_version))
            if said != right
        ]
        if causes:
            raise invalid(obj.api_version.rpartition("/")[0], obj.kind, obj.metadata.name, causes)

    def _prune(self, obj: CustomObject) -> None:
        document = {"apiVersion": obj.api_version, "kind": obj.kind, "metadata": {}, **obj.content}
        self._schema.prune(document)
        obj.content = {name: value for name, value in document.items() if name not in ("apiVersion", "kind", "metadata")}

    def set_defaults(self, obj: Any) -> None:
        if obj.form is self._schema:
            return
        obj.form = self._schema
        document = {"apiVersion": obj.api_version, "kind": obj.kind, "metadata": {}, **obj.content}
        self._schema.default(document)
        obj.content = {name: value for name, value in document.items() if name not in ("apiVersion", "kind", "metadata")}

    def scale_of(self, obj: Any) -> autoscaling_v1.Scale:
        if self._scale is None:
            raise unknown_path()
        return self._scale.scale_of(obj)

    def set_replicas(self, obj: Any, replicas: int) -> None:
        if self._scale is None:
            raise unknown_path()
        self._scale.set_replicas(obj, replicas)

    def check_fields(self, selector: FieldSelector) -> FieldSelector:
        known = {"metadata.name", *self._selectable}
        if self.resource.namespaced:
            known.add("metadata.namespace")
        for requirement in selector.requirements:
            if requirement.field not in known:
                raise BadRequestError(f"field label not supported: {requirement.field}")
        return selector if selector.requirements else EVERYTHING


def schema_document(version: apiextensions_v1.CustomResourceDefinitionVersion) -> dict[str, Any]:
    """The OpenAPI v3 schema of a version as a plain document; one without a schema takes anything."""
    schema = version.schema.open_apiv3_schema if version.schema is not None else None
    if schema is None:
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    # Numbers in defaults are as they would be in an object.
    return cast("dict[str, Any]", decode_untyped(encode(schema)))


def _prune_metadata(document: dict[str, Any]) -> list[str]:
    """Drop unknown fields of the metadata in place; return their paths."""
    metadata = document.get("metadata")
    return prune(meta_v1.ObjectMeta, metadata, "metadata") if isinstance(metadata, dict) else []


_BUILT_IN = frozenset(resource.group_resource for resource in RESOURCES)


def build_storages(
    definition: apiextensions_v1.CustomResourceDefinition, resources: Sequence[ResourceType]
) -> tuple[CustomStorage, list[CustomStorage]]:
    """The storage of a definition's stored version, which may not be served, and the storages of those that are.

    Args:
        resources: of the served versions and of the storage version, in any order.
    """
    by_version = {resource.version: resource for resource in resources}
    versions = definition.spec.versions
    kept = next(version for version in versions if version.storage)
    names = definition.status.accepted_names if definition.status.accepted_names.plural else definition.spec.names
    collection = f"{names.plural}.{definition.spec.group}"
    if collection in _BUILT_IN:
        # Another version of a group of the server itself has objects of its own.
        collection += "/custom"
    stored = CustomStorage(by_version[kept.name], kept, collection, successor=_successor(kept.name, versions))
    others = [
        CustomStorage(by_version[v.name], v, collection, stored, successor=_successor(v.name, versions))
        for v in versions if v.served and v is not kept
    ]
    known = {storage.resource.group_version: storage for storage in (stored, *others)}
    for storage in known.values():
        storage.join(known)
    return stored, [stored, *others] if kept.served else others


def _successor(name: str, versions: Sequence[apiextensions_v1.CustomResourceDefinitionVersion]) -> str:
    """The newest version that is served and not deprecated, if it is newer than one; else ""."""
    newer = [v.name for v in versions if v.served and not v.deprecated and version_order(v.name) < version_order(name)]
    return min(newer, key=version_order, default="")


def _deprecation(resource: ResourceType, version: apiextensions_v1.CustomResourceDefinitionVersion, successor: str) -> str:
    if not version.deprecated:
        return ""
    if version.deprecation_warning is not None:
        return version.deprecation_warning
    advice = f"; use {resource.group}/{successor} {resource.kind}" if successor else ""
    return f"{resource.group_version} {resource.kind} is deprecated{advice}"


def _printer(version: apiextensions_v1.CustomResourceDefinitionVersion) -> Printer:
    printer = custom_printer(version.additional_printer_columns)
    return Printer(printer.columns, lambda obj, now: printer.cells(obj.document(), now))
