"""Requests that no client means are refused in the API's own form, and nothing of them is kept."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import ssl
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from minikube_py.core import limits

from ..apiextensions.test_custom_resources import DEFINITIONS, WIDGETS, define, definition, version, widget
from ..lab import Answer, Lab

pytestmark = pytest.mark.fuzz
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
REVISIONS = "/apis/apps/v1/namespaces/default/controllerrevisions"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def body(document: dict[str, Any], levels: int) -> bytes:
    """The document as JSON, with so many levels where it says DEEP; Python itself cannot write them."""
    return json.dumps(document).encode().replace(b'"DEEP"', b'{"a":' * levels + b"1" + b"}" * levels)


def refused(answer: Answer) -> None:
    assert 400 <= answer.status < 500, answer.body[:300]
    assert (answer.json["kind"], answer.json["code"]) == ("Status", answer.status)


@pytest.mark.parametrize("levels", [limits.DOCUMENT_LEVELS_MAX, 350, 500, 5_000, 50_000])
@pytest.mark.parametrize("content_type", ["application/json", "application/yaml"])
async def test_objects_that_are_too_deep_are_refused(lab: Lab, levels: int, content_type: str) -> None:
    await define(lab, definition(version(schema=FREE)))
    headers = {"Content-Type": content_type}
    custom = body({**widget(), "spec": "DEEP"}, levels)
    built_in = body({"metadata": {"name": "r"}, "revision": 1, "data": "DEEP"}, levels)
    for query in ("", "?fieldValidation=Ignore", "?fieldValidation=Strict"):
        refused(await lab.send("POST", WIDGETS + query, body=custom, headers=headers))
        refused(await lab.send("POST", REVISIONS + query, body=built_in, headers=headers))
    assert (await lab.get(WIDGETS)).json["items"] == (await lab.get(REVISIONS)).json["items"] == []


async def test_what_is_as_deep_as_may_be_is_kept_and_read_in_every_form(lab: Lab) -> None:
    await define(lab, definition(version(schema=FREE)))
    deep = {**widget(), "spec": nested(limits.DOCUMENT_LEVELS_MAX - 10)}
    assert (await lab.send("POST", WIDGETS, deep)).status == 201
    for accept in ("application/json", "application/yaml", "application/json;as=Table;v=v1;g=meta.k8s.io"):
        assert (await lab.get(f"{WIDGETS}/w", Accept=accept)).status == 200
        assert (await lab.get(WIDGETS, Accept=accept)).status == 200
    patch = {"Content-Type": "application/merge-patch+json"}
    assert (await lab.send("PATCH", f"{WIDGETS}/w", {"metadata": {"labels": {"a": "b"}}}, headers=patch)).status == 200
    assert (await lab.send("DELETE", f"{WIDGETS}/w")).status == 200


@pytest.mark.parametrize("patch_type", [
    "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml",
])
async def test_patches_make_nothing_too_deep(lab: Lab, patch_type: str) -> None:
    await define(lab, definition(version(schema=FREE)))
    made = (await lab.send("POST", WIDGETS, {**widget(), "spec": nested(150)})).json
    deep: Any = {**widget(), "spec": "DEEP"}
    if patch_type.startswith("application/json-patch"):
        deep = [{"op": "add", "path": "/spec" + "/a" * 150, "value": "DEEP"}]
    for levels in (150, 400, 5_000):
        if levels == 150 and "json-patch" not in patch_type:
            continue
        for query in ("?fieldManager=f", "?fieldManager=f&fieldValidation=Ignore"):
            refused(await lab.send("PATCH", f"{WIDGETS}/w{query}", body=body(deep, levels), headers={"Content-Type": patch_type}))
    assert (await lab.get(f"{WIDGETS}/w")).json == made


async def test_schemas_that_are_too_deep_are_refused(lab: Lab) -> None:
    schema = b'{"type":"object","properties":{"a":' * 300 + b'{"type":"object"}' + b"}}" * 300
    document = json.dumps(definition(version(schema="DEEP"))).encode().replace(b'"DEEP"', schema)
    refused(await lab.send("POST", DEFINITIONS, body=document, headers={"Content-Type": "application/json"}))


async def raw(lab: Lab, head: bytes, sent: bytes = b"") -> bytes:
    """The answer to bytes that no HTTP library would send."""
    url = urlsplit(lab.url)
    tls: ssl.SSLContext = lab.admin_tls
    reader, writer = await asyncio.open_connection(url.hostname, url.port, ssl=tls, server_hostname=url.hostname)
    writer.write(head + b"Host: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(sent) + sent)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.parametrize("header", [
    b"Impersonate-User: \xff\xfe", b"Impersonate-User: jane\r\nImpersonate-Group: \xc0",
    b"Impersonate-User: j\r\nImpersonate-Extra-a: \xed\xa0\x80",
    b"Authorization: Bearer \xff.\xff.\xff", b"Accept: \xff/\xfe", b"User-Agent: \xff",
])
async def test_headers_that_are_no_text_are_no_internal_error(lab: Lab, header: bytes) -> None:
    answer = await raw(lab, b"GET /api/v1/namespaces/default/pods HTTP/1.1\r\n" + header + b"\r\n")
    status = int(answer.split(b" ", 2)[1])
    assert status < 500, answer[:300]
    assert b"application/json" in answer


@pytest.mark.parametrize("part", [b"\xff\xfe", b"[" * 2_000, b'{"alg":"\xff"}', b"{}"])
async def test_tokens_that_are_none_are_unauthorized(lab: Lab, part: bytes) -> None:
    coded = base64.urlsafe_b64encode(part).rstrip(b"=").decode()
    good = base64.urlsafe_b64encode(b'{"alg":"RS256","kid":"x"}').rstrip(b"=").decode()
    connector = aiohttp.TCPConnector(ssl=lab.anonymous_tls)
    async with aiohttp.ClientSession(base_url=lab.url, connector=connector) as stranger:
        for token in (f"{coded}.{coded}.{coded}", f"{good}.{coded}.{coded}"):
            answer = await lab.send("GET", CONFIG_MAPS, headers={"Authorization": f"Bearer {token}"}, session=stranger)
            assert answer.status == 401, answer.body


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
async def test_bodies_are_taken_as_they_come(lab: Lab, coding: str) -> None:
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    document = json.dumps({"metadata": {"name": "packed"}}).encode()
    refused(await lab.send("POST", CONFIG_MAPS, body=gzip.compress(document), headers=headers))
    assert (await lab.send("POST", CONFIG_MAPS, body=document, headers=headers)).status == 201
