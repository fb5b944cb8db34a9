"""What the server tells of itself: to people, and to programs that ask for a version."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aiohttp
import pytest

from minikube_py.apiserver.options import ApiServerArgs

from ..lab import Lab

NOT_ACCEPTABLE = (
    "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf, text/plain"
)


@pytest.mark.parametrize(("path", "accept", "version"), [
    ("statusz", "", ""), ("statusz", "*/*", ""), ("statusz", "text/plain", ""), ("flagz", "text/*", ""),
    ("statusz", "application/json;v=foo;g=config.k8s.io;as=Statusz,*/*", ""),
    ("statusz", "application/json;v=v1beta1;g=config.k8s.io;as=Statusz", "v1beta1"),
    ("flagz", "application/json;v=v1beta1;g=config.k8s.io;as=Flagz", "v1beta1"),
    ("flagz", "application/json;v=v1alpha1;g=config.k8s.io;as=Flagz,application/json;v=v1beta1;g=config.k8s.io;as=Flagz", "v1alpha1"),
    ("statusz", "application/yaml;v=v1beta1;g=config.k8s.io;as=Statusz", "v1beta1"),
    ("statusz", "application/json", "refused"), ("statusz", "application/json;v=v1beta1;g=config.k8s.io", "refused"),
    ("statusz", "application/json;v=v1beta1;g=config.k8s.io;as=Flagz", "refused"), ("flagz", "application/xml", "refused"),
    ("flagz", "text/plain;v=v1beta1;g=config.k8s.io;as=Flagz", "refused"),
])
async def test_the_form_is_negotiated(lab: Lab, path: str, accept: str, version: str) -> None:
    answer = await lab.get(f"/{path}", **({"Accept": accept} if accept else {}))
    if version == "refused":
        assert (answer.status, answer.json["message"]) == (406, NOT_ACCEPTABLE)
        return
    assert answer.status == 200
    if not version:
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.body.startswith(b"\nkube-apiserver %b\nWarning: This endpoint is not meant to be machine parseable" % path.encode())
        return
    assert f"config.k8s.io/{version}".encode() in answer.body
    warned = answer.headers.get("Warning", "")
    assert (warned == f'299 - "This version of the {path} endpoint is deprecated. Please use a newer version."') == (version == "v1alpha1")


async def test_the_status_tells_version_age_and_paths(lab: Lab) -> None:
    status = (await lab.get("/statusz", Accept="application/json;v=v1beta1;g=config.k8s.io;as=Statusz")).json
    assert status["metadata"] == {"name": "kube-apiserver"}
    assert status["binaryVersion"].startswith("1.36.") and status["emulationVersion"] == "1.36"
    assert status["uptimeSeconds"] >= 0 and status["startTime"].endswith("Z")
    assert status["paths"] == ["/flagz", "/healthz", "/livez", "/metrics", "/readyz", "/version"]
    lines = (await lab.get("/statusz")).body.decode().splitlines()[3:]
    assert lines[1].startswith("Started")
    assert lines[-1].endswith("/flagz /healthz /livez /metrics /readyz /version")


async def test_the_flags_are_told_with_their_values(lab: Lab) -> None:
    flags = (await lab.get("/flagz", Accept="application/json;v=v1beta1;g=config.k8s.io;as=Flagz")).json["flags"]
    assert flags["anonymous-auth"] == "true" and flags["token-auth-file"].endswith("tokens.csv")
    lines = (await lab.get("/flagz")).body.decode().splitlines()[3:]
    assert [re.sub("[^a-z0-9-].*", "", line) for line in lines] == sorted(flags)


def test_values_of_flags_are_shown_as_go_shows_them() -> None:
    flags = ApiServerArgs.parse([
        "event-ttl=90m", "profiling=false", "authorization-mode=Node,RBAC", "service-account-key-file=/a", "audit-log-maxage=3",
        "oidc-issuer-url=https://x", "oidc-client-id=y", "oidc-required-claim=a=b", "oidc-required-claim=c=d",
    ]).flags()
    assert {name: flags[name] for name in (
        "event-ttl", "profiling", "authorization-mode", "service-account-key-file", "audit-log-maxage", "oidc-required-claim",
        "audit-webhook-batch-throttle-qps", "audit-policy-file", "shutdown-delay-duration",
    )} == {
        "event-ttl": "1h30m0s", "profiling": "false", "authorization-mode": "[Node,RBAC]", "service-account-key-file": f"[{Path('/a')}]",
        "audit-log-maxage": "3", "oidc-required-claim": "a=b,c=d", "audit-webhook-batch-throttle-qps": "10", "audit-policy-file": "",
        "shutdown-delay-duration": "0s",
    }
    assert json.dumps(flags)


async def test_only_who_may_is_told(lab: Lab) -> None:
    async with aiohttp.ClientSession(lab.url, connector=aiohttp.TCPConnector(ssl=lab.anonymous_tls)) as stranger:
        for path in ("/statusz", "/flagz"):
            assert (await lab.send("GET", path, session=stranger)).status == 403
