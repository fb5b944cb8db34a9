"""Resources that nothing is stored of: bindings, and how the components are."""

from __future__ import annotations

from typing import Any

import pytest

from minikube_py.apiserver.component_statuses import ComponentStatuses

from ..lab import Lab
from .test_subresources import CONTAINERS, DEFAULT, make_objects, said

TABLE, PARTIAL, PARTIAL_LIST = (f"application/json;as={form};v=v1;g=meta.k8s.io" for form in
                                ("Table", "PartialObjectMetadata", "PartialObjectMetadataList"))
ACCEPTED = "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf"
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
TOKENS = f"{DEFAULT}/serviceaccounts/p/token"
ANSWERED: dict[str, tuple[dict[str, Any], str]] = {
    REVIEWS: ({"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}, "*authorization.SelfSubjectAccessReview"),
    TOKENS: ({"spec": {"audiences": ["a"]}}, "*authentication.TokenRequest"),
}

CONFLICT = 'Operation cannot be fulfilled on pods/binding "p": pod p '
PRECONDITION = (
    'Operation cannot be fulfilled on pods "p": StorageError: invalid object, Code: 4, Key: /registry/pods/default/p, ResourceVersion: 0, '
    "AdditionalErrorMsg: Precondition failed: "
)


@pytest.mark.parametrize("path", ANSWERED)
async def test_what_is_kept_nowhere_has_no_table(lab: Lab, path: str) -> None:
    await make_objects(lab)
    body, go_type = ANSWERED[path]
    assert said(await lab.send("POST", path, body, headers={"Accept": TABLE})) == (406, ACCEPTED)
    # A client that takes something else, too, gets that.
    plain = await lab.send("POST", path, body, headers={"Accept": f"{TABLE}, application/json"})
    assert (plain.status, plain.json["kind"]) == (201, go_type.rpartition(".")[2])
    metadata = await lab.send("POST", path, body, headers={"Accept": PARTIAL})
    assert (metadata.status, metadata.json["kind"], sorted(metadata.json)) == (
        201, "PartialObjectMetadata", ["apiVersion", "kind", "metadata"])
    assert said(await lab.send("POST", path, body, headers={"Accept": PARTIAL_LIST})) == (
        406, f"you requested PartialObjectMetadataList, but the requested object is not a list ({go_type})")


async def test_a_status_stays_one_whatever_form_is_asked_for(lab: Lab) -> None:
    await make_objects(lab)
    eviction = {"metadata": {"name": "p"}}
    assert said(await lab.send("POST", f"{DEFAULT}/pods/p/eviction", eviction, headers={"Accept": TABLE})) == (406, ACCEPTED)
    answer = await lab.send("POST", f"{DEFAULT}/pods/p/eviction", eviction, headers={"Accept": PARTIAL})
    assert (answer.status, answer.json["kind"], answer.json["status"]) == (201, "Status", "Success")


@pytest.mark.parametrize("path", [f"{DEFAULT}/pods/p/binding", f"{DEFAULT}/bindings"])
async def test_bindings_go_by_their_pod_or_by_a_collection_of_their_own(lab: Lab, path: str) -> None:
    await make_objects(lab)
    await lab.send("POST", "/api/v1/nodes", {"metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z"}}})
    made = (await lab.get(f"{DEFAULT}/pods/p")).json["metadata"]
    bound = {"kind": "Binding", "apiVersion": "v1", "target": {"kind": "Node", "name": "n"}}

    def binding(target: dict[str, str] | None = None, **meta: Any) -> dict[str, Any]:
        return {**bound, "metadata": {"name": "p", **meta}} | ({"target": target} if target is not None else {})

    refused: list[tuple[dict[str, Any], int, str]] = [
        (binding({}), 500, "target.name: Required value"),
        (binding({"kind": "Pod"}), 500, '[target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>", '
                                        "target.name: Required value]"),
        (binding(resourceVersion="1"), 409,
         f"{PRECONDITION}ResourceVersion in precondition: 1, ResourceVersion in object meta: {made['resourceVersion']}"),
    ]
    # The old way does not know which pod is meant but by its name.
    if path.endswith("/binding"):
        refused.append((binding(uid="u"), 409, f"{PRECONDITION}UID in precondition: u, UID in object meta: {made['uid']}"))
    for body, code, why in refused:
        answer = await lab.send("POST", path, body)
        assert said(answer) == (code, why)
        assert "reason" not in answer.json or code == 409
    known = made["uid"] if path.endswith("/binding") else "another"
    body = binding(uid=known, resourceVersion=made["resourceVersion"], annotations={"a": "b"}, labels={"c": "d"})
    dry = await lab.send("POST", path + "?dryRun=All", body)
    assert (dry.status, dry.json) == (201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
    assert (await lab.send("POST", path, body)).json == dry.json
    pod = (await lab.get(f"{DEFAULT}/pods/p")).json
    assert (pod["spec"]["nodeName"], pod["metadata"]["annotations"], pod["metadata"]["generation"]) == ("n", {"a": "b"}, 1)
    # The node's zone comes along, if it is said that the target is a node.
    zone = {"topology.kubernetes.io/zone": "z"} if path.endswith("/binding") else {}
    assert pod["metadata"]["labels"] == {"c": "d", **zone}
    assert [(row["type"], row["status"]) for row in pod["status"]["conditions"]] == [("PodScheduled", "True")]
    again = await lab.send("POST", path, binding())
    assert said(again) == (409, f'{CONFLICT}is already assigned to node "n"')
    assert again.json["details"] == {"name": "p", "kind": "pods/binding"}


async def test_bindings_of_pods_that_go_or_wait_conflict(lab: Lab) -> None:
    for name, meta, spec in (
        ("gated", {}, {"schedulingGates": [{"name": "a/b"}]}), ("going", {"finalizers": ["a/b"]}, {}),
    ):
        await lab.send("POST", f"{DEFAULT}/pods", {"metadata": {"name": name, **meta}, "spec": {"containers": CONTAINERS, **spec}})
    await lab.send("DELETE", f"{DEFAULT}/pods/going")
    for name, why in (
        ("gated", "pod gated has non-empty .spec.schedulingGates"), ("going", "pod going is being deleted, cannot be assigned to a host"),
    ):
        body = {"metadata": {"name": name}, "target": {"name": "n"}}
        for path in (f"{DEFAULT}/pods/{name}/binding", f"{DEFAULT}/bindings"):
            assert said(await lab.send("POST", path, body)) == (409, f'Operation cannot be fulfilled on pods/binding "{name}": {why}')


async def test_components_that_do_not_run_are_not_healthy(lab: Lab) -> None:
    lab.api.component_statuses.set("scheduler", lambda: None)
    healthy, ill = ({"type": "Healthy", "status": "True", "message": "ok"}, {"type": "Healthy", "status": "False", "error": "not running"})
    listed = await lab.get("/api/v1/componentstatuses")
    assert (listed.json["kind"], listed.json["metadata"]) == ("ComponentStatusList", {})
    assert {item["metadata"]["name"]: item["conditions"] for item in listed.json["items"]} == {
        "scheduler": [healthy], "controller-manager": [ill], "etcd-0": [healthy]}
    one = await lab.get("/api/v1/componentstatuses/etcd-0")
    assert (one.json["kind"], one.json["conditions"]) == ("ComponentStatus", [healthy])
    chosen = await lab.get("/api/v1/componentstatuses?fieldSelector=metadata.name%3Dscheduler")
    assert [item["metadata"]["name"] for item in chosen.json["items"]] == ["scheduler"]
    assert (await lab.get("/api/v1/componentstatuses?labelSelector=a")).json["items"] == []
    rows = await lab.get("/api/v1/componentstatuses", Accept="application/json;as=Table;v=v1;g=meta.k8s.io")
    assert [row["cells"] for row in rows.json["rows"]] == [
        ["scheduler", "Healthy", "ok", ""], ["controller-manager", "Unhealthy", "", "not running"], ["etcd-0", "Healthy", "ok", ""]]
    assert said(await lab.get("/api/v1/componentstatuses/etcd-1")) == (500, "Component not found: etcd-1")
    assert said(await lab.get("/api/v1/componentstatuses?watch=1")) == (
        405, 'watch is not supported on resources of kind "componentstatuses"')
    assert (await lab.send("DELETE", "/api/v1/componentstatuses/etcd-0")).status == 405


def test_only_upstreams_components_are_asked() -> None:
    with pytest.raises(KeyError):
        ComponentStatuses(lambda: None).set("etcd-1", lambda: None)


@pytest.mark.parametrize(("path", "version", "subresource", "body", "fields"), [
    ("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "authorization.k8s.io/v1", None,
     {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "spec": {"resourceAttributes": {"resource": "pods"}}},
     {"f:spec": {"f:resourceAttributes": {".": {}, "f:resource": {}}}}),
    ("/apis/authentication.k8s.io/v1/tokenreviews", "authentication.k8s.io/v1", None, {"spec": {"token": "t"}},
     {"f:spec": {"f:token": {}}}),
    (f"{DEFAULT}/serviceaccounts/p/token", "authentication.k8s.io/v1", "token", {}, {"f:spec": {"f:expirationSeconds": {}}}),
])  # fmt: skip
async def test_what_is_posted_and_not_stored_has_managed_fields(
    lab: Lab, path: str, version: str, subresource: str | None, body: dict[str, Any], fields: dict[str, Any]
) -> None:
    await make_objects(lab)
    [entry] = (await lab.send("POST", f"{path}?fieldManager=m", body)).json["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"], entry["fieldsType"], entry["fieldsV1"]) == ("m", "Update", "FieldsV1", fields)
    assert (entry["apiVersion"], entry.get("subresource")) == (version, subresource)


async def test_managed_fields_are_no_metadata_that_a_review_must_not_have(lab: Lab) -> None:
    path, body = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"spec": {"resourceAttributes": {"resource": "pods"}}}
    assert (await lab.send("POST", path, body)).status == 201
    refused = await lab.send("POST", f"{path}?fieldManager=m", {**body, "metadata": {"labels": {"a": "b"}}})
    assert refused.status == 422 and '"manager":"m"' in refused.json["message"] and refused.json["message"].endswith(": must be empty")
