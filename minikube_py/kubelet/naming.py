"""Names by which pods' containers are known to the runtime and on disk.

Owns the labels and annotations on sandboxes and containers and the layout of the log and pod directories. The names are those
that other tools (crictl, log shippers, cAdvisor) look for.

Source: kubernetes pkg/kubelet/types/labels.go, pkg/kubelet/kuberuntime/labels.go, helpers.go (log directories).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import msgspec

from minikube_py.apis import core_v1

LABEL_POD_NAME = "io.kubernetes.pod.name"
LABEL_POD_NAMESPACE = "io.kubernetes.pod.namespace"
LABEL_POD_UID = "io.kubernetes.pod.uid"
LABEL_CONTAINER_NAME = "io.kubernetes.container.name"

ANNOTATION_HASH = "io.kubernetes.container.hash"
ANNOTATION_RESTART_COUNT = "io.kubernetes.container.restartCount"
ANNOTATION_TERMINATION_PATH = "io.kubernetes.container.terminationMessagePath"
ANNOTATION_TERMINATION_POLICY = "io.kubernetes.container.terminationMessagePolicy"
ANNOTATION_POD_TERMINATION_GRACE = "io.kubernetes.pod.terminationGracePeriod"

_encoder = msgspec.json.Encoder(order="sorted")


def pod_reference(pod: core_v1.Pod) -> str:
    """How messages name a pod ("name_namespace(uid)"). Source: kubernetes pkg/kubelet/util/format/pod.go."""
    return f"{pod.metadata.name}_{pod.metadata.namespace}({pod.metadata.uid})"


def log_directory(root: Path, pod: core_v1.Pod) -> Path:
    """Directory of a pod's logs."""
    return root / f"{pod.metadata.namespace}_{pod.metadata.name}_{pod.metadata.uid}"


def log_path(container: str, restart_count: int) -> str:
    """Path of a container's log below its pod's log directory."""
    return f"{container}/{restart_count}.log"


def log_link_name(pod: core_v1.Pod, container: str, container_id: str) -> str:
    """Name of the link to a container's log, at most 255 bytes."""
    suffix = f"-{container_id}.log"
    stem = f"{pod.metadata.name}_{pod.metadata.namespace}_{container}"
    return stem[: 255 - len(suffix)] + suffix


def container_hash(container: core_v1.Container | core_v1.EphemeralContainer) -> str:
    """What changes when a running container must be replaced: its name and image; the rest of a spec is immutable or resized in place.

    Source: kubernetes pkg/kubelet/container/helpers.go, HashContainer.
    """
    return hashlib.sha256(_encoder.encode([container.name, container.image])).hexdigest()[:8]
