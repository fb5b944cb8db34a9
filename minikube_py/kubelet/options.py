"""What the node agent is told at its start.

Owns the options' names, defaults and where things lie under the data directory; reads no file and no environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from minikube_py.apis import core_v1


@dataclass(frozen=True, slots=True)
class KubeletOptions:
    """Options of one node.

    Attributes:
        node_name: name of the Node object, also what pods' spec.nodeName must say.
        node_ip: address under which the node is reached.
        data_dir: the program's data directory; the agent's own is `agent/` in it.
        cluster_dns: nameservers of pods with dnsPolicy ClusterFirst.
        max_pods: most pods that the node takes.
        port: of the agent's HTTPS API.
        cgroup_root: cgroup under which `kubepods` is made, "/" for the hierarchy's root.
        pod_logs_dir: where the runtime writes containers' logs.
        container_logs_dir: links to the logs, by container; None makes none.
        allowed_unsafe_sysctls: names, or prefixes that end with "*".
        kubelet_args: "name=value" of the options with the names that kubelet's flags have.
    """

    node_name: str
    node_ip: str
    data_dir: Path
    cluster_dns: Sequence[str] = ("10.43.0.10",)
    cluster_domain: str = "cluster.local"
    max_pods: int = 110
    node_labels: Mapping[str, str] = field(default_factory=dict)
    node_taints: Sequence[core_v1.Taint] = ()
    pause_image: str = ""
    port: int = 10250
    cgroup_root: str = "/"
    pod_logs_dir: Path = Path("/var/log/pods")
    container_logs_dir: Path | None = Path("/var/log/containers")
    resolv_conf: Path = Path("/etc/resolv.conf")
    allowed_unsafe_sysctls: Sequence[str] = ()
    kubelet_args: Sequence[str] = ()

    @property
    def agent_dir(self) -> Path:
        return self.data_dir / "agent"

    @property
    def checkpoints_dir(self) -> Path:
        """The last known pod specs."""
        return self.agent_dir / "pods"

    @property
    def pods_dir(self) -> Path:
        """One directory a pod, by uid, with its volumes and files."""
        return self.agent_dir / "kubelet" / "pods"

    @property
    def images_dir(self) -> Path:
        """Image archives that are imported when they appear."""
        return self.agent_dir / "images"

    @property
    def seccomp_dir(self) -> Path:
        """Profiles that pods name as Localhost."""
        return self.agent_dir / "kubelet" / "seccomp"

    def argument(self, name: str, default: str) -> str:
        """The value given for a flag of kubelet's in `kubelet_args`, the last one if there are several."""
        for argument in reversed(self.kubelet_args):
            key, _, value = argument.removeprefix("--").partition("=")
            if key == name:
                return value
        return default
