"""The Scale that shows a built-in workload. Source: pkg/registry/apps/deployment/storage/storage.go (scaleFromDeployment)"""

from __future__ import annotations

from typing import Any

from minikube_py.apis import autoscaling_v1, meta_v1
from minikube_py.apis.labels import from_label_selector


def scale_of(obj: Any) -> autoscaling_v1.Scale:
    """The Scale that shows a Deployment, ReplicaSet, StatefulSet or ReplicationController."""
    meta = obj.metadata
    selector = obj.spec.selector
    if isinstance(selector, dict):
        text = ",".join(f"{key}={value}" for key, value in sorted(selector.items()))
    else:
        text = str(from_label_selector(selector))
    scale = autoscaling_v1.Scale(kind="Scale", api_version="autoscaling/v1")
    scale.metadata = meta_v1.ObjectMeta(
        name=meta.name, namespace=meta.namespace, uid=meta.uid, resource_version=meta.resource_version,
        creation_timestamp=meta.creation_timestamp,
    )
    scale.spec = autoscaling_v1.ScaleSpec(replicas=obj.spec.replicas)
    scale.status = autoscaling_v1.ScaleStatus(replicas=obj.status.replicas or 0, selector=text)
    return scale
