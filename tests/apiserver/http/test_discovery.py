"""Discovery over HTTP is negotiated, cached and refused as upstream does."""

from __future__ import annotations

import json

import pytest
import yaml

from minikube_py.apis.apiextensions_v1 import CustomResourceDefinition

from ..apiextensions.definitions import definition, version
from ..lab import Lab, until

AGGREGATED = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
V2 = f"application/json{AGGREGATED}"
V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"


@pytest.mark.parametrize(("accept", "content_type", "kind"), [
    (f"{V2},{V2BETA1},application/json", V2, "APIGroupDiscoveryList"),
    ("application/json, " + V2, V2, "APIGroupDiscoveryList"),
    (f"{V2};q=0.2,application/json;q=0.9", V2, "APIGroupDiscoveryList"),
    (f"{V2};profile=nopeer", V2, "APIGroupDiscoveryList"),
    (f"application/vnd.kubernetes.protobuf{AGGREGATED},{V2}", V2, "APIGroupDiscoveryList"),
    (f"application/yaml{AGGREGATED}", f"application/yaml{AGGREGATED}", "APIGroupDiscoveryList"),
    (f"{V2BETA1},application/json", "application/json", "APIGroupList"),
    ("application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList,application/json", "application/json", "APIGroupList"),
    ("application/json", "application/json", "APIGroupList"),
    ("*/*", "application/json", "APIGroupList"),
    ("", "application/json", "APIGroupList"),
    ("application/yaml", "application/yaml", "APIGroupList"),
    ("application/vnd.kubernetes.protobuf,application/json", "application/json", "APIGroupList"),
])
async def test_the_form_is_negotiated(lab: Lab, accept: str, content_type: str, kind: str) -> None:
    answer = await lab.get("/apis", Accept=accept)
    assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
    assert (yaml.safe_load(answer.body) if "yaml" in content_type else answer.json)["kind"] == kind


@pytest.mark.parametrize("accept", [V2BETA1, "text/html", "application/json;as=Table;g=meta.k8s.io;v=v1"])
@pytest.mark.parametrize("path", ["/api", "/apis", "/apis/apps", "/apis/apps/v1", "/api/v1"])
async def test_a_client_that_takes_no_offered_form_is_told_so(lab: Lab, path: str, accept: str) -> None:
    answer = await lab.get(path, Accept=accept)
    assert (answer.status, answer.json["reason"]) == (406, "NotAcceptable")
    assert answer.json["message"].startswith("only the following media types are accepted: application/json, application/yaml")


async def test_aggregated_documents_are_kept_by_their_etag(lab: Lab) -> None:
    first = await lab.get("/apis", Accept=V2)
    assert (first.headers["Vary"], first.headers["Cache-Control"]) == ("Accept", "public")
    again = await lab.get("/apis", Accept=V2, If_None_Match=first.headers["ETag"])
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert (await lab.get("/apis", Accept=V2, If_None_Match='"other"')).status == 200
    assert "ETag" not in (await lab.get("/apis")).headers


async def test_trailing_slashes_are_ignored_and_lines_end(lab: Lab) -> None:
    for path in ("/api", "/apis", "/apis/apps", "/apis/apps/v1", "/api/v1"):
        plain = await lab.get(path)
        assert plain.body == (await lab.get(path + "/")).body
        assert plain.body.endswith(b"}\n") and plain.body.count(b"\n") == 1


async def test_people_get_indented_documents(lab: Lab) -> None:
    plain = await lab.get("/apis")
    for pretty in (await lab.get("/apis?pretty=true"), await lab.get("/apis", User_Agent="curl/8.0")):
        assert pretty.body == json.dumps(plain.json, indent=2).encode()
    assert (await lab.get("/apis?pretty=false", User_Agent="curl/8.0")).body == plain.body


async def test_version_and_index_are_indented_for_everybody(lab: Lab) -> None:
    for path in ("/version", "/"):
        answer = await lab.get(path)
        assert answer.body == json.dumps(answer.json, indent=2).encode()
    paths = (await lab.get("/")).json["paths"]
    assert {"/api", "/api/v1", "/apis", "/apis/", "/apis/apps", "/apis/apps/v1", "/openapi/v3", "/version"} <= set(paths)
    assert paths == sorted(paths)


async def test_discovery_follows_custom_resources(lab: Lab) -> None:
    before = (await lab.get("/apis", Accept=V2)).headers["ETag"]
    assert (await lab.get("/apis/example.com")).status == 404
    await lab.client.create(definition(versions=[version("v1beta1", storage=False), version("v1")]))
    await until(lambda: lab.api.discovery.legacy("/apis/example.com") is not None)
    groups = (await lab.get("/apis")).json["groups"]
    assert [entry["version"] for entry in groups[-1]["versions"]] == ["v1", "v1beta1"]
    assert groups[-1]["preferredVersion"] == {"groupVersion": "example.com/v1", "version": "v1"}
    during = await lab.get("/apis", Accept=V2)
    assert during.headers["ETag"] != before
    resource = during.json["items"][-1]["versions"][0]["resources"][0]
    assert resource["responseKind"] == {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert "/apis/example.com/v1" in (await lab.get("/")).json["paths"]
    assert (await lab.get("/openapi/v3/apis/example.com/v1")).status == 200
    await lab.client.delete(CustomResourceDefinition, "widgets.example.com")
    await until(lambda: lab.api.discovery.legacy("/apis/example.com") is None)
    assert (await lab.get("/apis", Accept=V2)).headers["ETag"] == before
    assert (await lab.get("/openapi/v3/apis/example.com/v1")).status == 404
