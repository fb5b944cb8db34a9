"""Run inside a cluster's host: what `kubernetes`, the official Python client, sees. Prints one line of JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from kubernetes import client, config, dynamic, watch
from kubernetes.stream import stream


def typed(image: str) -> dict[str, Any]:
    """The generated client: create, patch, watch, logs, exec, errors."""
    api = client.CoreV1Api()
    container = {"name": "main", "image": image, "command": ["sh", "-c", "echo hello; exec sleep 1000"]}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "official"}, "spec": spec}
    result: dict[str, Any] = {"created": api.create_namespaced_pod("default", body).status.phase}
    patched = api.patch_namespaced_pod("official", "default", {"metadata": {"labels": {"color": "blue"}}})
    result["patched"] = patched.metadata.labels["color"]
    seen = []
    for event in watch.Watch().stream(api.list_namespaced_pod, "default", field_selector="metadata.name=official", timeout_seconds=60):
        seen.append(event["type"])
        if event["object"].status.phase == "Running":
            break
    result["events"] = sorted(set(seen))
    result["log"] = api.read_namespaced_pod_log("official", "default")
    result["exec"] = stream(
        api.connect_get_namespaced_pod_exec, "official", "default", command=["echo", "from exec"], stderr=True, stdin=False, stdout=True,
        tty=False,
    )
    api.delete_namespaced_pod("official", "default")
    try:
        api.read_namespaced_pod("nobody", "default")
    except client.ApiException as error:
        result["status"] = error.status
    return result


def dynamically() -> dict[str, Any]:
    """The dynamic client: discovery, server-side apply and its conflicts, custom resources."""
    made = dynamic.DynamicClient(client.ApiClient())
    maps = made.resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dynamic"}, "data": {"color": "red"}}
    applied = maps.server_side_apply(body=body, name="dynamic", namespace="default", field_manager="one")
    result: dict[str, Any] = {"applied": applied.data.color, "managers": [entry.manager for entry in applied.metadata.managedFields]}
    try:
        changed = {**body, "data": {"color": "blue"}}
        maps.server_side_apply(body=changed, name="dynamic", namespace="default", field_manager="two")
    except dynamic.exceptions.ConflictError as error:
        result["conflict"] = json.loads(error.body)["message"]
    forced = maps.server_side_apply(body=changed, name="dynamic", namespace="default", field_manager="two", force_conflicts=True)
    result["forced"] = forced.data.color
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "gizmos", "kind": "Gizmo"}
    definition = client.ApiextensionsV1Api().create_custom_resource_definition({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "gizmos.official.example.com"},
        "spec": {"group": "official.example.com", "scope": "Namespaced", "names": names, "versions": [version]},
    })
    follow = watch.Watch()
    by_name = f"metadata.name={definition.metadata.name}"
    for event in follow.stream(
        client.ApiextensionsV1Api().list_custom_resource_definition, field_selector=by_name, timeout_seconds=60
    ):
        if any(c.type == "Established" and c.status == "True" for c in event["object"].status.conditions or ()):
            follow.stop()
    made.resources.invalidate_cache()
    gizmos = made.resources.get(api_version="official.example.com/v1", kind="Gizmo")
    gizmo = {"apiVersion": "official.example.com/v1", "kind": "Gizmo", "metadata": {"name": "g"}, "spec": {"size": 3}}
    gizmos.create(body=gizmo, namespace="default")
    result["custom"] = [item.spec.size for item in gizmos.get(namespace="default").items]
    client.ApiextensionsV1Api().delete_custom_resource_definition(definition.metadata.name)
    maps.delete(name="dynamic", namespace="default")
    return result


def main(kubeconfig: str, image: str) -> None:
    config.load_kube_config(kubeconfig)
    print(json.dumps({"typed": typed(image), "dynamic": dynamically()}))


main(*sys.argv[1:])
