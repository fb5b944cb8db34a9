"""The typed objects against the schema that they are generated from, and reading what others wrote."""

from __future__ import annotations

import importlib
import json
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from minikube_py.apis import apiextensions_v1, apps_v1, core_v1, policy_v1
from minikube_py.apis.object import Object
from minikube_py.apis.resources import BY_GVK
from minikube_py.apis.scheme import (
    decode_lenient,
    decoder,
    deep_copy,
    encode,
    from_document,
    gvk_of,
    prune,
    resource_of,
    to_document,
    type_of,
)

SCHEMAS = "kubernetes-json-schema/v1.36.0-local/_definitions.json"
PREFIXES = {
    "meta_v1": "io.k8s.apimachinery.pkg.apis.meta.v1.",
    "apiextensions_v1": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.",
    "apiregistration_v1": "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.",
}
MODULES = [
    "admissionregistration_v1", "apiextensions_v1", "apiregistration_v1", "apps_v1", "authentication_v1", "authorization_v1",
    "autoscaling_v1", "autoscaling_v2", "batch_v1", "certificates_v1", "coordination_v1", "core_v1", "discovery_v1", "events_v1",
    "flowcontrol_v1", "meta_v1", "networking_v1", "node_v1", "policy_v1", "rbac_v1", "resource_v1", "scheduling_v1", "storage_v1",
]


@cache
def schemas() -> dict[str, Any]:
    return dict(json.loads(files("kubernetes_validate").joinpath(SCHEMAS).read_text())["$defs"])


def structs(module: str) -> list[type[Object]]:
    found = vars(importlib.import_module(f"minikube_py.apis.{module}")).values()
    return [s for s in found if isinstance(s, type) and issubclass(s, Object) and s.__module__.endswith(f".{module}")]


@pytest.mark.parametrize("module", MODULES)
def test_every_struct_has_exactly_the_wire_names_of_its_schema(module: str) -> None:
    group, _, version = module.rpartition("_")
    prefix = PREFIXES.get(module, f"io.k8s.api.{group}.{version}.")
    checked = 0
    for struct in structs(module):
        schema = schemas()[prefix + struct.__name__]
        assert {field.encode_name for field in msgspec.structs.fields(struct)} == set(schema.get("properties", {})), struct
        checked += 1
    assert checked


@pytest.mark.parametrize("module", MODULES)
def test_every_struct_is_read_from_nothing_and_back_from_its_own_wire_form(module: str) -> None:
    for struct in structs(module):
        assert decoder(struct).decode(b"{}") == struct()
        assert decoder(struct).decode(encode(struct())) == struct()


def test_every_served_kind_has_a_struct_that_knows_its_name() -> None:
    assert len(BY_GVK) > 50
    for gvk, resource in BY_GVK.items():
        struct = type_of(*gvk)
        assert gvk_of(struct)[2] == gvk[2] and struct.__name__ == gvk[2]
        if gvk_of(struct) == gvk:
            assert resource_of(struct) is resource


def test_unknown_kinds_are_key_errors() -> None:
    for gvk in (("", "v1", "Nothing"), ("nothing", "v1", "Pod"), ("", "v1", "annotations"), ("", "v1", "Object")):
        with pytest.raises(KeyError):
            type_of(*gvk)
    with pytest.raises(KeyError):
        gvk_of(core_v1.Container)


def test_an_explicit_zero_stays_where_go_has_a_pointer() -> None:
    explicit = from_document(apps_v1.Deployment, {"spec": {"replicas": 0, "paused": False, "minReadySeconds": 0}})
    assert to_document(explicit)["spec"] | {"replicas": 0} == to_document(explicit)["spec"]
    assert not {"paused", "minReadySeconds"} & set(to_document(explicit)["spec"])
    assert not {"replicas", "paused"} & set(to_document(apps_v1.Deployment())["spec"])


@pytest.mark.parametrize(("struct", "always"), [
    (policy_v1.PodDisruptionBudgetStatus, {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0}),
    (core_v1.ContainerStatus, {"image": "", "imageID": "", "lastState": {}, "name": "", "ready": False, "restartCount": 0, "state": {}}),
    (apps_v1.StatefulSetOrdinals, {"start": 0}), (core_v1.ServicePort, {"port": 0, "targetPort": 0}),
    (core_v1.PersistentVolumeClaimCondition, {"lastProbeTime": None, "lastTransitionTime": None, "status": "", "type": ""}),
    (core_v1.TypedLocalObjectReference, {"apiGroup": None, "kind": "", "name": ""}),
])
def test_what_go_never_leaves_out_is_always_written(struct: type[Object], always: dict[str, Any]) -> None:
    assert to_document(struct()) == always


def test_copy_is_equal_and_independent() -> None:
    pod = from_document(core_v1.Pod, {"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"containers": [{"name": "c"}]}})
    copy = deep_copy(pod)
    assert copy == pod
    copy.metadata.labels["x"] = "z"
    copy.spec.containers[0].name = "d"
    assert (pod.metadata.labels["x"], pod.spec.containers[0].name) == ("y", "c")


def test_strict_decoding_refuses_what_it_does_not_know() -> None:
    for document in (b'{"spec":{"unknown":1}}', b'{"spec":{"replicas":"1"}}', b'{"spec":{"replicas":9999999999}}'):
        with pytest.raises(msgspec.ValidationError):
            decoder(apps_v1.Deployment).decode(document)


def test_pruning_names_each_unknown_field_and_leaves_the_rest() -> None:
    document = {
        "kind": "Pod", "extra": 1,
        "metadata": {"name": "a", "creationTimestamp": None, "labels": {"anything": "goes"}},
        "spec": {
            "containers": [{"name": "c", "imagge": "x"}, {"name": "d", "resources": {"limits": {"cpu": 1}, "claim": []}}],
            "nodeSelector": {"k": None},
            "volumes": [{"name": "v", "csi": {"driver": "d", "volumeAttributes": {"free": "form"}, "wrong": True}}],
        },
    }
    assert prune(core_v1.Pod, document) == [
        "extra", "spec.containers[0].imagge", "spec.containers[1].resources.claim", "spec.volumes[0].csi.wrong",
    ]
    assert document == {
        "kind": "Pod", "metadata": {"name": "a", "labels": {"anything": "goes"}},
        "spec": {
            "containers": [{"name": "c"}, {"name": "d", "resources": {"limits": {"cpu": 1}}}],
            "nodeSelector": {"k": ""},
            "volumes": [{"name": "v", "csi": {"driver": "d", "volumeAttributes": {"free": "form"}}}],
        },
    }
    assert prune(core_v1.Pod, document) == []


def test_pruning_leaves_free_form_values_alone() -> None:
    document = {"default": {"any": None, "thing": [None, {"x": None}]}, "properties": {"a": {"type": "string", "typo": 1}}}
    assert prune(apiextensions_v1.JSONSchemaProps, document, "schema") == ["schema.properties.a.typo"]
    assert document["default"] == {"any": None, "thing": [None, {"x": None}]}


def test_lenient_decoding_reads_newer_and_older_writers() -> None:
    data = b'{"metadata":{"name":"a","creationTimestamp":null},"spec":{"fromTheFuture":{"x":1},"containers":null},"status":null}'
    pod = decode_lenient(core_v1.Pod, data)
    assert pod == core_v1.Pod(metadata=pod.metadata) and pod.metadata.name == "a"


def test_base64_may_be_broken_into_lines() -> None:
    secret = decode_lenient(core_v1.Secret, b'{"data":{"a":"aGVs\\nbG8=\\n","b":"","c":null}}')
    assert secret.data == {"a": b"hello", "b": b"", "c": b""}
    assert json.loads(encode(secret))["data"] == {"a": "aGVsbG8=", "b": "", "c": ""}


@pytest.mark.parametrize("data", [b'{"spec":{"replicas":"three"}}', b'{"spec":{"replicas":1.5}}', b'{"metadata":[]}', b"[]", b'"text"'])
def test_lenient_decoding_still_refuses_wrong_types(data: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_lenient(apps_v1.Deployment, data)


def test_malformed_json_is_told_apart() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_lenient(core_v1.Pod, b"{")
