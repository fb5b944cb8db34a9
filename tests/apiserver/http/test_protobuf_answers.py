"""Answers as protobuf, for clients that take nothing else, each event of a watch in a frame."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from minikube_py.apiserver.protobuf import decode_unknown, read_envelope
from minikube_py.apiserver.protobuf.wire import fields

from ..apiextensions.definitions import definition
from ..lab import PATIENCE_S, Lab

PROTOBUF = "application/vnd.kubernetes.protobuf"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
ACCEPTED = f"only the following media types are accepted: application/json, application/yaml, {PROTOBUF}"


def metadata_of(version: str, kind: str = "PartialObjectMetadataList") -> str:
    return f"{PROTOBUF};as={kind};g=meta.k8s.io;v={version}"


async def test_objects_lists_and_errors(lab: Lab) -> None:
    made = await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}}, headers={"Accept": PROTOBUF})
    assert (made.status, made.headers["Content-Type"]) == (201, PROTOBUF)
    plain = (await lab.get(f"{CONFIG_MAPS}/a")).json
    assert decode_unknown(made.body) == plain
    listed = await lab.get(CONFIG_MAPS, Accept=PROTOBUF)
    told = decode_unknown(listed.body)
    assert (listed.headers["Content-Type"], told["kind"], told["metadata"]) == (
        PROTOBUF, "ConfigMapList", {"resourceVersion": plain["metadata"]["resourceVersion"]})
    assert [item["metadata"] for item in told["items"]] == [plain["metadata"]]
    missing = await lab.get(f"{CONFIG_MAPS}/b", Accept=PROTOBUF)
    status = decode_unknown(missing.body)
    assert (missing.status, status["kind"], status["reason"]) == (404, "Status", "NotFound")
    gone = await lab.send("DELETE", f"{CONFIG_MAPS}/a", headers={"Accept": PROTOBUF})
    assert decode_unknown(gone.body)["status"] == "Success"


@pytest.mark.parametrize(("path", "kind"), [("/api", "APIVersions"), ("/apis", "APIGroupList"), ("/apis/apps", "APIGroup"),
                                            ("/api/v1", "APIResourceList")])
async def test_discovery(lab: Lab, path: str, kind: str) -> None:
    answer = await lab.get(path, Accept=PROTOBUF)
    assert (answer.headers["Content-Type"], read_envelope(answer.body).kind) == (PROTOBUF, kind)
    if path == "/api/v1":
        (bindings,) = [entry for entry in decode_unknown(answer.body)["resources"] if entry["name"] == "bindings"]
        assert bindings["verbs"] == {"items": ["create"]}, "Go has a message around the list that JSON has not"


async def test_api_services_and_component_statuses_have_lists(lab: Lab) -> None:
    for path in ("/apis/apiregistration.k8s.io/v1/apiservices", "/api/v1/componentstatuses"):
        answer = await lab.get(path, Accept=PROTOBUF)
        assert (answer.status, read_envelope(answer.body).kind) == (200, (await lab.get(path)).json["kind"])


async def test_lists_of_metadata_have_other_numbers_in_v1beta1(lab: Lab) -> None:
    made = (await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})).json["metadata"]
    new = decode_unknown((await lab.get(CONFIG_MAPS, Accept=metadata_of("v1"))).body)
    assert (new["apiVersion"], new["kind"], new["items"]) == ("meta.k8s.io/v1", "PartialObjectMetadataList", [{"metadata": made}])
    old = read_envelope((await lab.get(CONFIG_MAPS, Accept=metadata_of("v1beta1"))).body)
    assert (old.api_version, old.kind) == ("meta.k8s.io/v1beta1", "PartialObjectMetadataList")
    new_raw = read_envelope((await lab.get(CONFIG_MAPS, Accept=metadata_of("v1"))).body).raw
    assert {3 - number: value for number, value in fields(old.raw, 0, len(old.raw))} == dict(fields(new_raw, 0, len(new_raw)))


async def test_custom_resources_have_none_but_their_metadata_has(lab: Lab) -> None:
    await lab.client.create(definition())
    served = False
    while not served:
        served = (await lab.get(WIDGETS)).status == 200
        await asyncio.sleep(0.01)
    made = await lab.send("POST", WIDGETS, {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {"a": 1}})
    told = decode_unknown((await lab.get(f"{WIDGETS}/w", Accept=metadata_of("v1", "PartialObjectMetadata"))).body)
    assert told == {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": made.json["metadata"]}
    refused = await lab.get(f"{WIDGETS}/w", Accept=PROTOBUF)
    assert (refused.status, decode_unknown(refused.body)["message"]) == (406, ACCEPTED)


async def test_tables_are_not_protobuf(lab: Lab) -> None:
    refused = await lab.get(CONFIG_MAPS, Accept=metadata_of("v1", "Table"))
    assert (refused.status, refused.json["message"]) == (406, ACCEPTED)


@pytest.mark.parametrize("accept", [f"{PROTOBUF}, */*", f"{PROTOBUF},application/json;q=0.1"])
async def test_who_can_choose_gets_what_is_stored(lab: Lab, accept: str) -> None:
    assert (await lab.get(CONFIG_MAPS, Accept=accept)).headers["Content-Type"] == "application/json"


async def frame(content: Any) -> tuple[str, bytes]:
    """Type of the next event of a watch and the object in it; an event is no object and has no envelope."""
    async with asyncio.timeout(PATIENCE_S):
        length = int.from_bytes(await content.readexactly(4))
        body = await content.readexactly(length)
    (_, type_), (_, extension) = fields(body, 0, length)
    assert isinstance(type_, bytes) and isinstance(extension, bytes)
    ((_, raw),) = fields(extension, 0, len(extension))
    assert isinstance(raw, bytes)
    return type_.decode(), raw


@pytest.mark.parametrize("accept", [PROTOBUF, f"{PROTOBUF};stream=watch", metadata_of("v1", "PartialObjectMetadata")])
async def test_watches_are_frames(lab: Lab, accept: str) -> None:
    first = (await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}})).json
    query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    async with lab.watch(f"{CONFIG_MAPS}?{query}", {"Accept": accept}) as watch, lab.watch(CONFIG_MAPS) as other:
        content = watch.response.content
        assert watch.response.headers["Content-Type"] == f"{PROTOBUF};stream=watch"
        type_, raw = await frame(content)
        assert (type_, decode_unknown(raw)["metadata"]) == ("ADDED", first["metadata"])
        type_, raw = await frame(content)
        assert (type_, decode_unknown(raw)["metadata"]["annotations"]) == ("BOOKMARK", {"k8s.io/initial-events-end": "true"})
        await lab.send("DELETE", f"{CONFIG_MAPS}/a")
        type_, raw = await frame(content)
        assert (type_, decode_unknown(raw)["metadata"]["name"]) == ("DELETED", "a")
        # Both are told of the same events, each in its own way.
        assert await other.names(2) == [("ADDED", "a"), ("DELETED", "a")]
    async with lab.watch(f"{CONFIG_MAPS}?resourceVersion=1", {"Accept": PROTOBUF}) as late:
        type_, raw = await frame(late.response.content)
        assert (type_, decode_unknown(raw)["kind"]) in {("ERROR", "Status"), ("ADDED", "ConfigMap")}
