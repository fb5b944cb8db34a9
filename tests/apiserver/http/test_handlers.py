"""Requests on resources, as clients see them: methods, codes, messages."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import aiohttp
import pytest

from minikube_py.core import limits

from ..lab import Answer, Lab

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
POD: dict[str, Any] = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
DEPLOYMENT = {"metadata": {"name": "d"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}}


def failure(answer: Answer) -> tuple[int, str, str]:
    """HTTP status, reason and message of a Status that says the same as the HTTP status."""
    document = answer.json
    assert (document["kind"], document["apiVersion"], document["status"]) == ("Status", "v1", "Failure")
    assert document["code"] == answer.status and answer.headers["Content-Type"] == "application/json"
    return answer.status, document.get("reason", ""), document["message"]


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": name}, "data": data}


async def test_life_of_an_object(lab: Lab) -> None:
    made = await lab.send("POST", CONFIG_MAPS, config_map("a", k="1"))
    assert made.status == 201 and made.json["metadata"]["namespace"] == "default"
    assert (await lab.get(CONFIG_MAPS + "/a")).json == made.json
    changed = await lab.send("PUT", CONFIG_MAPS + "/a", made.json | {"data": {"k": "2"}})
    assert (changed.status, changed.json["data"]) == (200, {"k": "2"})
    patched = await lab.send(
        "PATCH", CONFIG_MAPS + "/a", {"data": {"l": "3"}}, headers={"Content-Type": "application/merge-patch+json"})
    assert (patched.status, patched.json["data"]) == (200, {"k": "2", "l": "3"})
    gone = await lab.send("DELETE", CONFIG_MAPS + "/a")
    assert gone.status == 200 and gone.json == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
        "details": {"name": "a", "kind": "configmaps", "uid": made.json["metadata"]["uid"]},
    }
    assert failure(await lab.get(CONFIG_MAPS + "/a")) == (404, "NotFound", 'configmaps "a" not found')


async def test_deleted_pod_is_the_answer_to_its_deletion(lab: Lab) -> None:
    await lab.send("POST", PODS, POD)
    gone = await lab.send("DELETE", PODS + "/p")
    assert gone.status == 200 and gone.json["kind"] == "Pod"


async def test_foreground_deletion_is_begun_and_not_done(lab: Lab) -> None:
    await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)
    begun = await lab.send("DELETE", DEPLOYMENTS + "/d?propagationPolicy=Foreground")
    assert begun.status == 200 and begun.json["metadata"]["finalizers"] == ["foregroundDeletion"]


async def test_only_clients_from_before_policies_are_told_that_dependents_remain_by_the_code(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a", "finalizers": ["x/y"]}})
    for query, code in (("propagationPolicy=Background", 200), ("orphanDependents=true", 200), ("orphanDependents=false", 202)):
        answer = await lab.send("DELETE", f"{CONFIG_MAPS}/a?{query}")
        assert (answer.status, answer.json["kind"]) == (code, "ConfigMap"), query


async def test_deletion_of_a_job_that_leaves_its_pods_to_chance_is_warned_of(lab: Lab) -> None:
    job = {"metadata": {"name": "j"}, "spec": {"template": {"spec": POD["spec"] | {"restartPolicy": "Never"}}}}
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    assert (await lab.send("POST", jobs, job)).status == 201
    for path in (jobs, jobs + "/j"):
        assert "child pods are preserved by default" in (await lab.send("DELETE", path)).headers["Warning"]
    assert "Warning" not in (await lab.send("DELETE", jobs + "/j?propagationPolicy=Orphan")).headers


async def test_body_of_a_deletion_says_how(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, config_map("a"))
    wrong = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {"uid": "x"}}
    assert failure(await lab.send("DELETE", CONFIG_MAPS + "/a", wrong))[:2] == (409, "Conflict")
    assert (await lab.send("DELETE", CONFIG_MAPS + "/a", {"kind": "DeleteOptions", "apiVersion": "v1", "dryRun": ["All"]})).status == 200
    assert (await lab.get(CONFIG_MAPS + "/a")).status == 200
    bad = await lab.send("DELETE", CONFIG_MAPS + "/a", {"propagationPolicy": "Sometimes"})
    assert failure(bad)[:2] == (422, "Invalid")
    assert failure(await lab.send("DELETE", CONFIG_MAPS + "/a", {"gracePeriodSeconds": "soon"}))[0] == 400


async def test_unknown_targets_are_not_found(lab: Lab) -> None:
    for path in (
        "/api/v1/nopes", "/apis/apps/v7/deployments", CONFIG_MAPS + "/a/status", PODS + "/p/nope", PODS + "/p/status/more",
        "/api/v1/pods/p", "/apis/apps/v1/namespaces/default/nopes/x", "/api/v2", "/apis/apps/v7",
    ):
        answer = await lab.get(path)
        assert failure(answer) == (404, "NotFound", "the server could not find the requested resource"), path
        assert answer.json["details"] == {}
    for path in ("/nope", "/apis/nope", "/apis/nope/v1", "/apis/nope/v1/things"):
        answer = await lab.get(path)
        assert (answer.status, answer.body) == (404, b"404 page not found\n"), path
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(("method", "path"), [
    ("POST", PODS + "/p"), ("PUT", PODS), ("PATCH", PODS), ("POST", "/api/v1/pods"), ("DELETE", "/api/v1/pods"),
    ("DELETE", PODS + "/p/status"), ("POST", PODS + "/p/status"), ("DELETE", "/api/v1/namespaces"), ("POST", "/version"),
    ("GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"), ("GET", PODS + "/p/binding"),
    ("PATCH", "/api/v1/namespaces/default/finalize"), ("OPTIONS", PODS),
])
async def test_methods_that_a_target_has_not_are_refused(lab: Lab, method: str, path: str) -> None:
    await lab.send("POST", PODS, POD)
    answer = await lab.send(method, path, {"metadata": {"name": "p"}})
    assert failure(answer) == (405, "MethodNotAllowed", "the server does not allow this method on the requested resource")
    assert answer.json["details"] == {}
    assert (await lab.get(PODS + "/p")).status == 200


async def test_conflicts_and_wrong_names(lab: Lab) -> None:
    made = (await lab.send("POST", CONFIG_MAPS, config_map("a"))).json
    assert failure(await lab.send("POST", CONFIG_MAPS, config_map("a"))) == (409, "AlreadyExists", 'configmaps "a" already exists')
    assert failure(await lab.send("POST", CONFIG_MAPS, made)) == (500, "", "resourceVersion should not be set on objects to be created")
    assert failure(await lab.send("PUT", CONFIG_MAPS + "/a", config_map("b"))) == (
        400, "BadRequest", "the name of the object (b) does not match the name on the URL (a)")
    assert failure(await lab.send("PUT", CONFIG_MAPS + "/a", {"metadata": {}})) == (
        400, "BadRequest", "the name of the object (a based on URL) was undeterminable: name must be provided")
    elsewhere = config_map("a") | {"metadata": {"name": "a", "namespace": "kube-system"}}
    assert failure(await lab.send("PUT", CONFIG_MAPS + "/a", elsewhere)) == (
        400, "BadRequest", "the namespace of the object (kube-system) does not match the namespace on the request (default)")
    assert failure(await lab.send("POST", CONFIG_MAPS, elsewhere)) == (
        400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request")
    await lab.send("PUT", CONFIG_MAPS + "/a", config_map("a", k="1"))
    assert failure(await lab.send("PUT", CONFIG_MAPS + "/a", made))[:2] == (409, "Conflict")
    assert (await lab.send("PUT", CONFIG_MAPS + "/a", config_map("a", k="2"))).status == 200


async def test_bodies_that_cannot_be_read(lab: Lab) -> None:
    malformed = await lab.send("POST", CONFIG_MAPS, body=b'{"kind":', headers={"Content-Type": "application/json"})
    assert failure(malformed)[:2] == (400, "BadRequest") and "unexpected end of JSON input" in malformed.json["message"]
    assert failure(await lab.send("POST", CONFIG_MAPS, body=b"<x/>", headers={"Content-Type": "text/xml"}))[:2] == (
        415, "UnsupportedMediaType")
    assert failure(await lab.send("PATCH", CONFIG_MAPS + "/a", body=b"{}", headers={"Content-Type": "application/json"}))[0] == 415
    huge = await lab.send("POST", CONFIG_MAPS, body=b"x" * (4 << 20), headers={"Content-Type": "application/json"})
    assert failure(huge) == (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")
    large = await lab.send("POST", CONFIG_MAPS, config_map("a", k="x" * (1 << 21)))
    assert large.status in (413, 422)
    invalid = await lab.send("POST", CONFIG_MAPS, config_map("Not A Name"))
    assert failure(invalid)[:2] == (422, "Invalid") and invalid.json["details"]["causes"][0]["field"] == "metadata.name"
    kind = await lab.send("POST", CONFIG_MAPS, config_map("a") | {"kind": "Secret"})
    assert failure(kind)[:2] == (400, "BadRequest")


async def test_missing_content_type_is_json(lab: Lab) -> None:
    made = await lab.send("POST", CONFIG_MAPS, body=json.dumps(config_map("a", k="v")).encode())
    assert (made.status, made.json["data"]) == (201, {"k": "v"})


async def test_yaml_goes_in_and_comes_out(lab: Lab) -> None:
    made = await lab.send(
        "POST", CONFIG_MAPS, body=b"metadata: {name: a}\ndata: {k: 'v'}\n",
        headers={"Content-Type": "application/yaml", "Accept": "application/yaml"})
    assert made.status == 201 and made.headers["Content-Type"] == "application/yaml" and b"\ndata:\n  k: v\n" in made.body


async def test_representations_that_nobody_has_are_not_acceptable(lab: Lab) -> None:
    assert failure(await lab.get(CONFIG_MAPS, Accept="image/png"))[:2] == (406, "NotAcceptable")
    assert (await lab.get(CONFIG_MAPS, Accept="image/png, application/json;q=0.1")).status == 200
    assert (await lab.get(CONFIG_MAPS, Accept="application/vnd.kubernetes.protobuf,application/json")).json["kind"] == "ConfigMapList"


async def test_strangers_are_unauthorized_or_forbidden(lab: Lab) -> None:
    connector = aiohttp.TCPConnector(ssl=lab.anonymous_tls)
    async with aiohttp.ClientSession(base_url=lab.url, connector=connector) as stranger:
        wrong = await lab.send("GET", CONFIG_MAPS, headers={"Authorization": "Bearer wrong"}, session=stranger)
        assert failure(wrong) == (401, "Unauthorized", "Unauthorized")
        anonymous = await lab.send("GET", CONFIG_MAPS, session=stranger)
        assert failure(anonymous) == (403, "Forbidden", (
            'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" '
            'in the namespace "default"'))
        reader = await lab.send("GET", CONFIG_MAPS + "/a", headers={"Authorization": "Bearer reader-token"}, session=stranger)
        assert failure(reader)[0] == 403 and reader.json["details"] == {"name": "a", "kind": "configmaps"}
        assert (await lab.send("GET", "/readyz", session=stranger)).body == b"ok"


async def test_writes_beyond_what_the_disk_keeps_up_with_are_to_be_tried_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(limits, "STORE_QUEUE_WRITES_MAX", 0)
        refused = await lab.send("POST", CONFIG_MAPS, config_map("a"))
    assert failure(refused) == (429, "TooManyRequests", "the server has received too many requests and has asked us to try again later")
    assert refused.headers["Retry-After"] == "1"
    assert (await lab.send("POST", CONFIG_MAPS, config_map("a"))).status == 201


async def test_put_may_not_create_without_leave_to_create(lab: Lab) -> None:
    leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
    role = {"metadata": {"name": "u"}, "rules": [{"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["update"]}]}
    binding = {"metadata": {"name": "u"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "u"},
               "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bob"}]}
    for plural, document in (("roles", role), ("rolebindings", binding)):
        made = await lab.send("POST", f"/apis/rbac.authorization.k8s.io/v1/namespaces/default/{plural}", document)
        assert made.status == 201
    lease = {"metadata": {"name": "l"}}
    refused = await lab.send("PUT", leases + "/l", lease, headers={"Impersonate-User": "bob"})
    assert failure(refused)[:2] == (403, "Forbidden") and 'cannot create resource "leases"' in refused.json["message"]
    assert (await lab.send("PUT", leases + "/l", lease)).status == 201


async def test_dry_run_answers_and_forgets(lab: Lab) -> None:
    assert (await lab.send("POST", CONFIG_MAPS + "?dryRun=All", config_map("a"))).status == 201
    assert (await lab.get(CONFIG_MAPS + "/a")).status == 404


async def test_unknown_fields_are_told_or_refused(lab: Lab) -> None:
    unknown = config_map("a") | {"dtaa": {}}
    warned = await lab.send("POST", CONFIG_MAPS, unknown)
    assert warned.status == 201 and warned.headers["Warning"] == '299 - "unknown field \\"dtaa\\""'
    strict = await lab.send("POST", CONFIG_MAPS + "?fieldValidation=Strict", unknown)
    assert failure(strict) == (400, "BadRequest", (
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dtaa"'))
    ignored = await lab.send("PUT", CONFIG_MAPS + "/a?fieldValidation=Ignore", unknown)
    assert ignored.status == 200 and "Warning" not in ignored.headers


async def test_people_get_indented_json(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, config_map("a"))
    assert b'\n  "kind"' in (await lab.get(CONFIG_MAPS + "/a?pretty=true")).body
    assert b'\n  "kind"' in (await lab.get(CONFIG_MAPS + "/a", User_Agent="curl/8")).body
    assert b"\n  " not in (await lab.get(CONFIG_MAPS + "/a?pretty=false", User_Agent="curl/8")).body


async def test_tables_and_metadata_of_objects_and_lists(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, config_map("a", k="v"))
    table = (await lab.get(CONFIG_MAPS, Accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json")).json
    assert table["kind"] == "Table" and table["rows"][0]["cells"][:2] == ["a", 1]
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = (await lab.get(CONFIG_MAPS + "/a?includeObject=Object", Accept="application/json;as=Table;v=v1;g=meta.k8s.io")).json
    assert whole["rows"][0]["object"]["data"] == {"k": "v"}
    part = (await lab.get(CONFIG_MAPS + "/a", Accept="application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io")).json
    assert part["kind"] == "PartialObjectMetadata" and "data" not in part and part["metadata"]["name"] == "a"
    parts = (await lab.get(CONFIG_MAPS, Accept="application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io")).json
    assert parts["kind"] == "PartialObjectMetadataList" and "data" not in parts["items"][0]


async def test_selected_objects_are_deleted_together(lab: Lab) -> None:
    for name, color in (("a", "red"), ("b", "red"), ("c", "blue")):
        await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": name, "labels": {"color": color}}})
    listed = (await lab.get(CONFIG_MAPS + "?labelSelector=color%3Dred")).json
    assert (await lab.send("DELETE", CONFIG_MAPS + "?dryRun=All")).json["items"][:2] == listed["items"]
    gone = await lab.send("DELETE", CONFIG_MAPS + "?labelSelector=color%3Dred", {"gracePeriodSeconds": 0})
    assert (gone.status, gone.json) == (200, listed) and len(listed["items"]) == 2
    assert [item["metadata"]["name"] for item in (await lab.get(CONFIG_MAPS)).json["items"]] == ["c"]


async def test_collections_are_deleted_page_by_page_for_who_asks(lab: Lab) -> None:
    for name in ("a", "b", "c"):
        await lab.send("POST", CONFIG_MAPS, config_map(name))
    gone = (await lab.send("DELETE", CONFIG_MAPS + "?limit=2")).json
    assert [item["metadata"]["name"] for item in gone["items"]] == ["a", "b"] and gone["metadata"]["remainingItemCount"] == 1
    rest = (await lab.send("DELETE", f"{CONFIG_MAPS}?continue={gone['metadata']['continue']}")).json
    assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]
    assert (await lab.get(CONFIG_MAPS)).json["items"] == []
    assert failure(await lab.send("DELETE", CONFIG_MAPS + "?resourceVersionMatch=Exact"))[:2] == (422, "Invalid")


async def test_lists_are_read_page_by_page_from_one_snapshot(lab: Lab) -> None:
    for number in range(7):
        await lab.send("POST", CONFIG_MAPS, config_map(f"m{number}"))
    first = (await lab.get(CONFIG_MAPS + "?limit=3")).json
    assert first["metadata"]["remainingItemCount"] == 4
    await lab.send("DELETE", CONFIG_MAPS + "/m4")
    await lab.send("POST", CONFIG_MAPS, config_map("m3x"))
    second = (await lab.get(CONFIG_MAPS + "?limit=3&continue=" + first["metadata"]["continue"])).json
    third = (await lab.get(CONFIG_MAPS + "?limit=3&continue=" + second["metadata"]["continue"])).json
    names = [item["metadata"]["name"] for page in (first, second, third) for item in page["items"]]
    assert names == [f"m{number}" for number in range(7)] and "continue" not in third["metadata"]
    assert {page["metadata"]["resourceVersion"] for page in (first, second, third)} == {first["metadata"]["resourceVersion"]}


async def test_expired_page_offers_to_go_on(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minikube_py.core.limits.CONTINUE_TOKEN_S", -1.0)
    for number in range(3):
        await lab.send("POST", CONFIG_MAPS, config_map(f"m{number}"))
    first = (await lab.get(CONFIG_MAPS + "?limit=1")).json
    monkeypatch.setattr("minikube_py.core.limits.WATCH_RING_EVENTS", 1)
    for number in ("1", "2"):
        await lab.send("PUT", CONFIG_MAPS + "/m0", config_map("m0", k=number))
    lab.store.state.collection("configmaps").floor = lab.store.revision - 1
    expired = await lab.get(CONFIG_MAPS + "?limit=1&continue=" + first["metadata"]["continue"])
    assert failure(expired)[:2] == (410, "Expired")
    rest = (await lab.get(CONFIG_MAPS + "?limit=5&continue=" + expired.json["metadata"]["continue"])).json
    assert [item["metadata"]["name"] for item in rest["items"]] == ["m1", "m2"]
    assert failure(await lab.get(CONFIG_MAPS + "?continue=rubbish"))[0] == 400


async def test_revisions_that_are_none(lab: Lab) -> None:
    listed, read = await lab.get(f"{CONFIG_MAPS}?resourceVersion=x"), await lab.get("/api/v1/namespaces/default?resourceVersion=x")
    assert failure(listed)[:2] == (400, "BadRequest")
    assert read.status == 500 and "reason" not in read.json
    assert read.json["message"] == 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax'


@pytest.mark.parametrize("query", ["", "&resourceVersionMatch=NotOlderThan", "&resourceVersionMatch=Exact", "&limit=1"])
async def test_a_revision_that_is_yet_to_come_is_waited_for(lab: Lab, monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    now = lab.store.revision
    paths = (CONFIG_MAPS, "/api/v1/namespaces/default")
    reads = [asyncio.create_task(lab.get(f"{path}?resourceVersion={now + 2}{query}")) for path in paths]
    await lab.send("POST", CONFIG_MAPS, config_map("a"))
    assert not any(read.done() for read in reads)
    await lab.send("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
    listed, read = [await each for each in reads]
    assert (listed.status, read.status) == (200, 200)
    assert [item["metadata"]["name"] for item in listed.json["items"]] == ["a"]
    monkeypatch.setattr(limits, "REVISION_WAIT_S", 0.02)
    now = lab.store.revision
    for path in paths:
        future = await lab.get(f"{path}?resourceVersion={now + 1000}{query}")
        assert failure(future) == (504, "Timeout", f"Timeout: Too large resource version: {now + 1000}, current: {now}")
        assert future.json["details"] == {
            "retryAfterSeconds": 1, "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]}
        assert future.headers["Retry-After"] == "1"


async def test_selectors_choose_and_are_checked(lab: Lab) -> None:
    for name, color in (("a", "red"), ("b", "blue")):
        await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": name, "labels": {"color": color}}})

    async def names(query: str) -> list[str]:
        return [item["metadata"]["name"] for item in (await lab.get(CONFIG_MAPS + query)).json["items"]]

    assert await names("?labelSelector=color%21%3Dred") == ["b"]
    assert await names("?fieldSelector=metadata.name%3Da") == ["a"]
    assert await names("?fieldSelector=metadata.name%3Da&labelSelector=color%3Dblue") == []
    assert failure(await lab.get(CONFIG_MAPS + "?fieldSelector=data%3Dx")) == (
        400, "BadRequest", '"data" is not a known field selector: only "metadata.name", "metadata.namespace"')
    assert failure(await lab.get(CONFIG_MAPS + "?labelSelector=%21%21"))[0] == 400


async def test_scale_shows_and_sets_replicas(lab: Lab) -> None:
    await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)
    scale = (await lab.get(DEPLOYMENTS + "/d/scale")).json
    assert (scale["kind"], scale["spec"], scale["status"]) == ("Scale", {"replicas": 1}, {"replicas": 0, "selector": "a=b"})
    scale["spec"]["replicas"] = 4
    assert (await lab.send("PUT", DEPLOYMENTS + "/d/scale", scale)).json["spec"] == {"replicas": 4}
    assert failure(await lab.send("PUT", DEPLOYMENTS + "/d/scale", scale))[:2] == (409, "Conflict")
    patch = {"Content-Type": "application/merge-patch+json"}
    zero = await lab.send("PATCH", DEPLOYMENTS + "/d/scale", {"spec": {"replicas": 0}}, headers=patch)
    assert zero.json["spec"].get("replicas", 0) == 0 and (await lab.get(DEPLOYMENTS + "/d")).json["spec"]["replicas"] == 0
    assert failure(await lab.send("PATCH", DEPLOYMENTS + "/d/scale", {"spec": {"replicas": -1}}, headers=patch))[:2] == (422, "Invalid")


async def test_scale_is_read_as_strictly_as_what_it_scales(lab: Lab) -> None:
    await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)
    merge = {"Content-Type": "application/merge-patch+json"}
    scale = DEPLOYMENTS + "/d/scale"
    warned = await lab.send("PATCH", scale, {"spec": {"replicas": 2, "x": 1}}, headers=merge)
    assert (warned.json["spec"], warned.headers["Warning"]) == ({"replicas": 2}, '299 - "unknown field \\"spec.x\\""')
    strict = await lab.send("PATCH", scale + "?fieldValidation=Strict", {"spec": {"x": 1}}, headers=merge)
    assert failure(strict)[0] == 422 and failure(strict)[2].endswith('strict decoding error: unknown field "spec.x"')
    wrong = await lab.send("PATCH", scale, {"spec": {"replicas": "2"}}, headers=merge)
    assert failure(wrong)[0] == 422
    assert failure(wrong)[2].endswith("json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas of type int32")
    changed = (await lab.get(scale)).json
    changed["spec"]["x"] = 1
    assert (await lab.send("PUT", scale, changed)).headers["Warning"] == '299 - "unknown field \\"spec.x\\""'


async def test_scale_is_a_row_of_a_table(lab: Lab) -> None:
    await lab.send("POST", DEPLOYMENTS, DEPLOYMENT)
    answer = await lab.get(DEPLOYMENTS + "/d/scale", Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert [column["name"] for column in answer.json["columnDefinitions"]] == ["Name", "Desired", "Available", "Age"]
    *cells, age = answer.json["rows"][0]["cells"]
    assert cells == ["d", 1, 0] and re.fullmatch(r"\d+s", age)
    assert answer.json["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_what_a_deletion_carries_is_read_as_options(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, config_map("a"))
    assert failure(await lab.send("DELETE", CONFIG_MAPS + "/a", {"gracePeriodSeconds": "soon"})) == (
        400, "BadRequest", 'DeleteOptions in version "v1" cannot be handled as a DeleteOptions: '
        "json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64")
    assert failure(await lab.send("DELETE", CONFIG_MAPS + "/a", config_map("a"))) == (
        400, "BadRequest", "decoded object cannot be converted to DeleteOptions")
    assert (await lab.send("DELETE", CONFIG_MAPS + "/a", {"kind": "DeleteOptions", "apiVersion": "policy/v1"})).status == 200


async def test_json_patch_that_does_not_apply_is_refused_in_upstreams_words(lab: Lab) -> None:
    await lab.send("POST", CONFIG_MAPS, config_map("a", k="v"))
    headers = {"Content-Type": "application/json-patch+json"}
    for operation in ({"op": "remove", "path": "/data/none"}, {"op": "test", "path": "/data/k", "value": "w"}):
        refused = await lab.send("PATCH", CONFIG_MAPS + "/a", [operation], headers=headers)
        assert failure(refused) == (422, "Invalid", "the server rejected our request due to an error in our request")
    assert failure(await lab.send("PATCH", CONFIG_MAPS + "/a", [{"op": "dance"}], headers=headers))[0] == 400
    assert failure(await lab.send("PATCH", CONFIG_MAPS + "/a", {"data": 1}, headers=headers))[0] == 400


async def test_resize_changes_resources_and_nothing_else(lab: Lab) -> None:
    spec = {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]}
    await lab.send("POST", PODS, {"metadata": {"name": "p"}, "spec": spec})
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    patch = {"spec": {"containers": [{"name": "c", "image": "other", "resources": {"requests": {"cpu": "2"}}}]}}
    resized = await lab.send("PATCH", PODS + "/p/resize", patch, headers=headers)
    container = resized.json["spec"]["containers"][0]
    assert (container["image"], container["resources"]["requests"]) == ("i", {"cpu": "2"})
    limits = {"cpu": "2", "memory": "1Gi"}
    guaranteed = {"spec": {"containers": [{"name": "c", "resources": {"requests": limits, "limits": limits}}]}}
    refused = await lab.send("PATCH", PODS + "/p/resize", guaranteed, headers=headers)
    assert failure(refused)[:2] == (422, "Invalid") and "Pod QOS Class may not change as a result of resizing" in refused.json["message"]


async def test_ephemeral_containers_are_added_by_their_own_door(lab: Lab) -> None:
    await lab.send("POST", PODS, POD)
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    patch = {"metadata": {"labels": {"a": "b"}}, "spec": {"ephemeralContainers": [{"name": "d", "image": "i"}], "hostname": "x"}}
    added = await lab.send("PATCH", PODS + "/p/ephemeralcontainers", patch, headers=headers)
    assert added.status == 200, added.body
    assert [c["name"] for c in added.json["spec"]["ephemeralContainers"]] == ["d"] and "hostname" not in added.json["spec"]
    assert "labels" not in added.json["metadata"]
    refused = await lab.send("PATCH", PODS + "/p", {"spec": {"ephemeralContainers": [{"name": "e", "image": "i"}]}}, headers=headers)
    assert refused.status == 422
