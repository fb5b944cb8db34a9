"""URLs become targets."""

from __future__ import annotations

import pytest

from minikube_py.apiserver.http.request_info import RequestInfo, parse


def target(info: RequestInfo) -> tuple[str, ...]:
    return info.verb, info.group, info.version, info.namespace, info.resource, info.name, info.subresource, info.rest


@pytest.mark.parametrize(("method", "path", "wanted"), [
    ("GET", "/api/v1/pods", ("list", "", "v1", "", "pods", "", "", "")),
    ("GET", "/api/v1/namespaces/n/pods/p", ("get", "", "v1", "n", "pods", "p", "", "")),
    ("HEAD", "/api/v1/namespaces/n/pods/p", ("get", "", "v1", "n", "pods", "p", "", "")),
    ("GET", "/api/v1/namespaces/n/pods/p/log", ("get", "", "v1", "n", "pods", "p", "log", "")),
    ("GET", "/api/v1/namespaces/n/services/s:80/proxy/a/b", ("get", "", "v1", "n", "services", "s:80", "proxy", "a/b")),
    ("GET", "/api/v1/namespaces/n/services/s/proxy//a", ("get", "", "v1", "n", "services", "s", "proxy", "/a")),
    ("POST", "/apis/apps/v1/namespaces/n/deployments", ("create", "apps", "v1", "n", "deployments", "", "", "")),
    ("PUT", "/apis/apps/v1/namespaces/n/deployments/d/status", ("update", "apps", "v1", "n", "deployments", "d", "status", "")),
    ("PATCH", "/apis/apps/v1/namespaces/n/deployments/d/scale", ("patch", "apps", "v1", "n", "deployments", "d", "scale", "")),
    ("DELETE", "/apis/apps/v1/namespaces/n/deployments/d", ("delete", "apps", "v1", "n", "deployments", "d", "", "")),
    ("DELETE", "/apis/apps/v1/namespaces/n/deployments", ("deletecollection", "apps", "v1", "n", "deployments", "", "", "")),
    ("GET", "/api/v1/namespaces", ("list", "", "v1", "", "namespaces", "", "", "")),
    ("GET", "/api/v1/namespaces/n", ("get", "", "v1", "n", "namespaces", "n", "", "")),
    ("PUT", "/api/v1/namespaces/n/finalize", ("update", "", "v1", "n", "namespaces", "n", "finalize", "")),
    ("GET", "/api/v1/namespaces/n/status", ("get", "", "v1", "n", "namespaces", "n", "status", "")),
    ("GET", "/api/v1/watch/namespaces/n/pods", ("watch", "", "v1", "n", "pods", "", "", "")),
    ("GET", "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
     ("get", "rbac.authorization.k8s.io", "v1", "", "clusterroles", "system:node", "", "")),
    ("GET", "/api/v1/pods/", ("list", "", "v1", "", "pods", "", "", "")),
    ("GET", "/api/v1/namespaces//pods", ("list", "", "v1", "", "pods", "", "", "")),
    ("GET", "/api/v1//pods", ("get", "", "v1", "", "", "pods", "", "")),
    ("GET", "//api/v1/pods", ("list", "", "v1", "", "pods", "", "", "")),
    ("GET", "/api/v1/namespaces/n/pods/p%2Fexec", ("get", "", "v1", "n", "pods", "p", "exec", "")),
    ("BREW", "/api/v1/pods", ("", "", "v1", "", "pods", "", "", "")),
])
def test_resource_paths(method: str, path: str, wanted: tuple[str, ...]) -> None:
    info = parse(method, path, False)
    assert info.is_resource and target(info) == wanted


def test_watch_is_a_verb_of_its_own() -> None:
    assert parse("GET", "/api/v1/pods", True).verb == "watch"
    assert parse("GET", "/api/v1/watch/namespaces/n/pods/p", False).verb == "watch"
    assert parse("GET", "/api/v1/namespaces/n/pods/p", True).verb == "get"
    assert parse("GET", "/api/v1/namespaces/n/services/s/proxy/x", True).verb == "get"
    assert parse("DELETE", "/api/v1/pods", True).verb == "deletecollection"


@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/healthz", "/API/v1/pods", "//healthz"])
def test_other_paths_are_no_resources(path: str) -> None:
    info = parse("GET", path, False)
    assert not info.is_resource and (info.path, info.verb) == (path, "get")
