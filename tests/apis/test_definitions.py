"""Every rule of CustomResourceDefinitions has upstream's field and message."""

from __future__ import annotations

import base64
from copy import deepcopy
from typing import Any

import pytest

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.scheme import from_document
from minikube_py.apis.validation import validate_create, validate_update
from minikube_py.apis.validation.definition_warnings import definition_warnings

Document = dict[str, Any]
LABEL = ("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
         "alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')")
TYPES = '"array", "boolean", "integer", "number", "object", "string"'
SCHEMA = "spec.validation.openAPIV3Schema"
STRING = {"type": "string"}


def version(name: str = "v1", schema: Document | None = None, **more: Any) -> Document:
    return {"name": name, "served": True, "storage": name == "v1", "schema": {"openAPIV3Schema": schema or {"type": "object"}}} | more


def crd(schema: Document | None = None, /, **spec: Any) -> Document:
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "foos.example.com",
            "resourceVersion": "1"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"plural": "foos", "kind": "Foo"},
                 "versions": [version(schema=schema)]} | spec,
    }


def loaded(document: Document) -> CustomResourceDefinition:
    obj = from_document(CustomResourceDefinition, document)
    set_defaults(obj)
    return obj


def complaints(document: Document) -> list[str]:
    created = deepcopy(document)
    del created["metadata"]["resourceVersion"]
    return [f"{cause.field}: {cause.message}" for cause in validate_create(loaded(created))]


def update_complaints(new: Document, old: Document) -> list[str]:
    return [f"{cause.field}: {cause.message}" for cause in validate_update(loaded(new), loaded(old))]


def established(document: Document) -> Document:
    condition = {"type": "Established", "status": "True"}
    return document | {"status": {"conditions": [condition], "storedVersions": ["v1"], "acceptedNames": {"plural": "foos", "kind": "Foo"}}}


def named(**names: Any) -> Document:
    return crd(names={"plural": "foos", "kind": "Foo"} | names)


def test_a_plain_definition_is_right() -> None:
    assert complaints(crd()) == []
    assert update_complaints(established(crd()), established(crd())) == []


GROUPS_AND_NAMES: list[tuple[Document, list[str]]] = [
    (crd(group=""), ['metadata.name: Invalid value: "foos.example.com": must be spec.names.plural+"."+spec.group',
        "spec.group: Required value"]),
    (crd(group="example"), ['metadata.name: Invalid value: "foos.example.com": must be spec.names.plural+"."+spec.group',
                            'spec.group: Invalid value: "example": should be a domain with at least one dot']),
    (crd(scope=""), ["spec.scope: Required value"]),
    (crd(scope="Global"), ['spec.scope: Unsupported value: "Global": supported values: "Cluster", "Namespaced"']),
    (named(singular="Foo"), [f'spec.names.singular: Invalid value: "Foo": {LABEL}']),
    (named(kind="Foo_"), [f'spec.names.kind: Invalid value: "Foo_": may have mixed case, but should otherwise match: {LABEL}',
                          f'spec.names.listKind: Invalid value: "Foo_List": may have mixed case, but should otherwise match: {LABEL}',
                          f'spec.names.singular: Invalid value: "foo_": {LABEL}']),
    (named(kind=""), ["spec.names.singular: Required value", "spec.names.kind: Required value", "spec.names.listKind: Required value"]),
    (named(listKind="Foo"), ['spec.names.listKind: Invalid value: "Foo": kind and listKind may not be the same']),
    (named(shortNames=["f", "F"]), [f'spec.names.shortNames[1]: Invalid value: "F": {LABEL}']),
    (named(categories=["all", "1"]), [f'spec.names.categories[1]: Invalid value: "1": {LABEL}']),
    (crd(group="foo.k8s.io") | {"metadata": {"name": "foos.foo.k8s.io", "resourceVersion": "1"}}, [
        'metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval annotation '
        '"api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111']),
    (crd(group="foo.k8s.io") | {"metadata": {
        "name": "foos.foo.k8s.io", "resourceVersion": "1", "annotations": {"api-approved.kubernetes.io": "yes"}}}, [
        'metadata.annotations[api-approved.kubernetes.io]: Invalid value: "yes": protected groups must have approval annotation '
        '"api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see '
        "https://github.com/kubernetes/enhancements/pull/1111"]),
    (crd(group="foo.k8s.io") | {"metadata": {
        "name": "foos.foo.k8s.io", "resourceVersion": "1", "annotations": {"api-approved.kubernetes.io": "https://github.com/a/b"}}}, []),
]
NO_SCHEMA: Document = {"name": "v1", "served": True, "storage": True}
SHOWN = ('{"Name":"v1","Served":true,"Storage":true,"Deprecated":false,"DeprecationWarning":null,"Schema":null,"Subresources":null,'
         '"AdditionalPrinterColumns":null,"SelectableFields":null}')
VERSIONS: list[tuple[list[Document], list[str]]] = [
    ([], ["spec.versions: Invalid value: []: must have exactly one version marked as storage version",
          "status.storedVersions: Invalid value: null: must have at least one stored version"]),
    ([NO_SCHEMA], ["spec.versions[0].schema.openAPIV3Schema: Required value"]),
    ([version("V1") | {"storage": True}], [f'spec.versions[0].name: Invalid value: "V1": {LABEL}']),
    ([version(), version()], [
        f"spec.versions: Invalid value: [{SHOWN},{SHOWN}]: must contain unique version names",
        f"spec.versions: Invalid value: [{SHOWN},{SHOWN}]: must have exactly one version marked as storage version"]),
    ([version(deprecationWarning="x")],
        ['spec.versions[0].deprecationWarning: Invalid value: "x": can only be set for deprecated versions']),
    ([version(deprecated=True, deprecationWarning="")],
     ['spec.versions[0].deprecationWarning: Invalid value: "": must not be an empty string']),
    ([version(deprecated=True, deprecationWarning="ä\n")], [
        'spec.versions[0].deprecationWarning: Invalid value: "ä\\n": must only contain printable UTF-8 characters; non-printable character '
        "found at index 2"]),
    ([version(), version("v2", {"type": "object", "properties": {"a": {}}})],
     ["spec.versions[1].schema.openAPIV3Schema.properties[a].type: Required value: must not be empty for specified object fields"]),
    ([version(), version("v2", {"type": "object", "properties": {"a": STRING}}, subresources={"scale": {
        "specReplicasPath": "spec.a", "statusReplicasPath": ".spec.a", "labelSelectorPath": ".a"}})], [
        'spec.versions[1].subresources.scale.specReplicasPath: Invalid value: "spec.a": must be a simple json path starting with .',
        'spec.versions[1].subresources.scale.statusReplicasPath: Invalid value: ".spec.a": should be a json path under .status',
        'spec.versions[1].subresources.scale.labelSelectorPath: Invalid value: ".a": should be a json path under either .spec or .status']),
    ([version(subresources={"scale": {}})],
     ["spec.subresources.scale.specReplicasPath: Required value", "spec.subresources.scale.statusReplicasPath: Required value"]),
    ([version(additionalPrinterColumns=[{"format": "x"}, {"name": "a", "type": "x", "jsonPath": "spec"}])], [
        "spec.additionalPrinterColumns[0].name: Required value",
        "spec.additionalPrinterColumns[0].type: Required value: must be one of boolean,date,integer,number,string",
        'spec.additionalPrinterColumns[0].format: Invalid value: "x": must be one of byte,date,date-time,double,float,int32,int64,password',
        "spec.additionalPrinterColumns[0].JSONPath: Required value",
        'spec.additionalPrinterColumns[1].type: Invalid value: "x": must be one of boolean,date,integer,number,string',
        'spec.additionalPrinterColumns[1].JSONPath: Invalid value: "spec": must be a simple json path starting with .']),
    ([version(schema={"type": "object", "properties": {"spec": {"type": "object", "properties": {"a": STRING, "n": {"type": "number"}}},
                                                       "metadata": {"type": "object", "properties": {"name": STRING}}}},
              selectableFields=[{"jsonPath": ""}, {"jsonPath": ".spec['a']"}, {"jsonPath": ".spec.b"}, {"jsonPath": ".metadata.name"},
                                {"jsonPath": ".spec.n"}, {"jsonPath": ".spec.a"}, {"jsonPath": ".spec.a"}])], [
        "spec.selectableFields[0].jsonPath: Required value",
        """spec.selectableFields[1].jsonPath: Invalid value: ".spec['a']": is an invalid path: array notation is not allowed""",
        'spec.selectableFields[2].jsonPath: Invalid value: ".spec.b": is an invalid path: does not refer to a valid field',
        'spec.selectableFields[3].jsonPath: Invalid value: ".metadata.name": must not point to fields in metadata',
        'spec.selectableFields[4].jsonPath: Invalid value: ".spec.n": must point to a field of type string, boolean or integer. Enum '
        "string fields and strings with formats are allowed.",
        'spec.selectableFields[6].jsonPath: Duplicate value: ".spec.a"']),
    ([version(schema={"type": "object", "properties": {f"f{index}": STRING for index in range(9)}},
              selectableFields=[{"jsonPath": f".f{index}"} for index in range(9)])],
     ["spec.selectableFields: Too many: 9: must have at most 8 items"]),
]


@pytest.mark.parametrize(("document", "wanted"), GROUPS_AND_NAMES + [(crd(versions=versions), wanted) for versions, wanted in VERSIONS])
def test_rules_of_the_spec(document: Document, wanted: list[str]) -> None:
    assert sorted(complaints(document)) == sorted(wanted)


def webhook(**config: Any) -> Document:
    return crd(conversion={"strategy": "Webhook", "webhook": {"clientConfig": config, "conversionReviewVersions": ["v1"]}})


CONVERSIONS: list[tuple[Document, list[str]]] = [
    (crd(conversion={"strategy": "None"}), []),
    (crd(conversion={"strategy": ""}), ["spec.conversion.strategy: Required value"]),
    (crd(conversion={"strategy": "x"}), ['spec.conversion.strategy: Unsupported value: "x": supported values: "None", "Webhook"']),
    (crd(conversion={"strategy": "Webhook"}), [
        "spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook",
        "spec.conversion.conversionReviewVersions: Required value"]),
    (crd(conversion={"strategy": "None", "webhook": {"clientConfig": {"url": "https://a"}, "conversionReviewVersions": ["v1"]}}), [
        "spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook",
        "spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook"]),
    (webhook(), ["spec.conversion.webhookClientConfig: Required value: exactly one of url or service is required"]),
    (webhook(url="http://a"), ["spec.conversion.webhookClientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; "
                               "desired format: https://host[/path]"]),
    (webhook(service={"name": "", "namespace": "a", "path": "b/C", "port": 0}), [
        "spec.conversion.webhookClientConfig.service.namespace: Required value: service namespace is required",
        "spec.conversion.webhookClientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive",
        'spec.conversion.webhookClientConfig.service.path: Invalid value: "b/C": must start with a \'/\'',
        'spec.conversion.webhookClientConfig.service.path: Invalid value: "b/C": segment[0] may not be empty',
        'spec.conversion.webhookClientConfig.service.path: Invalid value: "b/C": segment[1]: a lowercase RFC 1123 subdomain must consist '
        "of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', "
        "regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"]),
    (crd(conversion={"strategy": "Webhook", "webhook": {"clientConfig": {"url": "https://a"}, "conversionReviewVersions": ["v2", "v2",
        "V"]}}), [
        'spec.conversion.conversionReviewVersions[1]: Invalid value: "v2": duplicate version',
        f'spec.conversion.conversionReviewVersions[2]: Invalid value: "V": {LABEL}',
        'spec.conversion.conversionReviewVersions: Invalid value: ["v2","v2","V"]: must include at least one of v1, v1beta1']),
    (webhook(url="https://a", caBundle=base64.b64encode(b"odd").decode()), []),
    (crd(preserveUnknownFields=True), [
        "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
        "spec.versions[*].schema instead"]),
    (crd({"type": "object", "properties": {"a": STRING | {"default": "x"}}}, preserveUnknownFields=True,
         conversion={"strategy": "Webhook", "webhook": {"clientConfig": {"url": "https://a"}, "conversionReviewVersions": ["v1"]}}), [
        "spec.preserveUnknownFields: Invalid value: true: must be false in order to use defaults in the schema",
        'spec.conversion.strategy: Invalid value: "Webhook": must be None if spec.preserveUnknownFields is true',
        "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
        "spec.versions[*].schema instead"]),
]


@pytest.mark.parametrize(("document", "wanted"), CONVERSIONS)
def test_rules_of_conversions(document: Document, wanted: list[str]) -> None:
    assert complaints(document) == wanted


def field(**schema: Any) -> Document:
    """A schema whose field `a` is that."""
    return {"type": "object", "properties": {"a": schema}}


def keyed(keys: list[str], **items: Any) -> Document:
    return field(**{"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys,
        "items": {"type": "object"} | items})


A = "properties[a]"
LIST_TYPE, MAP_TYPE, KEYS = "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-list-map-keys"
RESOURCE, PRESERVE, EITHER = "x-kubernetes-embedded-resource", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"
INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]
METADATA = "must not specify anything other than name and generateName, but metadata is implicitly specified"

STRUCTURE: list[tuple[Document, list[str]]] = [
    ({}, ["type: Required value: must not be empty at the root"]),
    ({"type": "array", "items": STRING}, ['type: Invalid value: "array": must be object at the root']),
    ({"type": "object", "nullable": True}, ["nullable: Forbidden: nullable cannot be true at the root"]),
    ({"type": "object", "additionalProperties": STRING}, ["additionalProperties: Forbidden: must not be used at the root"]),
    (field(), [f"{A}.type: Required value: must not be empty for specified object fields"]),
    (field(type="array", items={}), [f"{A}.items.type: Required value: must not be empty for specified array items"]),
    (field(type="array"), [f"{A}.items: Required value: must be specified"]),
    (field(type="text"), [f'{A}.type: Unsupported value: "text": supported values: {TYPES}']),
    (field(type="string", pattern="("), [
        f'{A}.pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`']),
    (field(**{EITHER: True, PRESERVE: True}), [
        f"{A}.{PRESERVE}: Invalid value: true: must be false if {EITHER} is true"]),
    (field(**{EITHER: True, "anyOf": INT_OR_STRING}), []),
    (field(**{EITHER: True, "allOf": [{"anyOf": INT_OR_STRING}, {"pattern": "a"}]}), []),
    (field(**{EITHER: True, "anyOf": INT_OR_STRING[:1]}), [f"{A}.anyOf[0].type: Forbidden: must be empty to be structural"]),
    (field(**{"type": "string", RESOURCE: True, PRESERVE: True}), [
        f'{A}.type: Invalid value: "string": must be object if {RESOURCE} is true']),
    (field(**{RESOURCE: True, PRESERVE: True}), [f"{A}.type: Required value: must be object if {RESOURCE} is true"]),
    (field(**{"type": "object", RESOURCE: True}), [
        f"{A}.properties: Required value: must not be empty if {RESOURCE} is true without {PRESERVE}"]),
    (field(**{"type": "object", RESOURCE: True, PRESERVE: True, "additionalProperties": True}), [
        f"{A}.additionalProperties: Forbidden: must not be used if {RESOURCE} is set"]),
    (field(**{"type": "object", PRESERVE: False}), [f"{A}.{PRESERVE}: Invalid value: false: must be true or undefined"]),
    ({"type": "object", "properties": {"kind": {"type": "integer"}, "apiVersion": {"type": "integer"}, "metadata": STRING}}, [
        'properties[apiVersion].type: Invalid value: "integer": must be string',
        'properties[kind].type: Invalid value: "integer": must be string',
        'properties[metadata].type: Invalid value: "string": must be object']),
    ({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": STRING | {"maxLength": 9}}}}}, []),
    ({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}},
     [f"properties[metadata]: Forbidden: {METADATA}"]),
    ({"type": "object", "properties": {"metadata": {"type": "object", "description": "x"}}},
        [f"properties[metadata]: Forbidden: {METADATA}"]),
    (field(type="object", properties={"b": STRING}, anyOf=[{"properties": {"b": {
        "type": "string", "default": "", "title": "t", "description": "d", "nullable": True, EITHER: True, PRESERVE: True, RESOURCE: True,
        LIST_TYPE: "atomic", MAP_TYPE: "atomic", KEYS: ["a"], "additionalProperties": True, "x-kubernetes-validations": [{"rule": "true"}],
    }}}]), [
        *(f"{A}.anyOf[0].properties[b].{name}: Forbidden: must be {what} to be structural" for name, what in (
            ("additionalProperties", "undefined"), ("default", "undefined"), ("description", "empty"), ("nullable", "false"),
            ("title", "empty"), ("type", "empty"), (RESOURCE, "false"), (EITHER, "false"), (KEYS, "empty"), (LIST_TYPE, "undefined"),
            (MAP_TYPE, "undefined"), (PRESERVE, "false"), ("x-kubernetes-validations", "empty"))),
        f'{A}.anyOf[0].properties[b].type: Invalid value: "string": must be object if {MAP_TYPE} is specified',
        f'{A}.anyOf[0].properties[b].type: Invalid value: "string": must be array if {LIST_TYPE} is specified',
        f'{A}.anyOf[0].properties[b].{LIST_TYPE}: Invalid value: "atomic": must be map if {KEYS} is non-empty']),
    ({"type": "object", "not": {"properties": {"c": {}}, "items": {}}}, [
        f"items: Required value: because it is defined in {SCHEMA}.not.items",
        f"properties[c]: Required value: because it is defined in {SCHEMA}.not.properties[c]"]),
    ({"type": "object", "allOf": [{"properties": {"metadata": {}}}]}, [
        "allOf[0].properties[metadata]: Forbidden: must not be specified in a nested context",
        f"properties[metadata]: Required value: because it is defined in {SCHEMA}.allOf[0].properties[metadata]"]),
]
OPENAPI: list[tuple[Document, list[str]]] = [
    (field(type="array", items=STRING, uniqueItems=True), [
        f"{A}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic"]),
    (field(type="object", properties={"b": STRING}, additionalProperties=False), [
        f"{A}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"]),
    (field(**{"type": "null"}), [f'{A}.type: Unsupported value: "null": supported values: {TYPES}',
                                 f"{A}.type: Forbidden: type cannot be set to null, use nullable as an alternative"]),
    (field(type="array", items=[STRING]), [f"{A}.items: Forbidden: items must be a schema object and not an array"]),
    *((field(**{"type": "object", name: value}), [f"{A}.{name}: Forbidden: {name} is not supported"]) for name, value in (
        ("id", "x"), ("additionalItems", True), ("patternProperties", {"a": STRING}), ("definitions", {"a": STRING}),
        ("dependencies", {"a": ["b"]}), ("$ref", "x"))),
    (field(**{"type": "object", "$schema": "x"}), [': Invalid value: "": OpenAPIV3Schema \'schema\' is not supported']),
    (field(**{"type": "string", LIST_TYPE: "set"}), [f'{A}.type: Invalid value: "string": must be array if {LIST_TYPE} is specified']),
    (field(**{"type": "string", MAP_TYPE: "granular"}), [f'{A}.type: Invalid value: "string": must be object if {MAP_TYPE} is specified']),
    (field(**{PRESERVE: True, MAP_TYPE: "granular"}), [f"{A}.type: Required value: must be object if {MAP_TYPE} is specified"]),
    (field(**{"type": "object", MAP_TYPE: "x"}), [f'{A}.{MAP_TYPE}: Unsupported value: "x": supported values: "atomic", "granular"']),
    (field(**{"type": "array", "items": STRING, LIST_TYPE: "x"}), [
        f'{A}.{LIST_TYPE}: Unsupported value: "x": supported values: "atomic", "set", "map"']),
    (field(**{"type": "array", "items": {"type": "object"}, LIST_TYPE: "set"}), [
        f'{A}.items.{MAP_TYPE}: Invalid value: null: must be atomic as item of a list with {LIST_TYPE}=set']),
    (field(**{"type": "array", "items": {"type": "array", "items": STRING, LIST_TYPE: "set"}, LIST_TYPE: "set"}), [
        f'{A}.items.{LIST_TYPE}: Invalid value: "set": must be atomic as item of a list with {LIST_TYPE}=set']),
    (field(**{"type": "array", "items": STRING | {"nullable": True}, LIST_TYPE: "set"}), [
        f"{A}.items.nullable: Forbidden: cannot be nullable when {LIST_TYPE} is set"]),
    (field(**{"type": "array", "items": STRING, KEYS: ["a"]}), [
        f"{A}.{LIST_TYPE}: Required value: must be map if {KEYS} is non-empty"]),
    (field(**{"type": "array", "items": STRING, LIST_TYPE: "map"}), [
        f"{A}.{KEYS}: Required value: must not be empty if {LIST_TYPE} is map",
        f'{A}.items.type: Invalid value: "string": must be object if parent array\'s {LIST_TYPE} is map']),
    (keyed(["b", "c", "b"], properties={"b": STRING}, required=["b"]), [
        f'{A}.{KEYS}: Invalid value: ["b","c","b"]: entries must all be names of item properties',
        f'{A}.{KEYS}: Invalid value: ["b","c","b"]: must not contain duplicate entries']),
    (keyed(["b"], properties={"b": {"type": "object"}}, required=["b"]), [
        f'{A}.items.properties[b].type: Invalid value: "object": must be a scalar type if parent array\'s {LIST_TYPE} is map']),
    (keyed(["b", "c"], properties={"b": STRING, "c": STRING | {"default": "", "nullable": True}}), [
        f"{A}.items.properties[b].default: Required value: this property is in {KEYS}, so it must have a default or be a required property",
        f"{A}.items.properties[c].nullable: Forbidden: this property is in {KEYS}, so it cannot be nullable"]),
    (field(**{"type": "object", RESOURCE: True, "properties": {"metadata": {
        "type": "object", "properties": {"labels": {"type": "object", RESOURCE: True, PRESERVE: True}}}}}), [
        f"{A}.properties[metadata].properties[labels].{RESOURCE}: Forbidden: must not be used inside of resource meta"]),
    ({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"name": STRING | {"default": "a"}}}}}, [
        "properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata"]),
    (field(**{"type": "object", RESOURCE: True, "properties": {"metadata": {"type": "object", "properties": {"labels": {
        "type": "object", "additionalProperties": STRING | {"default": "a"}}}}}}), [
        f"{A}.properties[metadata].properties[labels].additionalProperties.default: Forbidden: must not be set inside additionalProperties "
        "applying to object metadata"]),
]
DEFAULTS: list[tuple[Document, list[str]]] = [
    (field(type="integer", default="x"), [f'{A}.default: Invalid value: "string":  in body must be of type integer: "string"']),
    (field(type="string", default=""), []),
    (field(type="object", properties={"b": STRING}, default={"b": 1}), [
        f'{A}.default.b: Invalid value: "integer": b in body must be of type string: "integer"']),
    (field(type="object", properties={"b": STRING}, default={"c": 1}),
        [f'{A}.default: Invalid value: {{"c":1}}: must not have unknown fields']),
    (field(**{"type": "object", RESOURCE: True, PRESERVE: True, "default": {"apiVersion": "v1", "kind": "A", "metadata": {"name": ".."}}}),
        [
        f'{A}.default.metadata.name: Invalid value: "..": may not be \'..\'']),
    (field(**{"type": "object", RESOURCE: True, "properties": {"metadata": {"type": "object",
        "properties": {"name": STRING | {"default": ".."}}}}}), [
        f'{A}.properties[metadata].properties[name].default: Invalid value: "..": must result in valid metadata: metadata.name: Invalid '
        'value: "..": may not be \'..\'']),
    (field(type="string", nullable=True, default=None), []),
]


def ruled(**rule: Any) -> Document:
    return field(**{"type": "object", "properties": {"b": STRING}, "x-kubernetes-validations": [rule]})


RULE = f"{A}.x-kubernetes-validations[0]"
RULES: list[tuple[Document, list[str]]] = [
    (ruled(rule=" "), [f"{RULE}.rule: Required value: rule is not specified"]),
    (ruled(rule="true", message=" "), [f'{RULE}.message: Invalid value: " ": must be non-empty if specified']),
    (ruled(rule="true", message="a\nb"), [f'{RULE}.message: Invalid value: "a\\nb": must not contain line breaks']),
    (ruled(rule="true\n&& true"), [f"{RULE}.message: Required value: message must be specified if rule contains line breaks"]),
    (ruled(rule="true", messageExpression=" "),
        [f"{RULE}.messageExpression: Required value: messageExpression must be non-empty if specified"]),
    (ruled(rule="true", reason="x"), [
        f'{RULE}.reason: Unsupported value: "x": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", '
        '"FieldValueRequired"']),
    (ruled(rule="true", fieldPath=".c"), [f'{RULE}.fieldPath: Invalid value: ".c": must be a valid path']),
    (ruled(rule="true", fieldPath=" "), [
        f'{RULE}.fieldPath: Invalid value: " ": must be non-empty if specified',
            f'{RULE}.fieldPath: Invalid value: " ": must be a valid path']),
    (ruled(rule="true", fieldPath=".b"), []),
    (ruled(rule="self.b == 1"), [
        f'{RULE}.rule: Invalid value: {{"Rule":"self.b == 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"",'
        '"OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:8: found no matching overload for \'_==_\' applied '
        'to \'(string, int)\'\n'
        " | self.b == 1\n | .......^"]),
    ({"type": "object", MAP_TYPE: "atomic", "properties": {"a": STRING | {"x-kubernetes-validations": [{"rule": "self == oldSelf"}]}}}, [
        f'{RULE}.rule: Invalid value: "self == oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema '
        f"within {SCHEMA}"]),
    (ruled(rule="self.b != 'x'") | {"properties": {"a": ruled(rule="self.b != 'x'")["properties"]["a"] | {"default": {"b": "x"}}}}, [
        f'{A}.default: Invalid value: failed rule: self.b != \'x\'']),
]


@pytest.mark.parametrize(("schema", "wanted"), STRUCTURE + OPENAPI + DEFAULTS + RULES)
def test_rules_of_schemas(schema: Document, wanted: list[str]) -> None:
    found = complaints(crd(versions=[version() | {"schema": {"openAPIV3Schema": schema}}]))
    assert [text.removeprefix(SCHEMA).removeprefix(".") for text in found] == wanted


def test_with_a_status_subresource_the_root_says_little() -> None:
    fields = (
        "Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems "
              "UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations")
    schema = {"type": "object", "properties": {"a": STRING}, "oneOf": [{"required": ["a"]}]}
    assert complaints(crd(schema)) == []
    [found] = complaints(crd(versions=[version(schema=schema, subresources={"status": {}})]))
    assert found.startswith(f'{SCHEMA}: Invalid value: {{"ID":"","Schema":"","Ref":null,"Description":"","Type":"object","Nullable":false,')
    assert '"OneOf":[{"ID":"","Schema":""' in found and '"Required":["a"]' in found
    assert found.endswith(f": only [{fields}] fields are allowed at the root of the schema if the status subresource is enabled")


SETS = {"type": "array", LIST_TYPE: "set", "items": {"type": "object"}}
BUNDLE = base64.b64encode(b"odd").decode()
UPDATES: list[tuple[Document, Document, list[str]]] = [
    (crd(scope="Cluster"), crd(), []),
    (established(crd(scope="Cluster")), established(crd()), ['spec.scope: Invalid value: "Cluster": field is immutable']),
    (named(kind="Bar"), crd(), []),
    (established(named(kind="Bar")), established(crd()), ['spec.names.kind: Invalid value: "Bar": field is immutable']),
    (named(plural="bars"), crd(), ['spec.names.plural: Invalid value: "bars": field is immutable']),
    (crd(group="example.org"), crd(), ['spec.group: Invalid value: "example.org": field is immutable']),
    (crd(versions=[version("v2") | {"storage": True}]) | {"status": {"storedVersions": ["v1", "v2"]}}, crd(), [
        'status.storedVersions[0]: Invalid value: "v1": missing from spec.versions; v1 was previously a storage version, and must remain '
        "in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions"]),
    (crd(versions=[version(), version("v2")]) | {"status": {"storedVersions": ["v2"]}}, crd(), [
        'status.storedVersions: Invalid value: ["v2"]: must have the storage version v1']),
    (crd(field(**SETS)), crd(field(**SETS)), []),
    (crd(field(**SETS)), crd(),
        [f'{SCHEMA}.{A}.items.{MAP_TYPE}: Invalid value: null: must be atomic as item of a list with {LIST_TYPE}=set']),
    (crd(field(type="object", default={"a": 1})), crd(field(type="object", default={"a": 1})), []),
    (crd(keyed(["b"], properties={"b": STRING})), crd(keyed(["b"], properties={"b": STRING})), []),
    (crd(versions=[NO_SCHEMA]), crd(versions=[NO_SCHEMA]), []),
    (crd(versions=[NO_SCHEMA], scope="Cluster"), crd(versions=[NO_SCHEMA]), [
        "spec.versions[0].schema.openAPIV3Schema: Required value: because otherwise all fields are pruned"]),
    (crd(versions=[NO_SCHEMA], preserveUnknownFields=True), crd(versions=[NO_SCHEMA], preserveUnknownFields=True), []),
    (crd(field(), preserveUnknownFields=True), crd(field(), preserveUnknownFields=True), []),
    (crd(preserveUnknownFields=True), crd(), [
        "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
        "spec.versions[*].schema instead"]),
    (established(webhook(url="https://a", caBundle=BUNDLE)), established(crd()), [
        f'spec.conversion.webhookClientConfig.caBundle: Invalid value: "{BUNDLE}": unable to load root certificates: unable to parse bytes '
        "as PEM block"]),
    (established(webhook(url="https://a", caBundle=BUNDLE)), established(webhook(url="https://b", caBundle=BUNDLE)), []),
]


@pytest.mark.parametrize(("new", "old", "wanted"), UPDATES)
def test_updates(new: Document, old: Document, wanted: list[str]) -> None:
    assert update_complaints(new, old) == wanted


def test_an_approval_that_stays_as_it_was_is_not_judged() -> None:
    old = crd(group="foo.k8s.io") | {"metadata": {"name": "foos.foo.k8s.io", "resourceVersion": "1"}}
    assert update_complaints(old, old) == []


def test_of_a_status_only_the_names_are_judged() -> None:
    old = loaded(crd())
    new = loaded(crd(scope="x") | {"status": {"acceptedNames": {"plural": "Foos", "kind": "Foo"}}})
    assert [f"{cause.field}: {cause.message}" for cause in validate_update(new, old, subresource="status")] == [
        f'status.acceptedNames.plural: Invalid value: "Foos": {LABEL}']


FORMATS = {"type": "object", "properties": {
    "a": STRING | {"format": "date-time"}, "b": STRING | {"format": "made-up"}, "c": {"type": "integer", "format": "int32"},
    "d": {"type": "array", "items": {"type": "integer", "format": "uint8"}}, "e": STRING | {"format": "made-up"},
    "f": {"type": "object", "format": "date"},
}}


def test_formats_that_mean_nothing_are_told_once() -> None:
    warnings = [f'unrecognized format "{name}"' for name in ("made-up", "uint8", "date")]
    assert definition_warnings(loaded(crd(FORMATS))) == warnings
    assert definition_warnings(loaded(crd(FORMATS)), loaded(crd(field(type="string", format="made-up")))) == warnings[1:]
    assert definition_warnings(loaded(crd(FORMATS)), loaded(crd(FORMATS))) == []
