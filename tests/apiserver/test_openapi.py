"""OpenAPI documents are complete, cacheable, follow custom resources, and satisfy a stock kubectl."""

from __future__ import annotations

import asyncio
import gzip
import importlib.machinery
import importlib.util
import json
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from minikube_py.apis.apiextensions_v1 import JSONSchemaProps
from minikube_py.apis.resources import BY_GVR, GROUP_VERSIONS, MODIFY, RESOURCES, ResourceType, Subresource
from minikube_py.apiserver.discovery import Discovery
from minikube_py.apiserver.http import discovery as discovery_http
from minikube_py.apiserver.http.query import Query
from minikube_py.apiserver.openapi import V2_PROTOBUF, OpenApi, OpenApiResponse
from minikube_py.apiserver.openapi_archive import Archive
from minikube_py.apiserver.openapi_custom import CustomResource
from minikube_py.apiserver.openapi_document import references

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import build_openapi  # noqa: E402

WIDGETS = ResourceType(
    "example.com",
    "v1",
    "widgets",
    "widget",
    "Widget",
    True,
    subresources=(Subresource("scale", "autoscaling", "v1", "Scale", MODIFY),),
)
WIDGET_SCHEMA = {
    "type": "object",
    "description": "Widget turns things.",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "port": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
                "teeth": {"type": "integer", "description": "How many teeth it has.", "minimum": 3, "default": 12},
                "colour": {"type": "string", "nullable": True, "enum": ["red", "blue"]},
            },
        }
    },
}
WIDGET = CustomResource(WIDGETS, msgspec.convert(WIDGET_SCHEMA, JSONSchemaProps), (".spec.teeth", ".spec.colour"))


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    directory = tmp_path_factory.mktemp("openapi")
    build_openapi.build(directory)
    return Archive(directory)


@pytest.fixture
def openapi(archive: Archive) -> OpenApi:
    return OpenApi(archive)


async def get(openapi: OpenApi, path: str, query: dict[str, str] | None = None, **headers: str) -> OpenApiResponse:
    response = await openapi.respond(path, query or {}, **headers)
    assert response is not None
    return response


async def fetch(openapi: OpenApi, path: str) -> Any:
    response = await get(openapi, path)
    assert response.status == 200
    return json.loads(response.body)


async def test_the_index_names_every_served_group_version_by_its_hash(openapi: OpenApi) -> None:
    paths = (await fetch(openapi, "/openapi/v3"))["paths"]
    assert {resource.api_prefix.removeprefix("/") for resource in RESOURCES} <= set(paths)
    assert {"api", "apis", "apis/apps", "version"} <= set(paths)
    assert "meta" not in paths
    url, _, digest = paths["apis/apps/v1"]["serverRelativeURL"].partition("?hash=")
    response = await get(openapi, url, {"hash": digest})
    assert (response.status, response.headers["ETag"]) == (200, f'"{digest}"')


async def test_every_document_holds_exactly_the_schemas_that_it_refers_to(openapi: OpenApi) -> None:
    for path in (await fetch(openapi, "/openapi/v3"))["paths"]:
        document = await fetch(openapi, f"/openapi/v3/{path}")
        assert document["openapi"] == "3.0.0"
        schemas = document["components"]["schemas"]
        assert references(document) <= set(schemas), path


@pytest.mark.parametrize(("group", "version"), GROUP_VERSIONS)
async def test_every_resource_has_its_operations(openapi: OpenApi, group: str, version: str) -> None:
    for resource in (r for r in RESOURCES if (r.group, r.version) == (group, version)):
        paths = (await fetch(openapi, f"/openapi/v3{resource.api_prefix}"))["paths"]
        collection = resource.collection_path("{namespace}")
        item = f"{collection}/{{name}}"
        methods = {"list": (collection, "get"), "create": (collection, "post"), "deletecollection": (collection, "delete")}
        methods |= {"get": (item, "get"), "update": (item, "put"), "patch": (item, "patch"), "delete": (item, "delete")}
        for verb in resource.verbs:
            if verb != "watch":
                path, method = methods[verb]
                gvk = paths[path][method]["x-kubernetes-group-version-kind"]
                assert gvk == {"group": group, "version": version, "kind": resource.kind}
        if "patch" in resource.verbs:
            names = {parameter["name"] for parameter in paths[item]["patch"]["parameters"]}
            assert {"dryRun", "fieldValidation", "fieldManager", "force"} == names
        if "watch" in resource.verbs:
            assert item.replace(resource.api_prefix, f"{resource.api_prefix}/watch") in paths
        assert all(f"{item}/{sub.name}" in paths for sub in resource.subresources)


async def test_operation_ids_are_unique_and_upstreams(openapi: OpenApi) -> None:
    swagger = await fetch(openapi, "/openapi/v2")
    ids = [o["operationId"] for item in swagger["paths"].values() for key, o in item.items() if key != "parameters"]
    assert len(ids) == len(set(ids))
    assert {
        "listCoreV1NamespacedPod",
        "listCoreV1PodForAllNamespaces",
        "readAppsV1NamespacedDeploymentScale",
        "createCoreV1NamespacedServiceAccountToken",
        "deleteRbacAuthorizationV1CollectionClusterRole",
        "connectCoreV1GetNamespacedPodExec",
        "connectCoreV1PostNodeProxyWithPath",
        "patchFlowcontrolApiserverV1FlowSchemaStatus",
        "getAppsV1APIResources",
    } <= set(ids)


async def test_schemas_carry_what_patches_and_explain_need(openapi: OpenApi) -> None:
    schemas = (await fetch(openapi, "/openapi/v3/api/v1"))["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["x-kubernetes-list-map-keys"] == ["name"]
    assert containers["type"] == "array"
    metadata = schemas["io.k8s.api.core.v1.Pod"]["properties"]["metadata"]
    assert metadata["allOf"] == [{"$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]
    assert "enum" not in schemas["io.k8s.api.core.v1.Pod"]["properties"]["kind"]
    definitions = (await fetch(openapi, "/openapi/v2"))["definitions"]
    metadata = definitions["io.k8s.api.core.v1.Pod"]["properties"]["metadata"]
    assert metadata["$ref"] == "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
    assert definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"]["format"] == "int-or-string"
    assert "components/schemas" not in json.dumps(definitions)


POD = "/api/v1/namespaces/{namespace}/pods/{name}"
LIST = "allowWatchBookmarks continue fieldSelector labelSelector limit resourceVersion resourceVersionMatch sendInitialEvents shardSelector"


@pytest.mark.parametrize(("path", "method", "parameters", "answers", "description"), [
    ("/api/v1/pods", "get", f"{LIST} timeoutSeconds watch pretty", "200 PodList", "list or watch objects of kind Pod"),
    ("/api/v1/componentstatuses", "get", f"{LIST} timeoutSeconds watch pretty", "200 ComponentStatusList",
     "list objects of kind ComponentStatus"),
    (POD, "get", "name namespace pretty", "200 Pod", "read the specified Pod"),
    (POD, "put", "name namespace pretty dryRun fieldManager fieldValidation", "200 201 Pod", "replace the specified Pod"),
    (POD, "delete", "name namespace pretty dryRun gracePeriodSeconds ignoreStoreReadErrorWithClusterBreakingPotential orphanDependents "
     "propagationPolicy", "200 202 Pod", "delete a Pod"),
    ("/api/v1/nodes/{name}", "delete", "name pretty dryRun gracePeriodSeconds ignoreStoreReadErrorWithClusterBreakingPotential "
     "orphanDependents propagationPolicy", "200 202 Status", "delete a Node"),
    (f"{POD}/eviction", "post", "name namespace pretty dryRun fieldManager fieldValidation", "200 201 202 Eviction",
     "create eviction of a Pod"),
    (f"{POD}/log", "get", "name namespace pretty container follow insecureSkipTLSVerifyBackend limitBytes previous sinceSeconds stream "
     "tailLines timestamps", "200 string", "read log of the specified Pod"),
    (f"{POD}/exec", "post", "name namespace command container stderr stdin stdout tty", "200 string",
     "connect POST requests to exec of Pod"),
    ("/api/v1/nodes/{name}/proxy/{path}", "head", "name path path", "200 string", "connect HEAD requests to proxy of Node"),
    ("/api/v1/namespaces/{namespace}/endpoints", "post", "namespace pretty dryRun fieldManager fieldValidation", "200 201 202 Endpoints",
     "create Endpoints"),
])  # fmt: skip
async def test_operations_are_upstreams(openapi: OpenApi, path: str, method: str, parameters: str, answers: str, description: str) -> None:
    item = (await fetch(openapi, "/openapi/v3/api/v1"))["paths"][path]
    operation = item[method]
    described = [*operation.get("parameters", []), *item.get("parameters", [])]
    assert sorted(parameter["name"] for parameter in described) == sorted(parameters.split())
    *codes, kind = answers.split()
    assert [*operation["responses"]] == [*codes, "401"]
    schemas = [media["schema"] for code in codes for media in operation["responses"][code]["content"].values()]
    assert {schema.get("type") or schema["$ref"].rsplit(".", 1)[1] for schema in schemas} == {kind}
    assert operation["description"] == description


async def test_v2_refers_to_shared_parameters_by_upstreams_names(openapi: OpenApi) -> None:
    """The names are hashes of the parameters, so equal names say that every word of them is upstream's."""
    document = await fetch(openapi, "/openapi/v2")
    names = set(document["parameters"])
    assert {
        "allowWatchBookmarks-HC2hJt-J", "body-2Y1dVQaQ", "body-78PwaGsr", "container-1GeXxFDC", "container-_Q-EJ3nR", "container-i5dOmRiM",
        "continue-QfD61s0i", "fieldManager-7c6nTn1T", "fieldManager-Qy4HdaTW", "gracePeriodSeconds--K5HaBOS", "labelSelector-5Zw57w4C",
        "limit-1NfNmdNH", "namespace-vgWSWtn3", "path-QCf0eosM", "path-oPbzgLUj", "path-rFDtV0x9", "path-z6Ciiujn", "pretty-tJGM1-ng",
        "sendInitialEvents-rLXlEK_k", "stdout-005YMKE6", "timeoutSeconds-yvYezaOC", "tty-g7MlET_l", "tty-s0flW37O", "watch-XNNPZGbK",
    } <= names  # fmt: skip
    post = document["paths"]["/api/v1/namespaces/{namespace}/pods"]["post"]
    assert [parameter.get("name") for parameter in post["parameters"]] == ["body", "dryRun", None, "fieldValidation"]
    assert post["produces"] == ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
    text = json.dumps(document)
    for words in ("list of returned", "List of services", "Watch for changes to the described resources"):
        assert words in text


async def test_parameters_that_all_operations_of_a_path_have_are_named_once(openapi: OpenApi) -> None:
    paths = (await fetch(openapi, "/openapi/v3/api/v1"))["paths"]
    assert [parameter["name"] for parameter in paths[POD]["parameters"]] == ["name", "namespace", "pretty"]
    bindings = paths["/api/v1/namespaces/{namespace}/bindings"]
    assert "parameters" not in bindings["post"]
    assert [p["name"] for p in bindings["parameters"]] == ["dryRun", "fieldManager", "fieldValidation", "namespace", "pretty"]


async def test_schemas_state_defaults_and_enumerations(openapi: OpenApi) -> None:
    schemas = (await fetch(openapi, "/openapi/v3/api/v1"))["components"]["schemas"]
    core = "io.k8s.api.core.v1."
    protocol = schemas[core + "ContainerPort"]["properties"]["protocol"]
    assert (protocol["default"], protocol["enum"]) == ("TCP", ["SCTP", "TCP", "UDP"])
    assert protocol["description"].endswith('Possible enum values:\n - `"SCTP"`\n - `"TCP"`\n - `"UDP"`')
    claim = schemas[core + "PersistentVolumeClaimSpec"]["properties"]
    assert claim["accessModes"]["items"]["enum"][0] == "ReadOnlyMany"
    assert claim["resources"]["default"] == {}
    pod = schemas[core + "PodSpec"]["properties"]
    assert pod["containers"]["items"] == {"allOf": [{"$ref": f"#/components/schemas/{core}Container"}], "default": {}}
    assert "default" not in pod["securityContext"]
    assert schemas[core + "Container"]["properties"]["name"]["default"] == ""
    assert '"default"' not in json.dumps((await fetch(openapi, "/openapi/v2"))["definitions"][core + "ContainerPort"])


async def test_meta_kinds_are_those_of_every_group(openapi: OpenApi) -> None:
    schemas = (await fetch(openapi, "/openapi/v3/apis/apps/v1"))["components"]["schemas"]
    kinds = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]["x-kubernetes-group-version-kind"]
    assert {"group": "", "version": "v1", "kind": "DeleteOptions"} in kinds
    assert {"group": "policy", "version": "v1beta1", "kind": "DeleteOptions"} in kinds


async def test_a_document_asked_for_by_its_hash_may_be_kept_for_good(openapi: OpenApi) -> None:
    plain = await get(openapi, "/openapi/v3/apis/batch/v1")
    assert "Cache-Control" not in plain.headers
    digest = plain.headers["ETag"].strip('"')
    hashed = await get(openapi, "/openapi/v3/apis/batch/v1", {"hash": digest})
    assert hashed.headers["Cache-Control"] == "public, immutable"
    assert hashed.headers["Expires"].endswith("GMT")
    assert "Accept" in hashed.headers["Vary"]


async def test_an_outdated_hash_is_sent_on_to_the_current_one(openapi: OpenApi) -> None:
    digest = (await get(openapi, "/openapi/v3/apis/batch/v1")).headers["ETag"].strip('"')
    response = await get(openapi, "/openapi/v3/apis/batch/v1", {"hash": "ABC"})
    assert (response.status, response.headers["Location"]) == (301, f"/openapi/v3/apis/batch/v1?hash={digest}")


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3", "/openapi/v3/api/v1"])
async def test_a_client_that_has_the_document_gets_304(openapi: OpenApi, path: str) -> None:
    etag = (await get(openapi, path)).headers["ETag"]
    response = await get(openapi, path, if_none_match=f'"other", W/{etag}')
    assert (response.status, response.body, response.headers["ETag"]) == (304, b"", etag)
    assert (await get(openapi, path, if_none_match='"other"')).status == 200


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi/v3/api/v1"])
async def test_gzip_is_sent_to_those_who_take_it(openapi: OpenApi, path: str) -> None:
    packed = await get(openapi, path, accept_encoding="br, gzip;q=0.8")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == (await get(openapi, path)).body
    for refusing in ("", "identity", "gzip;q=0"):
        assert "Content-Encoding" not in (await get(openapi, path, accept_encoding=refusing)).headers


async def test_only_offered_representations_are_sent(openapi: OpenApi) -> None:
    assert (await get(openapi, "/openapi/v3/api/v1", accept="application/xml")).status == 406
    assert (await get(openapi, "/openapi/v3", accept="text/html")).status == 200
    assert (await get(openapi, "/openapi/v2", accept="application/xml")).status == 406
    fallback = await get(openapi, "/openapi/v2", accept=f"{V2_PROTOBUF};q=0.5, application/json")
    assert fallback.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("path", ["/openapi/v3/apis/nothing/v1", "/openapi/v1", "/openapi/v3/meta", "/openapi"])
async def test_what_is_not_served_has_no_document(openapi: OpenApi, path: str) -> None:
    assert await openapi.respond(path, {}) is None


async def test_custom_resources_are_published_and_withdrawn(openapi: OpenApi) -> None:
    before = await get(openapi, "/openapi/v2")
    openapi.publish("example.com", "v1", [WIDGET])
    assert "apis/example.com/v1" in (await fetch(openapi, "/openapi/v3"))["paths"]
    document = await fetch(openapi, "/openapi/v3/apis/example.com/v1")
    assert (document["info"]["title"], set(document["components"])) == ("Kubernetes CRD Swagger", {"schemas"})
    schemas = document["components"]["schemas"]
    assert references(document) <= set(schemas)
    widget = schemas["com.example.v1.Widget"]
    assert widget["x-kubernetes-group-version-kind"] == [{"group": "example.com", "version": "v1", "kind": "Widget"}]
    assert widget["x-kubernetes-selectable-fields"] == [{"fieldPath": "spec.teeth"}, {"fieldPath": "spec.colour"}]
    assert {"apiVersion", "kind", "metadata", "spec"} == set(widget["properties"])
    assert "/apis/example.com/v1/widgets" in (await fetch(openapi, "/openapi/v2"))["paths"]

    openapi.withdraw("example.com", "v1")
    assert await openapi.respond("/openapi/v3/apis/example.com/v1", {}) is None
    assert (await get(openapi, "/openapi/v2")).headers["ETag"] == before.headers["ETag"]


async def test_operations_of_custom_resources_are_upstreams(openapi: OpenApi) -> None:
    openapi.publish("example.com", "v1", [WIDGET])
    paths = (await fetch(openapi, "/openapi/v3/apis/example.com/v1"))["paths"]
    collection = "/apis/example.com/v1/namespaces/{namespace}/widgets"
    assert set(paths) == {"/apis/example.com/v1/widgets", collection, f"{collection}/{{name}}", f"{collection}/{{name}}/scale"}
    operations = {o["operationId"]: o for item in paths.values() for method, o in item.items() if method != "parameters"}
    assert set(operations) == {
        "listExampleComV1WidgetForAllNamespaces", "listExampleComV1NamespacedWidget", "createExampleComV1NamespacedWidget",
        "deleteExampleComV1CollectionNamespacedWidget", "readExampleComV1NamespacedWidget", "replaceExampleComV1NamespacedWidget",
        "patchExampleComV1NamespacedWidget", "deleteExampleComV1NamespacedWidget", "readExampleComV1NamespacedWidgetScale",
        "replaceExampleComV1NamespacedWidgetScale", "patchExampleComV1NamespacedWidgetScale",
    }
    patch = operations["patchExampleComV1NamespacedWidget"]
    assert set(patch["requestBody"]["content"]) == {
        "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    }
    assert set(patch["responses"]) == {"200", "401"}
    assert patch["description"] == "partially update the specified Widget"
    assert [p["name"] for p in operations["readExampleComV1NamespacedWidget"]["parameters"]] == ["resourceVersion"]


async def test_a_custom_resource_without_schema_takes_anything(openapi: OpenApi) -> None:
    openapi.publish("example.com", "v1", [CustomResource(WIDGETS)])
    document = await fetch(openapi, "/openapi/v3/apis/example.com/v1")
    kind = [{"group": "example.com", "version": "v1", "kind": "Widget"}]
    assert document["components"]["schemas"]["com.example.v1.Widget"] == {"type": "object", "x-kubernetes-group-version-kind": kind}


async def test_publishing_changes_the_v2_document_in_both_forms(openapi: OpenApi) -> None:
    tags = set()
    for accept in ("application/json", V2_PROTOBUF):
        tags.add((await get(openapi, "/openapi/v2", accept=accept)).headers["ETag"])
    openapi.publish("example.com", "v1", [WIDGET])
    for accept in ("application/json", V2_PROTOBUF):
        tags.add((await get(openapi, "/openapi/v2", accept=accept)).headers["ETag"])
    assert len(tags) == 4


def test_equal_inputs_are_built_to_equal_bytes(archive: Archive, tmp_path: Path) -> None:
    build_openapi.build(tmp_path)
    rebuilt = Archive(tmp_path)
    assert rebuilt.hashes() == archive.hashes()
    assert rebuilt.read("v2") == archive.read("v2")


def test_the_documents_stay_small(tmp_path: Path) -> None:
    assert build_openapi.build(tmp_path) < 1_000_000


@pytest.mark.parametrize("installed", [False, True])
def test_a_build_dependency_that_lacks_the_release_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, installed: bool) -> None:
    (tmp_path / "kubernetes-json-schema" / "v1.35.0-local").mkdir(parents=True)
    spec = importlib.machinery.ModuleSpec("kubernetes_validate", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if installed else None)
    with pytest.raises(build_openapi.BuildError, match=r"1\.36\.0.*v1\.35\.0-local" if installed else "not installed"):
        build_openapi.build(tmp_path / "out")


class Server:
    """Serves discovery, OpenAPI and one Deployment on loopback, and keeps the requests that would change something."""

    def __init__(self, openapi: OpenApi) -> None:
        self.discovery = Discovery()
        self.openapi = openapi
        self.objects: dict[str, Any] = {}
        self.writes: list[tuple[str, str, dict[str, str], Any]] = []
        self.port = 0

    async def handle(self, request: web.Request) -> web.Response:
        if request.method != "GET":
            return await self._write(request)
        found = discovery_http.respond(self.discovery, request, request.path, Query(request.query_string))
        if found is not None:
            return found
        headers = request.headers
        answer = await self.openapi.respond(
            request.path,
            request.query,
            accept=headers.get("Accept", ""),
            accept_encoding=headers.get("Accept-Encoding", ""),
            if_none_match=headers.get("If-None-Match", ""),
        )
        if answer is not None:
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        if request.path in self.objects:
            return web.json_response(self.objects[request.path])
        return web.json_response({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}, status=404)

    async def _write(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.writes.append((request.method, request.content_type, dict(request.query), body))
        if request.method == "POST":
            self.objects[f"{request.path}/{body['metadata']['name']}"] = body
        return web.json_response(body if request.method == "POST" else self.objects[request.path])

    async def kubectl(self, directory: Path, *arguments: str, stdin: str = "") -> str:
        """Run kubectl against this server and return what it prints; it must succeed."""
        program = shutil.which("kubectl")
        assert program is not None, "kubectl is not on PATH; this test shows that a stock kubectl is served"
        process = await asyncio.create_subprocess_exec(
            program,
            f"--server=http://127.0.0.1:{self.port}",
            f"--cache-dir={directory / 'cache'}",
            *arguments,
            env={"HOME": str(directory), "KUBECONFIG": str(directory / "none"), "PATH": "/usr/bin:/bin"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate(stdin.encode())
        assert process.returncode == 0, err.decode()
        return out.decode()


@pytest.fixture
async def server(openapi: OpenApi) -> AsyncIterator[Server]:
    served = Server(openapi)
    application = web.Application()
    application.router.add_route("*", "/{tail:.*}", served.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    served.port = runner.addresses[0][1]
    yield served
    await runner.cleanup()


async def test_kubectl_explains_builtin_types(server: Server, tmp_path: Path) -> None:
    text = await server.kubectl(tmp_path, "explain", "deployment.spec.strategy", "--recursive")
    assert "GROUP:      apps" in text and "KIND:       Deployment" in text
    assert "rollingUpdate\t<RollingUpdateDeployment>" in text
    assert "maxSurge\t<IntOrString>" in text
    assert "FIELDS:" in await server.kubectl(tmp_path, "explain", "pods.spec.containers.resources")


async def test_kubectl_explains_custom_types(server: Server, tmp_path: Path) -> None:
    server.openapi.publish("example.com", "v1", [WIDGET])
    server.discovery.add_group_version("example.com", "v1", [WIDGETS])
    text = await server.kubectl(tmp_path, "explain", "widgets.spec")
    assert "KIND:       Widget" in text
    assert "How many teeth it has." in text


async def test_kubectl_reads_the_protobuf_form_of_v2(server: Server, tmp_path: Path) -> None:
    text = await server.kubectl(tmp_path, "explain", "cronjob.spec", "--output=plaintext-openapiv2")
    assert "schedule" in text and "The schedule in Cron format" in text


async def test_kubectl_knows_every_resource(server: Server, tmp_path: Path) -> None:
    lines = (await server.kubectl(tmp_path, "api-resources", "--no-headers", "-o", "name")).split()
    assert sorted(lines) == sorted({resource.group_resource for resource in RESOURCES})
    assert "pods" in await server.kubectl(tmp_path, "api-resources", "--categories=all", "-o", "name")
    assert BY_GVR["apps", "v1", "deployments"].group_version in await server.kubectl(tmp_path, "api-versions")


def deployment(image: str) -> str:
    container = {"name": "web", "image": image}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
    return json.dumps({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "default"}, "spec": spec})


async def test_kubectl_leaves_validation_to_the_server_and_merges_by_key(server: Server, tmp_path: Path) -> None:
    await server.kubectl(tmp_path, "apply", "-f", "-", stdin=deployment("one"))
    await server.kubectl(tmp_path, "apply", "-f", "-", stdin=deployment("two"))
    created, patched = server.writes
    assert created[0] == "POST" and created[2]["fieldValidation"] == "Strict"
    assert patched[:2] == ("PATCH", "application/strategic-merge-patch+json")
    assert patched[2]["fieldValidation"] == "Strict"
    template = patched[3]["spec"]["template"]["spec"]
    assert template["containers"] == [{"image": "two", "name": "web"}]
    assert template["$setElementOrder/containers"] == [{"name": "web"}]


async def test_kubectl_dry_runs_on_the_server(server: Server, tmp_path: Path) -> None:
    await server.kubectl(tmp_path, "create", "--dry-run=server", "-f", "-", stdin=deployment("one"))
    assert server.writes[0][2]["dryRun"] == "All"
