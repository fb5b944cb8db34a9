"""Run inside a cluster's host: what `kubernetes`, the official Python client, sees. Prints one line of JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from kubernetes import client, config, watch
from kubernetes.stream import stream


def main(kubeconfig: str, image: str) -> None:
    config.load_kube_config(kubeconfig)
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
    print(json.dumps(result))


main(*sys.argv[1:])
