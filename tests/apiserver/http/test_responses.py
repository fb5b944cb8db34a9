"""Answers in the coding, form and size that the client asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from minikube_py.apiserver.yaml_document import load_yaml
from minikube_py.apiserver.yaml_text import dump_yaml

from ..lab import Lab

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
TABLE, TABLE_BETA = (f"application/json;as=Table;v={version};g=meta.k8s.io" for version in ("v1", "v1beta1"))
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIAL_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
POD: dict[str, Any] = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}


async def make(lab: Lab, name: str, **data: str) -> None:
    assert (await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": name}, "data": data})).status == 201


async def test_compact_json_ends_its_line_and_indented_json_does_not(lab: Lab) -> None:
    await make(lab, "a", k="v")
    for path in (f"{CONFIG_MAPS}/a", CONFIG_MAPS, f"{CONFIG_MAPS}/missing"):
        compact = await lab.get(path)
        assert compact.body.endswith(b"}\n") and compact.body.count(b"\n") == 1 and compact.headers["Content-Type"] == "application/json"
        for answer in (await lab.get(path, User_Agent="curl/8.0"), await lab.get(f"{path}?pretty=1"),
                       await lab.get(path, Accept="application/json;pretty=1")):
            assert answer.body == json.dumps(compact.json, indent=2).encode()
        assert (await lab.get(f"{path}?pretty=0", User_Agent="curl/8.0")).body == compact.body


async def test_yaml_answers_have_upstreams_form(lab: Lab) -> None:
    await make(lab, "a", z="1", a10="y", a2="line\nline\n")
    answer = await lab.get(f"{CONFIG_MAPS}/a", Accept="application/yaml")
    meta = (await lab.get(f"{CONFIG_MAPS}/a")).json["metadata"]
    assert answer.headers["Content-Type"] == "application/yaml"
    assert answer.body.decode() == (
        "apiVersion: v1\ndata:\n  a2: |\n    line\n    line\n  a10: \"y\"\n  z: \"1\"\nkind: ConfigMap\nmetadata:\n"
        f"  creationTimestamp: \"{meta['creationTimestamp']}\"\n  managedFields:\n  - apiVersion: v1\n    fieldsType: FieldsV1\n"
        "    fieldsV1:\n      f:data:\n        .: {}\n        f:a2: {}\n        f:a10: {}\n        f:z: {}\n    manager: unknown\n"
        f"    operation: Update\n    time: \"{meta['creationTimestamp']}\"\n  name: a\n  namespace: default\n"
        f"  resourceVersion: \"{meta['resourceVersion']}\"\n  uid: {meta['uid']}\n")
    missing = await lab.get(f"{CONFIG_MAPS}/b", Accept="application/yaml")
    assert (missing.status, load_yaml(missing.body)["reason"]) == (404, "NotFound")


async def test_what_cannot_be_answered_is_not_done(lab: Lab) -> None:
    refused = await lab.send("POST", CONFIG_MAPS, {"metadata": {"name": "a"}}, headers={"Accept": "application/xml"})
    assert (refused.status, refused.json["reason"]) == (406, "NotAcceptable")
    assert refused.json["message"] == (
        "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf")
    assert refused.body == json.dumps(refused.json, indent=2).encode()
    assert (await lab.get(f"{CONFIG_MAPS}/a")).status == 404
    watch = await lab.get(f"{CONFIG_MAPS}?watch=1", Accept="application/yaml")
    assert (watch.status, load_yaml(watch.body)["message"]) == (
        406, "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch")


async def test_forms_must_fit_what_is_asked(lab: Lab) -> None:
    await make(lab, "a")
    single = await lab.get(f"{CONFIG_MAPS}/a", Accept=PARTIAL_LIST)
    assert (single.status, single.json["message"]) == (
        406, "you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)")
    many = await lab.get(CONFIG_MAPS, Accept=PARTIAL)
    assert (many.status, many.json["message"]) == (
        406, "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)")
    good = await lab.get(CONFIG_MAPS, Accept=PARTIAL_LIST)
    assert [good.json["kind"], good.json["apiVersion"]] == ["PartialObjectMetadataList", "meta.k8s.io/v1"]
    assert good.json["items"][-1].keys() == {"kind", "apiVersion", "metadata"}


@pytest.mark.parametrize("path", [f"{CONFIG_MAPS}/a", CONFIG_MAPS, f"{CONFIG_MAPS}?watch=1"])
async def test_what_rows_carry_is_checked(lab: Lab, path: str) -> None:
    await make(lab, "a")
    separator = "&" if "?" in path else "?"
    answer = await lab.get(f"{path}{separator}includeObject=Everything", Accept=TABLE)
    assert (answer.status, answer.json["reason"], answer.json["message"]) == (
        400, "BadRequest", "Unable to convert to Table as requested: includeObject: Invalid value: \"Everything\": "
        "must be 'Metadata', 'Object', 'None', or empty")


@pytest.mark.parametrize(("include", "kind"), [
    ("", "PartialObjectMetadata"), ("Metadata", "PartialObjectMetadata"), ("Object", "ConfigMap"), ("None", None),
])
async def test_rows_carry_what_is_asked(lab: Lab, include: str, kind: str | None) -> None:
    await make(lab, "a")
    answer = await lab.get(f"{CONFIG_MAPS}/a?includeObject={include}", Accept=TABLE)
    row = answer.json["rows"][0]
    assert (row["object"] or {}).get("kind") == kind and row["cells"][:2] == ["a", 0]


async def test_tables_come_in_both_versions(lab: Lab) -> None:
    await make(lab, "a")
    for accept, version in ((TABLE, "meta.k8s.io/v1"), (TABLE_BETA, "meta.k8s.io/v1beta1")):
        for path in (CONFIG_MAPS, f"{CONFIG_MAPS}/a"):
            document = (await lab.get(path, Accept=accept)).json
            assert [document["apiVersion"], document["rows"][0]["object"]["apiVersion"]] == [version, version]


async def test_the_first_table_of_a_watch_names_the_columns(lab: Lab) -> None:
    await make(lab, "a")
    async with lab.watch(f"{CONFIG_MAPS}?sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
                         "&fieldSelector=metadata.name=a", {"Accept": TABLE}) as watcher:
        first, end = await watcher.next(), await watcher.next()
        await lab.send("PUT", f"{CONFIG_MAPS}/a", {"metadata": {"name": "a"}, "data": {"k": "v"}})
        changed = await watcher.next()
    columns = [bool(event["object"]["columnDefinitions"]) for event in (first, end, changed)]
    assert columns == [True, False, False] and [event["type"] for event in (first, end, changed)] == ["ADDED", "BOOKMARK", "MODIFIED"]
    assert end["object"]["rows"][0]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert [event["object"]["rows"][0]["cells"][1] for event in (first, changed)] == [0, 1]


async def test_large_answers_are_compressed_for_those_who_name_gzip(lab: Lab) -> None:
    await make(lab, "large", k="v" * 140_000)
    await make(lab, "small", k="v")
    for path in (f"{CONFIG_MAPS}/large", CONFIG_MAPS, f"{CONFIG_MAPS}?pretty=1"):
        plain, packed = await lab.get(path, Accept_Encoding="identity"), await lab.get(path, Accept_Encoding="gzip")
        assert (packed.headers["Content-Encoding"], packed.headers["Vary"], packed.headers["Content-Type"]) == (
            "gzip", "Accept-Encoding", "application/json")
        assert packed.body == plain.body and "Content-Encoding" not in plain.headers and "Vary" not in plain.headers
        assert int(packed.headers["Content-Length"]) < 4000
    assert "Content-Encoding" not in (await lab.get(f"{CONFIG_MAPS}/small", Accept_Encoding="gzip")).headers
    async with lab.watch(f"{CONFIG_MAPS}?fieldSelector=metadata.name=large", {"Accept-Encoding": "gzip"}) as watcher:
        assert "Content-Encoding" not in watcher.response.headers
        assert (await watcher.next())["object"]["metadata"]["name"] == "large"


async def test_long_lists_are_compressed_part_by_part(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minikube_py.apiserver.http.handlers.STREAMED_ENTRIES_MIN", 3)
    monkeypatch.setattr("minikube_py.apiserver.http.responses.PART_BYTES", 1000)
    for number in range(4):
        await make(lab, f"m{number}", k=f"{number}" * 40_000)
    plain, packed = await lab.get(CONFIG_MAPS, Accept_Encoding="identity"), await lab.get(CONFIG_MAPS, Accept_Encoding="gzip")
    assert plain.body == packed.body and len(plain.json["items"]) == 4
    assert (packed.headers["Content-Encoding"], packed.headers["Vary"]) == ("gzip", "Accept-Encoding")
    assert int(plain.headers["Content-Length"]) == len(plain.body)


async def test_head_is_no_method_of_resources(lab: Lab) -> None:
    assert (await lab.send("HEAD", CONFIG_MAPS)).status == 405
    assert (await lab.send("HEAD", "/healthz")).status == 200


async def test_strategies_remark_on_what_they_take(lab: Lab) -> None:
    old = {"beta.kubernetes.io/arch": "amd64"}
    pod = {**POD, "spec": {**POD["spec"], "nodeSelector": old}}
    made = await lab.send("POST", "/api/v1/namespaces/default/pods?dryRun=All", pod)
    assert (made.status, made.headers["Warning"]) == (201, (
        '299 - "spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use \\"kubernetes.io/arch\\" instead"'))
    replica_set = {"metadata": {"name": "r"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {
        "metadata": {"labels": {"a": "b"}}, "spec": pod["spec"]}}}
    made = await lab.send("POST", "/apis/apps/v1/namespaces/default/replicasets", replica_set)
    assert made.status == 201 and made.headers["Warning"].startswith('299 - "spec.template.spec.nodeSelector[')


async def test_warnings_come_with_answers_and_errors(lab: Lab) -> None:
    made = await lab.send("POST", "/api/v1/namespaces/default/pods", POD | {"foo": 1})
    assert made.status == 201 and made.headers.getall("Warning") == ['299 - "unknown field \\"foo\\""']  # type: ignore[attr-defined]
    again = await lab.send("POST", "/api/v1/namespaces/default/pods", POD | {"foo": 1})
    assert again.status == 409 and again.headers["Warning"] == '299 - "unknown field \\"foo\\""'
    body = b'{"metadata":{"name":"q","name":"q"},"spec":{"containers":[{"name":"c","image":"i","image":"i"}]}}'
    twice = await lab.send("POST", "/api/v1/namespaces/default/pods", body=body, headers={"Content-Type": "application/json"})
    assert twice.headers.getall("Warning") == [  # type: ignore[attr-defined]
        '299 - "duplicate field \\"metadata.name\\""', '299 - "duplicate field \\"spec.containers[0].image\\""']
    strict = await lab.send("POST", "/api/v1/namespaces/default/pods?fieldValidation=Strict", body=body)
    assert strict.status == 400 and strict.json["message"] == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: duplicate field "metadata.name", '
        'duplicate field "spec.containers[0].image"')


@pytest.mark.parametrize(("document", "text"), [
    ({"b": [], "a": {}}, "a: {}\nb: []\n"),
    ({"l": [{"b": 1, "a": [1, None]}, [True]]}, "l:\n- a:\n  - 1\n  - null\n  b: 1\n- - true\n"),
    ({"a": "true"}, 'a: "true"\n'), ({"a": "1e3"}, 'a: "1e3"\n'), ({"a": "1:30"}, 'a: "1:30"\n'), ({"a": ""}, 'a: ""\n'),
    ({"a": "2026-01-02T03:04:05Z"}, 'a: "2026-01-02T03:04:05Z"\n'), ({"a": "2026-01-02"}, 'a: "2026-01-02"\n'),
    ({"a": "- b"}, "a: '- b'\n"), ({"a": "it's"}, "a: it's\n"), ({"a": "b: c"}, "a: 'b: c'\n"), ({"a": "{}"}, "a: '{}'\n"),
    ({"a": "one\ntwo"}, "a: |-\n  one\n  two\n"), ({"a": "one\ntwo\n"}, "a: |\n  one\n  two\n"), ({"a": "one \ntwo"}, 'a: "one \\ntwo"\n'),
    ({"a": 1.5, "b": 1234567.5, "c": 1e-7}, "a: 1.5\nb: 1.2345675e+06\nc: 1e-07\n"),
    ({"a10": 1, "a9": 1, "a": 1, "A": 1, "1": 1, "_": 1, "a09": 1}, '_: 1\n"1": 1\nA: 1\na: 1\na9: 1\na09: 1\na10: 1\n'),
    ({"n": "no", "y": 1}, '"n": "no"\n"y": 1\n'),
    ({"a": "word " * 20 + "end"}, "a: " + ("word " * 16).rstrip() + "\n  " + "word " * 4 + "end\n"),
    ({"a": "and so on..."}, "a: and so on...\n"),
    ("alone", "alone\n"),
    ("alone...", "alone...\n"),
])
def test_yaml_is_written_as_upstream_does(document: Any, text: str) -> None:
    assert dump_yaml(document).decode() == text
    assert load_yaml(text.encode()) == document
