"""Whatever a client sends, the answer is never an internal error, but for what upstream calls an error without a reason."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from ..lab import Answer, Lab

pytestmark = pytest.mark.fuzz
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
VALUES = (
    "", "0", "-1", "\u00b2", "9" * 5000, "\x00", "%", "1_0", " 5", "true", "null", "[]", "\u00fc", "a=b", "a in (", ",", "=", "a" * 3000,
)
PARAMETERS = (
    "limit", "continue", "resourceVersion", "resourceVersionMatch", "labelSelector", "fieldSelector", "pretty", "includeObject", "dryRun",
    "fieldValidation", "fieldManager", "gracePeriodSeconds", "propagationPolicy", "orphanDependents",
)
WATCHED = ("resourceVersion", "sendInitialEvents", "resourceVersionMatch", "labelSelector", "allowWatchBookmarks")

# How upstream's errors without a reason begin.
UNREASONED = ("resourceVersion should not be set", "resourceVersion: Invalid value", "strconv.ParseUint: parsing")


def is_meant(answer: Answer) -> bool:
    """Whether an answer is one that upstream gives, too."""
    if answer.status < 500 or (answer.status == 504 and answer.json["reason"] == "Timeout"):
        return True
    return "reason" not in answer.json and answer.json["message"].startswith(UNREASONED)


@pytest.mark.parametrize("parameter", PARAMETERS)
async def test_parameters(lab: Lab, parameter: str) -> None:
    for value in VALUES:
        query = f"?{parameter}={quote(value)}"
        for method, path, document in (
            ("GET", CONFIG_MAPS, None), ("GET", CONFIG_MAPS + "/a", None), ("POST", CONFIG_MAPS, {"metadata": {"name": "a"}}),
            ("PUT", CONFIG_MAPS + "/a", {"metadata": {"name": "a"}}), ("DELETE", CONFIG_MAPS + "/a", None),
        ):
            answer = await lab.send(method, path + query, document)
            assert is_meant(answer), (method, query, answer.body)


@pytest.mark.parametrize("parameter", WATCHED)
async def test_parameters_of_watches(lab: Lab, parameter: str) -> None:
    for value in VALUES:
        answer = await lab.get(f"{CONFIG_MAPS}?watch=1&timeoutSeconds=-1&{parameter}={quote(value)}")
        assert is_meant(answer), (value, answer.body)


@pytest.mark.parametrize("header", [
    "Accept", "Content-Type", "Accept-Encoding", "If-None-Match", "Authorization", "Impersonate-User", "User-Agent",
])
async def test_headers(lab: Lab, header: str) -> None:
    for value in ("", ";", ",", "a/b", "*/*;q=x", "application/json;as=;g=;v=", "Bearer ", "Basic x", "\u00fc", '"', "=" * 5000):
        for path in (CONFIG_MAPS, "/apis", "/openapi/v2", "/metrics", "/healthz"):
            answer = await lab.send("GET", path, headers={header: value})
            assert answer.status < 500, (path, value, answer.body)
        answer = await lab.send("POST", CONFIG_MAPS, body=b"{}", headers={header: value})
        assert answer.status < 500, (value, answer.body)


@pytest.mark.parametrize("path", [
    "//", "/api//", "/api/v1//pods", "/api/v1/namespaces//pods", "/%00", "/api/v1/namespaces/%2e%2e/pods", "/api/v1/pods/%", "/%ff%fe",
    "/api/v1/namespaces/default/pods/" + "x" * 5000, "/apis/apps/v1/namespaces/default/deployments/\u00fc/status",
])
async def test_paths(lab: Lab, path: str) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        answer = await lab.send(method, path, {} if method != "GET" else None)
        assert answer.status < 500, (method, path, answer.body)


DOCUMENTS: tuple[Any, ...] = (
    None, [], {}, 1, "x", {"metadata": None}, {"metadata": {"name": None}}, {"metadata": {"name": "a", "resourceVersion": "\u00b2"}},
    {"metadata": {"name": "a", "resourceVersion": "-1"}}, {"metadata": {"name": "a", "labels": {"": ""}}}, {"kind": "List", "items": []},
    {"metadata": {"name": "a", "finalizers": ["x", "x", ""]}}, {"metadata": {"name": "a", "ownerReferences": [{}]}},
    {"metadata": {"name": "a", "creationTimestamp": "yesterday"}}, {"metadata": {"name": "a", "managedFields": [{}]}},
    {"spec": None, "status": 5}, {"data": {"k": None}}, {"data": {"..": "x"}}, {"metadata": {"generateName": "x" * 300}},
)


@pytest.mark.parametrize("path", [
    CONFIG_MAPS, "/api/v1/namespaces/default/pods", "/api/v1/namespaces/default/services", "/apis/apps/v1/namespaces/default/deployments",
    "/apis/batch/v1/namespaces/default/jobs", "/apis/coordination.k8s.io/v1/namespaces/default/leases", "/api/v1/nodes",
    "/apis/certificates.k8s.io/v1/certificatesigningrequests", "/apis/rbac.authorization.k8s.io/v1/clusterroles",
    "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", "/apis/events.k8s.io/v1/namespaces/default/events",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
])
async def test_documents(lab: Lab, path: str) -> None:
    for document in DOCUMENTS:
        body = json.dumps(document).encode()
        item = path + "/a"
        for method, target in (("POST", path), ("PUT", item), ("PATCH", item), ("PUT", item + "/status"), ("DELETE", item)):
            kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
            answer = await lab.send(method, target, body=body, headers={"Content-Type": kind})
            assert is_meant(answer), (method, document, answer.body)
