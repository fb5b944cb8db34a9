"""Values of a pod's own fields and resources, for environment variables and downward API volumes.

Source: kubernetes.io/docs/concepts/workloads/pods/downward-api/; kubernetes pkg/fieldpath/fieldpath.go,
pkg/api/v1/resource/helpers.go (ExtractContainerResourceValue: limits that are not set are the node's allocatable).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from minikube_py.apis import core_v1
from minikube_py.apis.object import Quantity
from minikube_py.apis.quantity import nano_value

_SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.*)'\]$")


class FieldError(Exception):
    """A field path or resource that does not exist."""


def field_value(pod: core_v1.Pod, path: str) -> str:
    """The text of a field of a pod ("metadata.labels['app']", "status.podIP").

    Raises: FieldError if there is no such field.
    """
    match = _SUBSCRIPT.match(path)
    meta = pod.metadata
    if match:
        return (meta.labels if match[1] == "labels" else meta.annotations).get(match[2], "")
    values = {
        "metadata.name": meta.name, "metadata.namespace": meta.namespace, "metadata.uid": meta.uid,
        "spec.nodeName": pod.spec.node_name, "spec.serviceAccountName": pod.spec.service_account_name,
        "status.hostIP": pod.status.host_ip, "status.hostIPs": ",".join(item.ip for item in pod.status.host_ips),
        "status.podIP": pod.status.pod_ip, "status.podIPs": ",".join(item.ip for item in pod.status.pod_ips),
    }
    if path in values:
        return values[path]
    if path in ("metadata.labels", "metadata.annotations"):
        return format_map(meta.labels if path.endswith("labels") else meta.annotations)
    raise FieldError(f"unsupported fieldPath: {path}")


def format_map(values: Mapping[str, str]) -> str:
    """Labels or annotations as lines `key="value"`, sorted by key."""
    return "\n".join(f"{key}={json.dumps(values[key], ensure_ascii=False)}" for key in sorted(values))


def resource_value(
    pod: core_v1.Pod, selector: core_v1.ResourceFieldSelector, container_name: str, allocatable: Mapping[str, Quantity]
) -> str:
    """A container's request or limit, divided and rounded up.

    Args:
        container_name: whose, if the selector does not say.
    Raises: FieldError if there is no such container or resource.
    """
    name = selector.container_name or container_name
    container = next((item for item in [*pod.spec.containers, *pod.spec.init_containers] if item.name == name), None)
    if container is None:
        raise FieldError(f"container {name} not found")
    kind, _, resource = selector.resource.partition(".")
    if kind not in ("limits", "requests") or not resource:
        raise FieldError(f"unsupported container resource : {selector.resource}")
    resources = container.resources
    quantity: Quantity | None = resources.limits.get(resource) if kind == "limits" else resources.requests.get(resource)
    if quantity is None and kind == "limits":
        quantity = allocatable.get(resource)
    amount = nano_value(quantity) if quantity is not None else 0
    divisor = nano_value(selector.divisor) if selector.divisor not in (None, "", "0", 0) else nano_value("1")
    return str(-(-amount // divisor))
