"""What the server answers obeys the OpenAPI documents that it serves."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from minikube_py.apis.resources import RESOURCES
from minikube_py.apiserver.api_services import builtin_services

from .apiextensions.definitions import definition, version
from .lab import Lab, until

SCHEMA = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {"port": {"x-kubernetes-int-or-string": True}, "replicas": {"type": "integer"}, "note": {"type": "string"}},
        },
        "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    },
}
SCALE = {"scale": {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}, "status": {}}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]}}
PORT = {"port": 80, "targetPort": "web"}
OBJECTS: list[tuple[str, dict[str, Any]]] = [
    ("/api/v1/namespaces/default/pods", {"apiVersion": "v1", "kind": "Pod", "spec": TEMPLATE["spec"]}),
    ("/api/v1/namespaces/default/services", {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [PORT], "selector": {"a": "b"}}}),
    ("/api/v1/namespaces/default/secrets", {"apiVersion": "v1", "kind": "Secret", "data": {"k": "dg=="}}),
    ("/apis/apps/v1/namespaces/default/deployments", {
        "apiVersion": "apps/v1", "kind": "Deployment", "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE},
    }),
    ("/apis/example.com/v1/namespaces/default/widgets", {
        "apiVersion": "example.com/v1", "kind": "Widget", "spec": {"port": "web", "replicas": 2, "note": "n"}, "status": {"free": 1},
    }),
]  # fmt: skip


class Documents:
    """The served documents, and a check of answers against them."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._documents: dict[str, Any] = {}

    def obeys(self, answer: Any, prefix: str, schema: Any) -> None:
        """Raises: jsonschema.ValidationError."""
        jsonschema.Draft202012Validator({**schema, "components": self._documents[prefix]["components"]}).validate(answer)

    def schema(self, template: str, prefix: str) -> Any:
        """What a client may send to a collection."""
        body = self._documents[prefix]["paths"][template]["post"]["requestBody"]["content"]
        return next(iter(body.values()))["schema"]

    async def check(self, path: str, template: str, prefix: str, method: str = "get", body: Any = None) -> Any:
        """Send a request and return its answer, which must be as the operation at `template` says."""
        if prefix not in self._documents:
            self._documents[prefix] = (await self._lab.get(f"/openapi/v3{prefix}")).json
        document = self._documents[prefix]
        answer = await self._lab.send(method.upper(), path, body)
        response = document["paths"][template][method]["responses"][str(answer.status)]
        self.obeys(answer.json, prefix, response["content"]["application/json"]["schema"])
        return answer.json


async def test_lists_objects_and_discovery_obey_the_documents(lab: Lab) -> None:
    await lab.client.create(definition(versions=[version("v1", schema=SCHEMA, subresources=SCALE)]))
    await lab.client.create(builtin_services()[1])
    await until(lambda: lab.api.discovery.legacy("/apis/example.com") is not None)
    documents = Documents(lab)
    for path, document in OBJECTS:
        prefix = path.partition("/namespaces")[0]
        template = path.replace("/default/", "/{namespace}/")
        made = await documents.check(path, template, prefix, "post", {**document, "metadata": {"name": "x", "namespace": "default"}})
        assert made["metadata"]["uid"]
        await documents.check(f"{path}/x", f"{template}/{{name}}", prefix)
        await documents.check(path, template, prefix)
        await documents.check(f"{path}/x", f"{template}/{{name}}", prefix, "put", made)
        wrong = {**made, "metadata": {**made["metadata"], "generation": "one"}}
        with pytest.raises(jsonschema.ValidationError):
            documents.obeys(wrong, prefix, documents.schema(template, prefix))
        if document["kind"] in ("Deployment", "Widget"):
            await documents.check(f"{path}/x/scale", f"{template}/{{name}}/scale", prefix)
    for resource in RESOURCES:
        if "list" in resource.verbs:
            await documents.check(resource.collection_path(), resource.collection_path(), resource.api_prefix)
    for prefix in dict.fromkeys(resource.api_prefix for resource in RESOURCES):
        await documents.check(prefix, f"{prefix}/", prefix)
    for path in ("/api", "/apis", "/apis/apps", "/version"):
        await documents.check(path, f"{path}/", path)
    for path, _ in OBJECTS:
        prefix = path.partition("/namespaces")[0]
        await documents.check(f"{path}/x", path.replace("/default/", "/{namespace}/") + "/{name}", prefix, "delete")
