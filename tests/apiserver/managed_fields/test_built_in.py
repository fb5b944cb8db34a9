"""Fields of the built-in kinds: typed objects and documents are the same to merging, and names, keys and zeros are upstream's."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import msgspec
import pytest

from minikube_py.apis import apps_v1, core_v1, meta_v1
from minikube_py.apis.defaults import set_defaults
from minikube_py.apis.resources import RESOURCES, ResourceType
from minikube_py.apis.scheme import deep_copy, from_document, to_document, type_of
from minikube_py.apiserver.managed_fields import FieldManager, tracked_type
from minikube_py.apiserver.managed_fields import compare as comparing
from minikube_py.apiserver.managed_fields.compare import compare, fields_of_new
from minikube_py.apiserver.managed_fields.document_sets import fields_in
from minikube_py.apiserver.managed_fields.field_set import FieldSet, difference, dump, leaves, load, parse
from minikube_py.apiserver.managed_fields.field_types import FieldType
from minikube_py.apiserver.managed_fields.reset_fields import reset_fields
from minikube_py.apiserver.managed_fields.struct_types import type_of as field_type_of
from minikube_py.apiserver.managed_fields.updater import STRIP_SET

from ..test_protobuf import sample

NOW = "2026-01-01T00:00:00Z"
PORTS = ['k:{"containerPort":80,"protocol":"TCP"}', 'k:{"containerPort":443,"protocol":"TCP"}']


class OneVersion:
    """A kind of one version."""

    def __init__(self, api_version: str, struct: type[Any]) -> None:
        self._api_version = api_version
        self._type = field_type_of(struct)

    def type_in(self, api_version: str) -> FieldType | None:
        return self._type if api_version == self._api_version else None

    def tracked_in(self, api_version: str) -> FieldType | None:
        return tracked_type(self._type) if api_version == self._api_version else None

    def convert(self, document: Any, source: str, target: str) -> Any:
        return document

    def convert_object(self, obj: Any, source: str, target: str) -> Any:
        return obj


def manager_of(api_version: str, struct: type[Any], resource: str, subresource: str = "") -> FieldManager:
    reset = reset_fields(resource, subresource, has_status=True, custom=False)
    return FieldManager(api_version, struct.__name__, OneVersion(api_version, struct), struct(), subresource, reset)


def fields(entries: list[Any], manager: str) -> FieldSet:
    return next(load(bytes(entry.fields_v1)) for entry in entries if entry.manager == manager)


# Definitions are left out: their schemas hold schemas in so many fields that an example of all of them is without end.
KINDS = [resource for resource in RESOURCES if resource.kind != "CustomResourceDefinition"]


@pytest.mark.parametrize("resource", KINDS, ids=lambda resource: f"{resource.group_resource}.{resource.version}")
def test_objects_and_documents_are_the_same(resource: ResourceType) -> None:
    struct: Any = type_of(resource.group, resource.version, resource.kind)
    obj = deep_copy(sample(msgspec.inspect.type_info(struct)))
    document, type_ = to_document(obj), field_type_of(struct)
    tracked = tracked_type(type_)
    new = fields_of_new(tracked, struct(), obj)
    assert (new, {}) == compare(tracked, struct(), obj)
    assert compare(tracked, to_document(struct()), document) == (new, {})
    assert parse(dump(new)) == new and list(parse(dump(new))) == list(new)
    assert difference(leaves(difference(fields_in(type_, document), STRIP_SET)), leaves(new)) == {}
    assert compare(tracked, obj, deep_copy(obj)) == compare(tracked, document, to_document(obj)) == ({}, {})


@pytest.mark.parametrize("resource", KINDS, ids=lambda resource: f"{resource.group_resource}.{resource.version}")
def test_objects_that_were_like_another_own_what_they_have_themselves(resource: ResourceType) -> None:
    """Fields of new objects are kept by what they depend on: objects that differ anywhere come one after the other here."""
    struct: Any = type_of(resource.group, resource.version, resource.kind)
    manager = manager_of(resource.group_version, struct, resource.group_resource)
    obj = deep_copy(sample(msgspec.inspect.type_info(struct)))
    variants = [obj, struct(), deep_copy(obj)]
    for path in ([], ["metadata"], ["spec"]):
        for name, value in {**document_at(to_document(obj), path)}.items():
            for other in (None, {"b": value}, {"a": 1, "b": 2}, [], {}, "", "x", 0, 7, True, False):
                document = to_document(obj)
                document_at(document, path)[name] = other
                with contextlib.suppress(msgspec.ValidationError, ValueError):
                    variants.append(from_document(struct, document))
    type_ = manager._tracked
    for variant in variants * 2:
        found = manager.update(None, deep_copy(variant), "m", NOW)
        wanted = manager._reset_below.filter(fields_of_new(type_, struct(), variant))
        assert (fields(found, "m") if found else {}) == wanted


def document_at(document: dict[str, Any], path: list[str]) -> dict[str, Any]:
    for name in path:
        document = document.get(name, {})
    return document if isinstance(document, dict) else {}


def deployment() -> apps_v1.Deployment:
    container = {"name": "c", "image": "i", "env": [{"name": "A", "value": "1"}], "ports": [{"containerPort": 80}, {"containerPort": 443}]}
    made = from_document(apps_v1.Deployment, {
        "metadata": {"name": "web", "labels": {"app": "web"}},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}},
    })
    set_defaults(made)
    return made


def test_a_created_deployment_is_owned_as_upstream_has_it() -> None:
    entries = manager_of("apps/v1", apps_v1.Deployment, "deployments.apps").update(None, deployment(), "m", NOW)
    port = {".": {}, "f:containerPort": {}, "f:protocol": {}}
    assert fields(entries, "m") == {
        "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
        "f:spec": {
            "f:progressDeadlineSeconds": {}, "f:replicas": {}, "f:revisionHistoryLimit": {}, "f:selector": {},
            "f:strategy": {"f:rollingUpdate": {".": {}, "f:maxSurge": {}, "f:maxUnavailable": {}}, "f:type": {}},
            "f:template": {
                "f:metadata": {"f:labels": {".": {}, "f:app": {}}},
                "f:spec": {
                    "f:containers": {'k:{"name":"c"}': {
                        ".": {}, "f:env": {".": {}, 'k:{"name":"A"}': {".": {}, "f:name": {}, "f:value": {}}}, "f:image": {},
                        "f:imagePullPolicy": {}, "f:name": {},
                        "f:ports": {".": {}, PORTS[0]: port, PORTS[1]: port},
                        "f:resources": {}, "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {},
                    }},
                    "f:dnsPolicy": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": {},
                    "f:terminationGracePeriodSeconds": {},
                },
            },
        },
    }
    ports = json.loads(bytes(entries[0].fields_v1))["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"c"}']["f:ports"]
    assert list(ports) == [".", *PORTS]


def test_a_kubelets_status_is_owned_as_upstream_has_it() -> None:
    pod = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", uid="u"), spec=core_v1.PodSpec(containers=[core_v1.Container(name="c")]))
    pod.metadata.managed_fields = manager_of("v1", core_v1.Pod, "pods").update(None, pod, "m", NOW)
    new = deep_copy(pod)
    new.metadata.owner_references = [meta_v1.OwnerReference(kind="K", api_version="v1", name="n", uid="o")]
    new.status.conditions = [core_v1.PodCondition(type="Ready", status="False", reason="R", last_transition_time=NOW)]
    new.status.pod_ip, new.status.pod_ips = "10.0.0.1", [core_v1.PodIP(ip="10.0.0.1")]
    entries = manager_of("v1", core_v1.Pod, "pods", "status").update(pod, new, "kubelet", NOW)
    condition = {".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:reason": {}, "f:status": {}, "f:type": {}}
    assert fields(entries, "kubelet") == {"f:status": {
        "f:conditions": {".": {}, 'k:{"type":"Ready"}': condition}, "f:podIP": {},
        "f:podIPs": {".": {}, 'k:{"ip":"10.0.0.1"}': {".": {}, "f:ip": {}}},
    }}
    assert [(entry.manager, entry.subresource) for entry in entries] == [("kubelet", "status"), ("m", "")]


def test_resizing_owns_resources_and_nothing_else() -> None:
    spec = core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")])
    pod = core_v1.Pod(metadata=meta_v1.ObjectMeta(name="p", uid="u"), spec=spec)
    pod.metadata.managed_fields = manager_of("v1", core_v1.Pod, "pods").update(None, pod, "m", NOW)
    new = deep_copy(pod)
    new.metadata.labels = {"a": "b"}
    new.spec.containers[0].image = "j"
    new.spec.containers[0].resources = core_v1.ResourceRequirements(limits={"cpu": "1"})
    entries = manager_of("v1", core_v1.Pod, "pods", "resize").update(pod, new, "r", NOW)
    assert fields(entries, "r") == {"f:spec": {"f:containers": {'k:{"name":"c"}': {"f:resources": {"f:limits": {".": {}, "f:cpu": {}}}}}}}
    assert "f:image" in fields(entries, "m")["f:spec"]["f:containers"]['k:{"name":"c"}']


def test_parts_that_are_kept_are_bounded() -> None:
    map_ = manager_of("v1", core_v1.ConfigMap, "configmaps")
    pods = manager_of("v1", core_v1.Pod, "pods")
    for number in range(comparing.PARTS_MAX + 10):
        pod = core_v1.Pod(spec=core_v1.PodSpec(containers=[core_v1.Container(name=f"c{number}")]))
        assert f'k:{{"name":"c{number}"}}' in fields(pods.update(None, pod, "m", NOW), "m")["f:spec"]["f:containers"]
    assert len(comparing._parts) <= comparing.PARTS_MAX
    assert fields(map_.update(None, core_v1.ConfigMap(data={"a": "b"}), "m", NOW), "m") == {"f:data": {".": {}, "f:a": {}}}
