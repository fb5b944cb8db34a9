"""Requests to the API as plain documents, of any kind that the server serves.

Owns discovery: which resource a word on the command line means ("po", "deploy.apps", "Deployment").
Source: kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api, client-go restmapper (priority, shortcuts)
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp

from minikube_py.client.connection import Connection
from minikube_py.client.transport import REQUEST_TIMEOUT_S, Params, Transport
from minikube_py.core.errors import ExpiredError, NotAcceptableError, NotFoundError, from_status

from .errors import KubectlError

Document = dict[str, Any]

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
PAGE_OBJECTS = 500


@dataclass(frozen=True, slots=True)
class Resource:
    """One served resource."""

    group: str
    version: str
    plural: str
    singular: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def prefix(self) -> str:
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def group_resource(self) -> str:
        """ "pods", "deployments.apps"."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def print_name(self) -> str:
        """ "pod", "deployment.apps": how messages and `-o name` call it."""
        return f"{self.kind.lower()}.{self.group}" if self.group else self.kind.lower()

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        path = self.prefix
        if namespace and self.namespaced:
            path += f"/namespaces/{namespace}"
        path += f"/{self.plural}"
        if name:
            path += f"/{name}"
        return f"{path}/{subresource}" if subresource else path


class Api:
    """One server, as plain documents."""

    def __init__(self, connection: Connection, request_timeout_s: float = 0.0) -> None:
        self.transport = Transport(
            connection, user_agent="minikube-py-kubectl", request_timeout_s=request_timeout_s or REQUEST_TIMEOUT_S)
        self._resources: list[Resource] | None = None

    async def close(self) -> None:
        await self.transport.close()

    async def request(self, method: str, path: str, *, params: Params = None, body: Any = None, content_type: str = "application/json",
                      accept: str = "application/json") -> Document:
        """Raises: StatusError, OSError."""
        data = json.dumps(body).encode() if body is not None else None
        answer = await self.transport.request(method, path, params=params, body=data, content_type=content_type, accept=accept)
        document: Document = json.loads(answer)
        return document

    async def get(self, resource: Resource, namespace: str, name: str) -> Document:
        document = await self.request("GET", resource.path(namespace, name))
        return document

    async def list_all(self, resource: Resource, namespace: str = "", *, labels: str = "", fields: str = "", chunk: int = PAGE_OBJECTS,
                       accept: str = "application/json") -> Document:
        """A whole list (or Table), its pages joined."""
        params: dict[str, str | int] = {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        if chunk:
            params["limit"] = chunk
        path = resource.path(namespace)
        whole = await self.request("GET", path, params=params, accept=accept)
        token = whole.get("metadata", {}).get("continue")
        rows = "rows" if whole.get("kind") == "Table" else "items"
        while token:
            try:
                page = await self.request("GET", path, params={**params, "continue": token}, accept=accept)
            except ExpiredError as error:
                raise KubectlError("the list changed while it was read; try --chunk-size=0") from error
            whole[rows] = [*(whole.get(rows) or []), *(page.get(rows) or [])]
            whole["metadata"] = page.get("metadata", {})
            token = whole["metadata"].get("continue")
        return whole

    async def watch(self, resource: Resource, namespace: str, *, labels: str = "", fields: str = "", resource_version: str = "",
                    accept: str = "application/json") -> AsyncIterator[Document]:
        """Watch events until the server ends the watch.

        Raises: StatusError also for an ERROR event.
        """
        params: dict[str, str | int] = {"watch": "true"}
        named = (("labelSelector", labels), ("fieldSelector", fields), ("resourceVersion", resource_version))
        params |= {key: value for key, value in named if value}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=15)
        async with self.transport.open("GET", resource.path(namespace), params=params, accept=accept, timeout=timeout) as answer:
            async for frame in self.transport.frames(answer):
                event: Document = json.loads(frame)
                if event["type"] == "ERROR":
                    raise from_status(event["object"])
                yield event

    async def patch(self, resource: Resource, namespace: str, name: str, patch: Any, content_type: str = MERGE_PATCH, *,
                    subresource: str = "", params: Params = None) -> Document:
        path = resource.path(namespace, name, subresource)
        return await self.request("PATCH", path, body=patch, content_type=content_type, params=params)

    # -- discovery ---------------------------------------------------------------------------------------------------------------------

    async def resources(self) -> list[Resource]:
        """All served resources: core first, then groups and versions in the order of the server's preference."""
        if self._resources is None:
            self._resources = await self._discover()
        return self._resources

    async def resource(self, word: str) -> Resource:
        """The resource that a word means: "po", "pods", "Pod", "deploy.apps", "deployments.v1.apps".

        Raises: KubectlError if there is none.
        """
        resources = await self.resources()
        plain, _, qualifier = word.partition(".")
        version, _, group = qualifier.partition(".")
        for match in (
            lambda r: _called(r, word),
            lambda r: bool(qualifier) and _called(r, plain) and r.group == qualifier,
            lambda r: bool(qualifier) and _called(r, plain) and (r.version, r.group) == (version, group),
            lambda r: bool(qualifier) and _called(r, plain) and r.group.startswith(qualifier + "."),
        ):
            found = next((r for r in resources if match(r)), None)
            if found is not None:
                return found
        raise KubectlError(f'the server doesn\'t have a resource type "{word}"')

    async def resource_of(self, document: Document, source: str = "") -> Resource:
        """The resource that serves a document's kind.

        Raises: KubectlError if the server does not know it.
        """
        api_version, kind = document.get("apiVersion", ""), document.get("kind", "")
        for resource in await self.resources():
            if resource.kind == kind and resource.api_version == api_version:
                return resource
        metadata = document.get("metadata", {})
        name, namespace = metadata.get("name", ""), metadata.get("namespace", "")
        raise KubectlError(
            f'resource mapping not found for name: "{name}" namespace: "{namespace}" from "{source}": '
            f'no matches for kind "{kind}" in version "{api_version}"\nensure CRDs are installed first'
        )

    async def category(self, word: str) -> list[Resource]:
        """The resources of a category ("all"); empty if it is none."""
        found: dict[str, Resource] = {}
        for resource in await self.resources():
            if word in resource.categories:
                found.setdefault(resource.group_resource, resource)
        return list(found.values())

    async def _discover(self) -> list[Resource]:
        found: list[Resource] = []
        for root in ("/api", "/apis"):
            try:
                document = await self.request("GET", root, accept=AGGREGATED)
            except NotAcceptableError:
                document = await self.request("GET", root)
            if document.get("kind") == "APIGroupDiscoveryList":
                found += _aggregated(document)
            else:
                found += await self._legacy(document, root)
        return found

    async def _legacy(self, document: Document, root: str) -> list[Resource]:
        """Discovery of servers before 1.27: one document per group-version."""
        if root == "/api":
            versions = [("", version) for version in document.get("versions", [])]
        else:
            versions = [
                (group["name"], version["version"])
                for group in document.get("groups", [])
                for version in sorted(group["versions"], key=lambda v: v["version"] != group["preferredVersion"]["version"])
            ]
        found: list[Resource] = []
        for group, version in versions:
            path = f"{root}/{group}/{version}" if group else f"{root}/{version}"
            try:
                listed = (await self.request("GET", path)).get("resources", [])
            except NotFoundError:
                continue
            for one in listed:
                if "/" not in one["name"]:
                    subresources = [o["name"].split("/")[1] for o in listed if o["name"].startswith(one["name"] + "/")]
                    names = one["name"], one.get("singularName", ""), one["kind"]
                    found.append(_resource(group, version, names, one["namespaced"], one, subresources))
        return found


def _called(resource: Resource, word: str) -> bool:
    lower = word.lower()
    return lower in (resource.plural, resource.singular, resource.kind.lower(), *resource.short_names)


def _aggregated(document: Document) -> list[Resource]:
    found = []
    for group in document.get("items", []):
        name = group.get("metadata", {}).get("name", "")
        for version in group.get("versions", []):
            for one in version.get("resources") or ():
                subresources = [sub["subresource"] for sub in one.get("subresources") or ()]
                names = one["resource"], one.get("singularResource", ""), one.get("responseKind", {}).get("kind", "")
                found.append(_resource(name, version["version"], names, one.get("scope") == "Namespaced", one, subresources))
    return found


def _resource(group: str, version: str, names: tuple[str, str, str], namespaced: bool, one: Document, subs: Iterable[str]) -> Resource:
    plural, singular, kind = names
    return Resource(
        group, version, plural, singular or kind.lower(), kind, namespaced, tuple(one.get("shortNames") or ()),
        tuple(one.get("categories") or ()), tuple(one.get("verbs") or ()), tuple(subs),
    )
