"""Rules of CustomResourceDefinitions.

Paths are those of upstream's internal type: what all versions have in common is told for the spec as a whole.

Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import msgspec

from .. import approval, syntax
from ..apiextensions_v1 import (
    CustomResourceColumnDefinition,
    CustomResourceDefinition,
    CustomResourceDefinitionNames,
    CustomResourceDefinitionVersion,
    CustomResourceSubresources,
    SelectableField,
)
from ..field_paths import FieldPathError, resolve
from ..structural.nodes import Document
from ..structural.rules import conversion_problem
from .causes import Causes, duplicate, invalid, required, too_many
from .common import immutable, one_of
from .conversions import bundle_problem, conversion, has_known_version
from .definition_schemas import STRICT, Strictness, check_schema, extended, has_schema_with, strictness
from .internal_definitions import InternalSpec, Part, internal

_SCOPES = ("Cluster", "Namespaced")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_SELECTABLE_TYPES = ("boolean", "integer", "string")
_SELECTABLE_MAX = 8
_WARNING_BYTES_MAX = 256


@dataclass(frozen=True, slots=True)
class _Options:
    """What holds for one definition.

    Attributes:
        known_version: one of the review versions of its conversion has to be known.
        right_bundle: the CA bundle of its conversion has to be right.
        many_selectable: the versions that may have more selectable fields; "" stands for all.
        same_schemas: the versions that have the same schema as before.
    """

    strict: Strictness = STRICT
    known_version: bool = True
    right_bundle: bool = False
    many_selectable: frozenset[str] = frozenset()
    same_schemas: frozenset[str] = frozenset()


def definition(causes: Causes, obj: CustomResourceDefinition) -> None:
    names = obj.spec.names
    if obj.metadata.name and obj.metadata.name != f"{names.plural}.{obj.spec.group}":
        causes.append(invalid("metadata.name", obj.metadata.name, 'must be spec.names.plural+"."+spec.group'))
    _spec(causes, obj, internal(obj.spec), _Options())
    _names(causes, obj.status.accepted_names, "status.acceptedNames")
    _stored_versions(causes, obj)
    _approval(causes, obj, None)
    _preserve(causes, obj)


def update_definition(causes: Causes, new: CustomResourceDefinition, old: CustomResourceDefinition) -> None:
    _update_spec(causes, new, old)
    _names(causes, new.status.accepted_names, "status.acceptedNames")
    _stored_versions(causes, new)
    _approval(causes, new, old)
    if not old.spec.preserve_unknown_fields:
        _preserve(causes, new)


def _update_spec(causes: Causes, new: CustomResourceDefinition, old: CustomResourceDefinition) -> None:
    if new.spec == old.spec:  # what was accepted stays accepted, and schemas are large
        return
    spec, before = internal(new.spec), internal(old.spec)
    webhook = old.spec.conversion.webhook if old.spec.conversion is not None else None
    versions = webhook.conversion_review_versions if webhook is not None else []
    bundle = webhook.client_config.ca_bundle if webhook is not None and webhook.client_config is not None else None
    established = any(condition.type == "Established" and condition.status == "True" for condition in old.status.conditions or ())
    _spec(causes, new, spec, _Options(
        strict=strictness(before),
        known_version=not versions or has_known_version(versions),
        right_bundle=established and not (bundle and bundle_problem(bundle)),
        many_selectable=_many_selectable(spec, before),
        same_schemas=_same_schemas(new, old),
    ))
    names, was = new.spec.names, old.spec.names
    if established:
        immutable(causes, "spec.scope", new.spec.scope, old.spec.scope)
        immutable(causes, "spec.names.kind", names.kind, was.kind)
    immutable(causes, "spec.group", new.spec.group, old.spec.group)
    immutable(causes, "spec.names.plural", names.plural, was.plural)


def update_definition_status(causes: Causes, new: CustomResourceDefinition, old: CustomResourceDefinition) -> None:
    _names(causes, new.status.accepted_names, "status.acceptedNames")


def _spec(causes: Causes, obj: CustomResourceDefinition, spec: InternalSpec, options: _Options) -> None:
    _group_and_scope(causes, obj)
    preserve = bool(obj.spec.preserve_unknown_fields)
    has_defaults = has_schema_with(spec, lambda schema: schema.get("default") is not None)
    strict = options.strict
    if spec.common.schema is None:
        for index, (version, part) in enumerate(spec.versions):
            if part.schema is None and (strict.schema or (version.served and not preserve)):
                detail = "" if strict.schema else "because otherwise all fields are pruned"
                causes.append(required(f"spec.versions[{index}].schema.openAPIV3Schema", detail))
    if has_defaults and preserve:
        causes.append(invalid("spec.preserveUnknownFields", True, "must be false in order to use defaults in the schema"))
    structural = strict.structural or not preserve or has_defaults or has_schema_with(spec, extended)
    options = replace(options, strict=replace(strict, structural=structural))
    _versions(causes, spec, options)
    names = obj.spec.names
    for text, wire in ((names.plural, "plural"), (names.singular, "singular"), (names.kind, "kind"), (names.list_kind, "listKind")):
        if not text:
            causes.append(required(f"spec.names.{wire}"))
    _names(causes, names, "spec.names")
    _common(causes, spec, options)
    if obj.spec.conversion is not None:
        if obj.spec.conversion.strategy != "None" and preserve:
            detail = "must be None if spec.preserveUnknownFields is true"
            causes.append(invalid("spec.conversion.strategy", obj.spec.conversion.strategy, detail))
        conversion(causes, obj.spec.conversion, "spec.conversion", known_version=options.known_version, right_bundle=options.right_bundle)


def _group_and_scope(causes: Causes, obj: CustomResourceDefinition) -> None:
    group = obj.spec.group
    complaints = syntax.dns_subdomain(group)
    if not group:
        causes.append(required("spec.group"))
    elif complaints:
        causes.append(invalid("spec.group", group, ",".join(complaints)))
    elif "." not in group:
        causes.append(invalid("spec.group", group, "should be a domain with at least one dot"))
    one_of(causes, "spec.scope", obj.spec.scope, _SCOPES)


def _versions(causes: Causes, spec: InternalSpec, options: _Options) -> None:
    names = [version.name for version, _ in spec.versions]
    for index, (version, part) in enumerate(spec.versions):
        path = f"spec.versions[{index}]"
        if complaints := syntax.dns_1035_label(version.name):
            causes.append(invalid(f"{path}.name", version.name, ",".join(complaints)))
        status = part.has_status if any(other.subresources for _, other in spec.versions) else spec.common.has_status
        _version(causes, version, part, path, status, options)
    if len(set(names)) < len(names):
        causes.append(invalid("spec.versions", spec.shown(), "must contain unique version names"))
    if sum(version.storage for version, _ in spec.versions) != 1:
        causes.append(invalid("spec.versions", spec.shown(), "must have exactly one version marked as storage version"))


def _version(
    causes: Causes, version: CustomResourceDefinitionVersion, part: Part, path: str, status: bool, options: _Options
) -> None:
    for complaint in _warning_complaints(bool(version.deprecated), version.deprecation_warning):
        causes.append(invalid(f"{path}.deprecationWarning", version.deprecation_warning, complaint))
    if part.schema is not None:
        same = version.name in options.same_schemas
        check_schema(causes, part.schema, f"{path}.schema.openAPIV3Schema", status=status, strict=options.strict, same=same)
    _subresources(causes, part.subresources, f"{path}.subresources")
    for index, column in enumerate(part.columns):
        _column(causes, column, f"{path}.additionalPrinterColumns[{index}]")
    if part.selectable and part.schema is None:
        detail = "may only be set when `version.schema.openAPIV3Schema` is not included"
        causes.append(invalid(f"{path}.selectableFields", "", detail))
    elif part.selectable and part.schema is not None:
        _selectable(causes, part.selectable, part.schema, path, version.name in options.many_selectable)


def _common(causes: Causes, spec: InternalSpec, options: _Options) -> None:
    """What all versions have in common."""
    common = spec.common
    if common.schema is not None:
        status = common.has_status or any(part.has_status for _, part in spec.versions)
        same = spec.versions[0][0].name in options.same_schemas
        check_schema(causes, common.schema, "spec.validation.openAPIV3Schema", status=status, strict=options.strict, same=same)
    _subresources(causes, common.subresources, "spec.subresources")
    for index, column in enumerate(common.columns):
        _column(causes, column, f"spec.additionalPrinterColumns[{index}]")
    if common.selectable and common.schema is None:
        causes.append(invalid("spec.selectableFields", "", "may only be set when validations.schema is included"))
    elif common.selectable and common.schema is not None:
        _selectable(causes, common.selectable, common.schema, "spec", "" in options.many_selectable)


def _warning_complaints(deprecated: bool, warning: str | None) -> list[str]:
    if warning is None:
        return []
    if not deprecated:
        return ["can only be set for deprecated versions"]
    complaints = []
    if len(warning.encode()) > _WARNING_BYTES_MAX:
        complaints.append(f"must be <= {_WARNING_BYTES_MAX} characters long")
    if not warning:
        complaints.append("must not be an empty string")
    for index, character in enumerate(warning):
        if not character.isprintable():
            place = len(warning[:index].encode())
            complaints.append(f"must only contain printable UTF-8 characters; non-printable character found at index {place}")
            break
    return complaints


def _names(causes: Causes, names: CustomResourceDefinitionNames, path: str) -> None:
    for text, wire in ((names.plural, "plural"), (names.singular, "singular")):
        if text and (complaints := syntax.dns_1035_label(text)):
            causes.append(invalid(f"{path}.{wire}", text, ",".join(complaints)))
    for text, wire in ((names.kind, "kind"), (names.list_kind, "listKind")):
        if text and (complaints := syntax.dns_1035_label(text.lower())):
            detail = f"may have mixed case, but should otherwise match: {','.join(complaints)}"
            causes.append(invalid(f"{path}.{wire}", text, detail))
    _labels(causes, names.short_names, f"{path}.shortNames")
    if names.kind and names.kind == names.list_kind:
        causes.append(invalid(f"{path}.listKind", names.list_kind, "kind and listKind may not be the same"))
    _labels(causes, names.categories, f"{path}.categories")


def _labels(causes: Causes, texts: list[str], path: str) -> None:
    for index, text in enumerate(texts):
        if complaints := syntax.dns_1035_label(text):
            causes.append(invalid(f"{path}[{index}]", text, ",".join(complaints)))


def _subresources(causes: Causes, subresources: CustomResourceSubresources | None, path: str) -> None:
    scale = subresources.scale if subresources is not None else None
    if scale is None:
        return
    for text, wire, root in ((scale.spec_replicas_path, "specReplicasPath", ".spec"),
                             (scale.status_replicas_path, "statusReplicasPath", ".status")):
        where = f"{path}.scale.{wire}"
        if not text:
            causes.append(required(where))
        elif _is_simple_path(causes, text, where) and not text.startswith(f"{root}."):
            causes.append(invalid(where, text, f"should be a json path under {root}"))
    text, where = scale.label_selector_path or "", f"{path}.scale.labelSelectorPath"
    if text and _is_simple_path(causes, text, where) and not text.startswith((".spec.", ".status.")):
        causes.append(invalid(where, text, "should be a json path under either .spec or .status"))


def _is_simple_path(causes: Causes, text: str, path: str) -> bool:
    if not text.startswith("."):
        causes.append(invalid(path, text, "must be a simple json path starting with ."))
    return text.startswith(".")


def _column(causes: Causes, column: CustomResourceColumnDefinition, path: str) -> None:
    if not column.name:
        causes.append(required(f"{path}.name"))
    detail = f"must be one of {','.join(_COLUMN_TYPES)}"
    if not column.type:
        causes.append(required(f"{path}.type", detail))
    elif column.type not in _COLUMN_TYPES:
        causes.append(invalid(f"{path}.type", column.type, detail))
    if column.format and column.format not in _COLUMN_FORMATS:
        causes.append(invalid(f"{path}.format", column.format, f"must be one of {','.join(_COLUMN_FORMATS)}"))
    if not column.json_path:
        causes.append(required(f"{path}.JSONPath"))
    else:
        _is_simple_path(causes, column.json_path, f"{path}.JSONPath")


def _selectable(causes: Causes, fields: list[SelectableField], schema: Document, base: str, many: bool) -> None:
    if problem := conversion_problem(schema):
        causes.append(invalid(f"{base}.schema.openAPIV3Schema", "", problem))
        return
    found: set[str] = set()
    for index, selected in enumerate(fields):
        path, text = f"{base}.selectableFields[{index}].jsonPath", selected.json_path
        if not text:
            causes.append(required(path))
            continue
        try:
            target = resolve(text, schema, brackets=False)
        except FieldPathError as error:
            causes.append(invalid(path, text, f"is an invalid path: {error}"))
            continue
        if target.root == "metadata":
            causes.append(invalid(path, text, "must not point to fields in metadata"))
        if target.schema.get("type") not in _SELECTABLE_TYPES:
            detail = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."
            causes.append(invalid(path, text, detail))
        if target.path in found:
            causes.append(duplicate(path, text))
        found.add(target.path)
    if len(found) > _SELECTABLE_MAX and not many:
        causes.append(too_many(f"{base}.selectableFields", len(found), _SELECTABLE_MAX))


def _many_selectable(spec: InternalSpec, before: InternalSpec) -> frozenset[str]:
    old = {version.name: part for version, part in before.versions} | {"": before.common}
    new = {version.name: part for version, part in spec.versions} | {"": spec.common}
    return frozenset(
        name for name, part in new.items()
        if name in old and len(old[name].selectable) > _SELECTABLE_MAX and part.selectable == old[name].selectable
    )


def _same_schemas(new: CustomResourceDefinition, old: CustomResourceDefinition) -> frozenset[str]:
    before = {version.name: version.schema for version in old.spec.versions}
    return frozenset(version.name for version in new.spec.versions if version.name in before and version.schema == before[version.name])


def _stored_versions(causes: Causes, obj: CustomResourceDefinition) -> None:
    path, stored = "status.storedVersions", obj.status.stored_versions
    if not stored:
        causes.append(invalid(path, msgspec.Raw(b"null"), "must have at least one stored version"))
        return
    for version in obj.spec.versions:
        if version.storage and version.name not in stored:
            causes.append(invalid(path, stored, f"must have the storage version {version.name}"))
    names = {version.name for version in obj.spec.versions}
    for index, name in enumerate(stored):
        if name not in names and name not in stored[index + 1:]:
            detail = (f"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a "
                      f"storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions")
            causes.append(invalid(f"{path}[{index}]", name, detail))


def _approval(causes: Causes, new: CustomResourceDefinition, old: CustomResourceDefinition | None) -> None:
    if not approval.is_protected(new.spec.group):
        return
    state, reason = approval.approval(new.metadata.annotations)
    if old is not None and approval.approval(old.metadata.annotations)[0] == state:
        return
    path = f"metadata.annotations[{approval.ANNOTATION}]"
    if state == approval.MISSING:
        causes.append(required(path, reason))
    elif state == approval.INVALID:
        causes.append(invalid(path, new.metadata.annotations[approval.ANNOTATION], reason))


def _preserve(causes: Causes, obj: CustomResourceDefinition) -> None:
    if obj.spec.preserve_unknown_fields:
        detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        causes.append(invalid("spec.preserveUnknownFields", True, detail))
