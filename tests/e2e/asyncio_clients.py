"""Run inside a cluster's host: what `kubernetes_asyncio` and `kr8s` see. Prints one line of JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import kr8s
from kr8s.asyncio.objects import ConfigMap, Pod
from kubernetes_asyncio import client, config, watch
from kubernetes_asyncio.client.api_client import ApiClient
from kubernetes_asyncio.stream import WsApiClient


async def with_kubernetes_asyncio(kubeconfig: str, image: str) -> dict[str, Any]:
    """Create, watch, patch, exec, delete by the generated asyncio client."""
    await config.load_kube_config(kubeconfig)
    result: dict[str, Any] = {}
    container = {"name": "main", "image": image, "command": ["sleep", "1000"]}
    spec = {"terminationGracePeriodSeconds": 0, "containers": [container]}
    async with ApiClient() as http:
        api = client.CoreV1Api(http)
        await api.create_namespaced_pod("default", {"metadata": {"name": "asynchronous"}, "spec": spec})
        async with watch.Watch().stream(
            api.list_namespaced_pod, "default", field_selector="metadata.name=asynchronous", timeout_seconds=60
        ) as events:
            async for event in events:
                if event["object"].status.phase == "Running":
                    break
        patched = await api.patch_namespaced_pod("asynchronous", "default", {"metadata": {"labels": {"a": "b"}}})
        result["labels"] = patched.metadata.labels
        page = await api.list_namespaced_pod("default", limit=1)
        result["page"] = len(page.items)
    async with WsApiClient() as http:
        result["exec"] = await client.CoreV1Api(http).connect_get_namespaced_pod_exec(
            "asynchronous", "default", command=["echo", "hi"], stderr=True, stdin=False, stdout=True, tty=False)
    async with ApiClient() as http:
        await client.CoreV1Api(http).delete_namespaced_pod("asynchronous", "default")
    return result


async def with_kr8s(kubeconfig: str, image: str) -> dict[str, Any]:
    """Objects of kr8s: create, refresh, patch, label, scale of what is there, logs, watch, delete."""
    api = await kr8s.asyncio.api(kubeconfig=kubeconfig)
    result: dict[str, Any] = {"version": (await api.version())["gitVersion"].startswith("v1.36")}
    settings = await ConfigMap({"metadata": {"name": "kr8s", "namespace": "default"}, "data": {"a": "1"}}, api=api)
    await settings.create()
    await settings.patch({"data": {"b": "2"}})
    await settings.label({"tier": "gold"})
    result["data"] = dict(settings.data)
    result["found"] = [found.name async for found in api.get("configmaps", namespace="default", label_selector={"tier": "gold"})]
    spec = {"containers": [{"name": "main", "image": image, "command": ["sh", "-c", "echo logged; exec sleep 1000"]}],
            "terminationGracePeriodSeconds": 0}
    pod = await Pod({"metadata": {"name": "kr8s", "namespace": "default"}, "spec": spec}, api=api)
    await pod.create()
    await pod.wait("condition=Ready", timeout=60)
    result["log"] = [line async for line in pod.logs()]
    result["exec"] = (await pod.exec(["cat", "/etc/hostname"])).stdout.decode()
    await pod.delete()
    await settings.delete()
    result["gone"] = not await settings.exists()
    return result


async def main(kubeconfig: str, image: str) -> None:
    os.environ["KUBECONFIG"] = kubeconfig
    found = {"kubernetes_asyncio": await with_kubernetes_asyncio(kubeconfig, image), "kr8s": await with_kr8s(kubeconfig, image)}
    print(json.dumps(found))


asyncio.run(main(*sys.argv[1:]))
