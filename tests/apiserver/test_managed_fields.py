"""managedFields and applies over HTTP: who is named, what is created, refused, and left alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minikube_py.apis import apps_v1, coordination_v1, core_v1, meta_v1
from minikube_py.apis.meta_v1 import ObjectMeta

from .lab import Answer, Lab

APPLY = {"Content-Type": "application/apply-patch+yaml"}
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CONTAINERS = [{"name": "c", "image": "i"}]
TEMPLATE = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": CONTAINERS}}
WEB: Any = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}}


def config_map(**data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}


async def apply(lab: Lab, path: str, document: Any, manager: str = "me", **query: str) -> Answer:
    parameters = "&".join(f"{name}={value}" for name, value in {"fieldManager": manager, **query}.items())
    return await lab.send("PATCH", f"{path}?{parameters}", body=json.dumps(document).encode(), headers=APPLY)


async def patch(lab: Lab, path: str, document: Any, kind: str = "merge-patch+json", **headers: str) -> Answer:
    sent = {"Content-Type": f"application/{kind}", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return await lab.send("PATCH", path, document, headers=sent)


def owners(answer: Answer) -> list[tuple[str, str, str]]:
    assert answer.status in (200, 201), answer.body
    return [(entry["manager"], entry["operation"], entry.get("subresource", "")) for entry in answer.json["metadata"]["managedFields"]]


def owned(answer: Answer, manager: str) -> Any:
    return next(entry["fieldsV1"] for entry in answer.json["metadata"]["managedFields"] if entry["manager"] == manager)


async def test_managers_are_named_by_parameter_or_program(lab: Lab) -> None:
    made = await lab.send("POST", CONFIG_MAPS, config_map(a="1"), headers={"User-Agent": "tool/v1 (linux) x"})
    assert owners(made) == [("tool", "Update", "")]
    assert made.json["metadata"]["managedFields"][0] == {
        "manager": "tool", "operation": "Update", "apiVersion": "v1", "time": made.json["metadata"]["creationTimestamp"],
        "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {".": {}, "f:a": {}}},
    }
    named = await patch(lab, f"{CONFIG_MAPS}/c?fieldManager=me", {"data": {"b": "2"}}, User_Agent="tool")
    assert owned(named, "me") == {"f:data": {"f:b": {}}}
    nobody = await patch(lab, f"{CONFIG_MAPS}/c", {"data": {"c": "3"}}, User_Agent="")
    assert owned(nobody, "unknown") == {"f:data": {"f:c": {}}}


async def test_components_have_upstreams_names(lab: Lab) -> None:
    for user, name in (("system:kube-controller-manager", "kube-controller-manager"), ("system:node:n", "kubelet"),
                       ("system:kube-scheduler", "kube-scheduler"), ("system:apiserver", "kube-apiserver")):
        made = await lab.api.client(user).create(core_v1.ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data={"a": "b"}))
        assert made.metadata.managed_fields[0].manager == name


@pytest.mark.parametrize("obj", [
    coordination_v1.Lease(metadata=ObjectMeta(name="x", namespace="default"), spec=coordination_v1.LeaseSpec(holder_identity="h")),
    core_v1.Event(
        metadata=ObjectMeta(name="x", namespace="default"), reason="R", type="Normal", reporting_component="c", reporting_instance="i",
        action="a", event_time="2026-01-01T00:00:00.000000Z",
        involved_object=core_v1.ObjectReference(kind="Pod", namespace="default", name="p"),
    ),
], ids=["lease", "event"])
async def test_short_lived_kinds_are_tracked_too(lab: Lab, obj: Any) -> None:
    made: Any = await lab.client.create(obj)
    assert [entry.manager for entry in made.metadata.managed_fields] == ["admin"]


async def test_apply_creates_merges_and_leaves_alone(lab: Lab) -> None:
    path = f"{DEPLOYMENTS}/web"
    made = await apply(lab, path, WEB)
    assert (made.status, owners(made)) == (201, [("me", "Apply", "")])
    assert made.json["spec"]["strategy"]["type"] == "RollingUpdate"
    again = await apply(lab, path, WEB)
    assert (again.status, again.json) == (200, made.json)
    with_label = {**WEB, "metadata": {"name": "web", "labels": {"x": "y"}}}
    more = await apply(lab, path, with_label, "other")
    assert owners(more) == [("me", "Apply", ""), ("other", "Apply", "")] or owners(more) == [("other", "Apply", ""), ("me", "Apply", "")]
    assert more.json["metadata"]["generation"] == 1
    conflict = await apply(lab, path, {**WEB, "spec": {**WEB["spec"], "replicas": 3}}, "third")
    assert (conflict.status, conflict.json["reason"]) == (409, "Conflict")
    assert conflict.json["message"] == (
        'Apply failed with 2 conflicts: conflicts with "me":\n- .spec.replicas\nconflicts with "other":\n- .spec.replicas')
    assert conflict.json["details"] == {"causes": [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{name}"', "field": ".spec.replicas"} for name in ("me", "other")]}
    forced = await apply(lab, path, {**WEB, "spec": {**WEB["spec"], "replicas": 3}}, "third", force="true")
    assert (forced.json["spec"]["replicas"], forced.json["metadata"]["generation"]) == (3, 2)
    without = await apply(lab, path, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}, "other")
    assert "labels" not in without.json["metadata"] and without.json["spec"]["replicas"] == 3
    assert [owner[0] for owner in owners(without)] == ["me", "third"]


async def test_dry_run_of_an_apply_stores_nothing(lab: Lab) -> None:
    shown = await apply(lab, f"{CONFIG_MAPS}/c", config_map(a="1"), dryRun="All")
    assert (shown.status, owners(shown)) == (201, [("me", "Apply", "")])
    assert (await lab.get(f"{CONFIG_MAPS}/c")).status == 404


async def test_yaml_is_applied_and_duplicates_are_told(lab: Lab) -> None:
    body = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  a: '1'\n  a: '2'\n"
    strict = await lab.send("PATCH", f"{CONFIG_MAPS}/c?fieldManager=me&fieldValidation=Strict", body=body, headers=APPLY)
    assert (strict.status, strict.json["message"]) == (
        400, 'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 6: key "a" already set in map')
    warned = await lab.send("PATCH", f"{CONFIG_MAPS}/c?fieldManager=me", body=body, headers=APPLY)
    assert (warned.status, warned.json["data"]) == (201, {"a": "2"})
    assert warned.headers["Warning"] == '299 - "line 6: key \\"a\\" already set in map"'


@pytest.mark.parametrize(("query", "document", "status", "message"), [
    ("", config_map(), 422, 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'),
    ("fieldManager=" + "x" * 129, config_map(), 422,
     'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes'),
    ("fieldManager=a%07", config_map(), 422,
     'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\a": invalid character U+0007 (at position 1)'),
    ("fieldManager=me", {**config_map(), "metadata": {"name": "c", "managedFields": [{}]}}, 400, "metadata.managedFields must be nil"),
    ("fieldManager=me", {**config_map(), "kind": "Secret"}, 400, "invalid object type: /v1, Kind=Secret"),
    ("fieldManager=me", {}, 400, "invalid object type: /, Kind="),
    ("fieldManager=me", [], 400, "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go "
                                 "value of type map[string]interface {}"),
    ("fieldManager=me", {**config_map(), "metadata": {"name": "d"}}, 400,
     "the name of the object (d) does not match the name on the URL (c)"),
    ("fieldManager=me", {**config_map(), "metadata": {}}, 400,
     "the name of the object (c based on URL) was undeterminable: name must be provided"),
    ("fieldManager=me", {**config_map(), "metadata": {"name": "c", "namespace": "other"}}, 400,
     "the namespace of the provided object does not match the namespace sent on the request"),
    ("fieldManager=me", {**config_map(), "metadata": {"name": "c", "uid": "u"}}, 409,
     'Operation cannot be fulfilled on configmaps "c": uid mismatch: the provided object specified uid u, '
     "and no existing object was found"),
    ("fieldManager=me", {**config_map(), "foo": 1}, 500,
     "failed to create typed patch object (/c; /v1, Kind=ConfigMap): .foo: field not declared in schema"),
])
async def test_what_is_no_apply_is_refused_in_upstreams_words(lab: Lab, query: str, document: Any, status: int, message: str) -> None:
    refused = await lab.send("PATCH", f"{CONFIG_MAPS}/c?{query}", body=json.dumps(document).encode(), headers=APPLY)
    assert (refused.status, refused.json["message"]) == (status, message)


async def test_options_of_other_writes_are_checked(lab: Lab) -> None:
    forced = await patch(lab, f"{CONFIG_MAPS}/c?force=true", {})
    assert (forced.status, forced.json["message"]) == (
        422, 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch')
    for method, path, options in (("POST", CONFIG_MAPS, "CreateOptions"), ("PUT", f"{CONFIG_MAPS}/c", "UpdateOptions")):
        refused = await lab.send(method, f"{path}?fieldManager=a%00", config_map())
        assert refused.json["message"] == (f'{options}.meta.k8s.io "" is invalid: fieldManager: Invalid value: "a\\x00": '
                                           "invalid character U+0000 (at position 1)")
    unknown = await patch(lab, f"{CONFIG_MAPS}/c", {}, "x+json")
    assert (unknown.status, unknown.json["message"]) == (
        415, "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
             "application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml")


async def test_who_may_patch_may_not_create_by_it(lab: Lab) -> None:
    role = {"metadata": {"name": "patcher"}, "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch"]}]}
    binding = {"metadata": {"name": "patcher"}, "subjects": [{"kind": "User", "name": "bob", "apiGroup": "rbac.authorization.k8s.io"}],
               "roleRef": {"kind": "Role", "name": "patcher", "apiGroup": "rbac.authorization.k8s.io"}}
    for plural, document in (("roles", role), ("rolebindings", binding)):
        made = await lab.send("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/default/{plural}", document)
        assert made.status == 201
    headers = {**APPLY, "Impersonate-User": "bob"}
    body = json.dumps(config_map(a="1")).encode()
    refused = await lab.send("PATCH", f"{CONFIG_MAPS}/c?fieldManager=me", body=body, headers=headers)
    assert (refused.status, refused.json["reason"]) == (403, "Forbidden")
    await lab.send("POST", CONFIG_MAPS, config_map())
    assert (await lab.send("PATCH", f"{CONFIG_MAPS}/c?fieldManager=me", body=body, headers=headers)).status == 200


async def test_subresources_have_entries_of_their_own(lab: Lab) -> None:
    await apply(lab, f"{DEPLOYMENTS}/web", WEB)
    status = await patch(lab, f"{DEPLOYMENTS}/web/status?fieldManager=s", {"status": {"replicas": 1}, "spec": {"replicas": 9}})
    assert owners(status) == [("me", "Apply", ""), ("s", "Update", "status")]
    assert owned(status, "s") == {"f:status": {"f:replicas": {}}}
    assert status.json["spec"]["replicas"] == 2
    main = await patch(lab, f"{DEPLOYMENTS}/web?fieldManager=m", {"status": {"replicas": 7}, "metadata": {"labels": {"x": "y"}}})
    assert owned(main, "m") == {"f:metadata": {"f:labels": {".": {}, "f:x": {}}}}
    missing = await apply(lab, f"{DEPLOYMENTS}/nope/status", {**WEB, "metadata": {"name": "nope"}})
    assert missing.status == 404


async def test_scaling_takes_the_replicas_from_who_applied_them(lab: Lab) -> None:
    path = f"{DEPLOYMENTS}/web"
    await apply(lab, path, WEB)
    scaled = await patch(lab, f"{path}/scale?fieldManager=hpa", {"spec": {"replicas": 5}})
    assert (scaled.json["spec"]["replicas"], "managedFields" in scaled.json["metadata"]) == (5, False)
    now = await lab.get(path)
    assert owners(now) == [("me", "Apply", ""), ("hpa", "Update", "scale")]
    assert owned(now, "hpa") == {"f:spec": {"f:replicas": {}}} and "f:replicas" not in owned(now, "me")["f:spec"]
    conflict = await apply(lab, path, WEB)
    assert conflict.json["message"] == (
        'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using apps/v1: .spec.replicas')
    scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "spec": {"replicas": 7}}
    refused = await apply(lab, f"{path}/scale", scale)
    assert refused.json["message"] == (
        'Apply failed with 1 conflict: conflict with "hpa" with subresource "scale" using autoscaling/v1: .spec.replicas')
    assert (await apply(lab, f"{path}/scale", scale, force="1")).json["spec"]["replicas"] == 7
    assert ("me", "Apply", "scale") in owners(await lab.get(path))
    same = await lab.get(path)
    await lab.send("PUT", f"{path}/scale?fieldManager=z", {**scale, "metadata": {"name": "web", "namespace": "default"}})
    assert (await lab.get(path)).json == same.json


async def test_a_binding_is_nobodys(lab: Lab) -> None:
    spec = core_v1.PodSpec(containers=[core_v1.Container(name="c", image="i")])
    await lab.client.create(core_v1.Pod(metadata=ObjectMeta(name="p", namespace="default"), spec=spec))
    binding = core_v1.Binding(metadata=ObjectMeta(name="p", namespace="default"), target=core_v1.ObjectReference(kind="Node", name="n"))
    await lab.api.client("system:kube-scheduler").call(core_v1.Pod, "p", "default", "binding", binding)
    bound = await lab.get("/api/v1/namespaces/default/pods/p")
    assert bound.json["spec"]["nodeName"] == "n" and owners(bound) == [("admin", "Update", "")]


async def test_users_can_reset_managed_fields_and_send_them_back(lab: Lab) -> None:
    path = f"{CONFIG_MAPS}/c"
    made = await apply(lab, path, config_map(a="1"))
    kept = await patch(lab, path, {"metadata": {"managedFields": None}, "data": {"b": "2"}}, User_Agent="u")
    assert owners(kept) == [("me", "Apply", ""), ("u", "Update", "")]
    reset = await patch(lab, path, {"metadata": {"managedFields": [{}]}, "data": {"b": "3"}})
    assert "managedFields" not in reset.json["metadata"]
    assert "managedFields" not in (await patch(lab, path, {"data": {"b": "4"}})).json["metadata"]
    before = await apply(lab, path, config_map(a="1"))
    assert owners(before) == [("me", "Apply", ""), ("before-first-apply", "Update", "")]
    entries = made.json["metadata"]["managedFields"]
    put = await lab.send("PUT", path, {**config_map(a="1"), "metadata": {"name": "c", "managedFields": entries}})
    assert owners(put) == [("me", "Apply", "")]
    empty = await lab.send("PUT", path, {**config_map(a="1"), "metadata": {"name": "c", "managedFields": []}})
    assert "managedFields" not in empty.json["metadata"]
    operations = [{"op": "add", "path": "/metadata/managedFields", "value": entries}]
    assert owners(await patch(lab, path, operations, "json-patch+json")) == [("me", "Apply", "")]
    wrong = [{"op": "replace", "path": "/metadata/managedFields", "value": [{**entries[0], "operation": "X", "manager": "w"}]}]
    assert owners(await patch(lab, path, wrong, "json-patch+json")) == [("me", "Apply", "")]  # What cannot be read is as if not sent.
    removed = [{"op": "replace", "path": "/metadata/managedFields", "value": [{}]}]
    assert "managedFields" not in (await patch(lab, path, removed, "json-patch+json")).json["metadata"]


async def test_what_changes_nothing_is_not_written(lab: Lab) -> None:
    path = f"{DEPLOYMENTS}/web"
    made = await lab.send("POST", f"{DEPLOYMENTS}?fieldManager=a", WEB)
    revision = lab.registry.store.revision
    assert (await patch(lab, f"{path}?fieldManager=b", {"spec": {"replicas": 2}})).json == made.json
    assert (await lab.send("PUT", f"{path}?fieldManager=b", made.json)).json == made.json
    # The status is not this resource's; the time of an entry alone is no change.
    assert (await patch(lab, f"{path}?fieldManager=a", {"status": {"replicas": 3}})).json == made.json
    normalised = {"spec": {"template": {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1000m"}}}]}}}}
    first = await patch(lab, f"{path}?fieldManager=a", normalised, "strategic-merge-patch+json")
    assert lab.registry.store.revision == revision + 1
    assert (await patch(lab, f"{path}?fieldManager=a", normalised, "strategic-merge-patch+json")).json == first.json
    assert lab.registry.store.revision == revision + 1


async def test_versions_of_a_kind_share_their_owners(lab: Lab) -> None:
    path = "/apis/autoscaling/{}/namespaces/default/horizontalpodautoscalers/h"
    target = {"kind": "Deployment", "name": "web", "apiVersion": "apps/v1"}
    document: Any = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "h"},
                     "spec": {"scaleTargetRef": target, "maxReplicas": 3}}
    made = await apply(lab, path.format("v1"), document, "one")
    assert made.json["metadata"]["managedFields"][0]["apiVersion"] == "autoscaling/v1"
    second = {**document, "apiVersion": "autoscaling/v2", "spec": {"scaleTargetRef": target, "maxReplicas": 5}}
    conflict = await apply(lab, path.format("v2"), second, "two")
    assert conflict.json["message"] == 'Apply failed with 1 conflict: conflict with "one": .spec.maxReplicas'
    changed = await patch(lab, f"{path.format('v2')}?fieldManager=u", {"spec": {"maxReplicas": 4}})
    assert owned(changed, "u") == {"f:spec": {"f:maxReplicas": {}}} and "f:maxReplicas" not in owned(changed, "one")["f:spec"]
    upgraded = await apply(lab, path.format("v2"), {**second, "spec": {"scaleTargetRef": target, "maxReplicas": 4}}, "one")
    assert {(e["manager"], e["apiVersion"]) for e in upgraded.json["metadata"]["managedFields"]} == {
        ("one", "autoscaling/v2"), ("u", "autoscaling/v2")}


async def test_clients_in_this_process_apply_too(lab: Lab) -> None:
    client = lab.api.client("system:kube-controller-manager")
    made = await client.patch(core_v1.ConfigMap, "c", "default", config_map(a="1"), patch_type="application/apply-patch+yaml")
    assert [(entry.manager, entry.operation) for entry in made.metadata.managed_fields] == [("kube-controller-manager", "Apply")]
    changed = await client.patch(core_v1.ConfigMap, "c", "default", config_map(b="1"), patch_type="application/apply-patch+yaml")
    assert changed.data == {"b": "1"}


async def test_an_object_that_only_its_owners_make_too_large_is_stored_without_them(lab: Lab) -> None:
    data = {f"key-{number:06}": "x" for number in range(55_000)}
    made = await lab.send("POST", CONFIG_MAPS, config_map(**data))
    assert made.status == 201 and "managedFields" not in made.json["metadata"]
    refused = await apply(lab, f"{CONFIG_MAPS}/c", config_map(**data))
    assert refused.status == 500 and "trying to send message larger than max" in refused.json["message"]


async def test_deployments_made_by_others_keep_their_owners_through_deletion(lab: Lab) -> None:
    deployment = apps_v1.Deployment(metadata=meta_v1.ObjectMeta(name="web", namespace="default", finalizers=["a/b"]))
    deployment.spec.selector = meta_v1.LabelSelector(match_labels={"a": "b"})
    deployment.spec.template.metadata.labels = {"a": "b"}
    deployment.spec.template.spec.containers = [core_v1.Container(name="c", image="i")]
    await lab.client.create(deployment)
    await lab.client.delete(apps_v1.Deployment, "web", "default")
    left = await lab.get(f"{DEPLOYMENTS}/web")
    assert left.json["metadata"]["deletionTimestamp"] and owners(left) == [("admin", "Update", "")]
    assert owned(left, "admin")["f:metadata"] == {"f:finalizers": {".": {}, 'v:"a/b"': {}}}


async def test_entries_of_clients_are_validated(lab: Lab) -> None:
    entry = {"manager": "a\a", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:data": {"f:z": {}}}}
    refused = await lab.send("POST", CONFIG_MAPS, {**config_map(a="1"), "metadata": {"name": "c", "managedFields": [entry]}})
    assert (refused.status, refused.json["message"]) == (
        422, 'ConfigMap "c" is invalid: metadata.managedFields[0].manager: Invalid value: "a\\a": invalid character U+0007 (at position 1)')
    named = {"name": "c", "managedFields": [{**entry, "manager": "b"}]}
    kept = await lab.send("POST", CONFIG_MAPS, {**config_map(a="1"), "metadata": named})
    assert owners(kept) == [("b", "Apply", ""), ("unknown", "Update", "")]


async def test_the_claim_of_a_volume_is_owned_by_its_parts(lab: Lab) -> None:
    """Whoever applies the name of the claim leaves alone what the binder adds to it, even if he once owned all of it."""
    volumes = "/api/v1/persistentvolumes"
    claim = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "namespace": "default", "name": "c", "uid": "u"}
    document: Any = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "v"}, "spec": {
        "capacity": {"storage": "1Mi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d"}, "claimRef": claim}}
    made = await lab.send("POST", f"{volumes}?fieldManager=binder", document)
    assert owned(made, "binder")["f:spec"]["f:claimRef"] == {
        ".": {}, "f:apiVersion": {}, "f:kind": {}, "f:name": {}, "f:namespace": {}, "f:uid": {}}
    whole = [{**entry, "fieldsV1": {"f:spec": {"f:claimRef": {}}}} for entry in made.json["metadata"]["managedFields"]]
    assert (await patch(lab, f"{volumes}/v", {"metadata": {"managedFields": whole}})).status == 200
    document["spec"]["claimRef"] = {"namespace": "default", "name": "c"}
    applied = await apply(lab, f"{volumes}/v", document)
    assert applied.json["spec"]["claimRef"] == claim
    assert owned(applied, "me")["f:spec"]["f:claimRef"] == {"f:name": {}, "f:namespace": {}}
    assert owned(applied, "binder") == {"f:spec": {"f:claimRef": {}}}


async def test_the_template_generation_is_whose_object_it_is_counted_in(lab: Lab) -> None:
    """It is no field to upstream, and becomes an annotation of all that is sent without it."""
    sets = "/apis/apps/v1/namespaces/default/daemonsets"
    document: Any = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": TEMPLATE}}
    generation = "f:deprecated.daemonset.template.generation"
    made = await lab.send("POST", f"{sets}?fieldManager=create", document)
    assert owned(made, "create")["f:metadata"] == {"f:annotations": {".": {}, generation: {}}}
    replaced = await lab.send("PUT", f"{sets}/d?fieldManager=update", document)
    assert owned(replaced, "update") == {"f:metadata": {"f:annotations": {generation: {}}}}
    assert owned(replaced, "create")["f:metadata"] == {"f:annotations": {}}
    assert replaced.json["metadata"]["annotations"] == {"deprecated.daemonset.template.generation": "1"}
    again = await lab.send("PUT", f"{sets}/d?fieldManager=other", {**document, "metadata": replaced.json["metadata"]})
    assert again.json == replaced.json


async def test_the_core_group_may_be_said_with_a_slash(lab: Lab) -> None:
    document = {**config_map(a="1"), "apiVersion": "/v1"}
    applied = await apply(lab, f"{CONFIG_MAPS}/c", document)
    assert (applied.status, applied.json["apiVersion"], owners(applied)) == (201, "v1", [("me", "Apply", "")])
    replaced = await lab.send("PUT", f"{CONFIG_MAPS}/c?fieldManager=tool", {**document, "data": {"a": "2"}})
    assert (replaced.status, replaced.json["apiVersion"], replaced.json["data"]) == (200, "v1", {"a": "2"})
