"""Definitions in groups of the server itself: they come neither between its resources and their clients, nor near their objects."""

from __future__ import annotations

import asyncio
from typing import Any

from ..lab import PATIENCE_S, Lab

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
GROUP = "/apis/networking.k8s.io"
POLICIES = f"{GROUP}/v1/namespaces/default/networkpolicies"


def definition(group: str, plural: str, kind: str, version: str, scope: str = "Namespaced") -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"}},
        "spec": {"group": group, "scope": scope, "names": {"plural": plural, "kind": kind},
                 "versions": [{"name": version, "served": True, "storage": True, "schema": schema}]},
    }


async def define(lab: Lab, document: dict[str, Any]) -> str:
    """Define a resource, and wait until it is established; returns the path of the definition."""
    assert (await lab.send("POST", DEFINITIONS, document)).status == 201
    path = f"{DEFINITIONS}/{document['metadata']['name']}"
    async with asyncio.timeout(PATIENCE_S):
        while True:
            conditions = (await lab.get(path)).json["status"].get("conditions") or ()
            if ("Established", "True") in {(row["type"], row["status"]) for row in conditions}:
                return path
            await asyncio.sleep(0.01)


async def remove(lab: Lab, path: str) -> None:
    await lab.send("DELETE", path)
    async with asyncio.timeout(PATIENCE_S):
        while (await lab.get(path)).status != 404:
            await asyncio.sleep(0.01)


async def policy(lab: Lab) -> None:
    assert (await lab.send("POST", POLICIES, {"metadata": {"name": "p"}, "spec": {"podSelector": {}}})).status == 201


async def test_resource_in_a_version_of_the_server_is_not_served(lab: Lab) -> None:
    await define(lab, definition("networking.k8s.io", "foos", "Foo", "v1"))
    assert (await lab.get(f"{GROUP}/v1/namespaces/default/foos")).status == 404
    assert "foos" not in {row["name"] for row in (await lab.get(f"{GROUP}/v1")).json["resources"]}


async def test_resource_of_the_server_stays_what_it_is(lab: Lab) -> None:
    await policy(lab)
    path = await define(lab, definition("networking.k8s.io", "networkpolicies", "NetworkPolicy", "v1"))
    refused = await lab.send("POST", POLICIES, {"metadata": {"name": "q"}, "spec": {"podSelector": 1}})
    assert refused.status == 400
    await remove(lab, path)
    assert (await lab.get(f"{POLICIES}/p")).json["spec"]["policyTypes"] == ["Ingress"]


async def test_definitions_cannot_be_defined_away(lab: Lab) -> None:
    path = await define(
        lab, definition("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", "v1", scope="Cluster"))
    await define(lab, definition("example.com", "widgets", "Widget", "v1"))
    assert (await lab.get("/apis/example.com/v1/namespaces/default/widgets")).status == 200
    await remove(lab, path)
    assert (await lab.get(f"{DEFINITIONS}/widgets.example.com")).status == 200


async def test_other_version_of_a_resource_of_the_server_has_objects_of_its_own(lab: Lab) -> None:
    await policy(lab)
    path = await define(lab, definition("networking.k8s.io", "networkpolicies", "NetworkPolicy", "v9"))
    own = f"{GROUP}/v9/namespaces/default/networkpolicies"
    assert (await lab.get(own)).json["items"] == []
    document = {"apiVersion": "networking.k8s.io/v9", "kind": "NetworkPolicy", "metadata": {"name": "p"}, "size": 1}
    made = await lab.send("POST", own, document)
    assert made.status == 201
    assert [row["spec"] for row in (await lab.get(POLICIES)).json["items"]] == [{"podSelector": {}, "policyTypes": ["Ingress"]}]
    await remove(lab, path)
    assert (await lab.get(own)).status == 404
    assert [row["metadata"]["name"] for row in (await lab.get(POLICIES)).json["items"]] == ["p"]
