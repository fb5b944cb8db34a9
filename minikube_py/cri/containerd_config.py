"""The configuration file of the containerd that the agent starts.

Owns what is in the file, not where things are: every path is given. The file is written whole at each start; what an
administrator may change (registry mirrors) is in a directory of its own beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# containerd's plugins that a node of ours never uses: each one costs start time and memory, and some look for
# devices or programs. The cgroup monitor only counts for Prometheus; out-of-memory events come from the shims.
DISABLED_PLUGINS = (
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.restart",
    "io.containerd.internal.v1.tracing",
    "io.containerd.monitor.v1.cgroups",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.tracing.processor.v1.otlp",
)

# Keeps containerd alive where the kernel must choose whom to kill. Source: k3s and containerd's own service unit.
OOM_SCORE = -999


@dataclass(frozen=True, slots=True)
class ContainerdConfig:
    """What the configuration depends on.

    Attributes:
        root: image layers and metadata; on disk, survives a reboot.
        state: what runs; lost at a reboot, as it must be.
        socket: where it listens.
        pause_image: reference of the image of a sandbox's first process.
        cni_bin_dir, cni_conf_dir: programs and configuration of the pods' network.
        registry_dir: a directory for each registry, with a hosts.toml.
        snapshotter: "overlayfs", or "native" where overlayfs cannot be.
        may_lower_oom_score: whether an oom_score_adj below the own one can be set (CAP_SYS_RESOURCE).
    """

    root: Path
    state: Path
    socket: Path
    pause_image: str
    cni_bin_dir: Path
    cni_conf_dir: Path
    registry_dir: Path
    snapshotter: str
    may_lower_oom_score: bool

    def render(self) -> str:
        """The file's text. Source: containerd docs/man/containerd-config.toml.5.md and docs/cri/config.md, version 2."""
        unused_snapshotter = "native" if self.snapshotter == "overlayfs" else "overlayfs"
        cri = {
            "sandbox_image": self.pause_image,
            "restrict_oom_score_adj": not self.may_lower_oom_score,
            "stream_server_address": "127.0.0.1",
            "stream_server_port": "0",
            "disable_tcp_service": True,
            "enable_unprivileged_ports": True,
            "enable_unprivileged_icmp": True,
            # A containerd that is killed while it makes a sandbox forgets the network namespace of it. It lies with all else that runs,
            # not in a directory of the whole machine, where nobody could tell whose it is.
            "netns_mounts_under_state_dir": True,
        }
        plugin = 'plugins."io.containerd.grpc.v1.cri"'
        runc = f"{plugin}.containerd.runtimes.runc"
        tables: list[tuple[str, Mapping[str, Any]]] = [
            ("grpc", {"address": str(self.socket)}),
            ("debug", {"level": "warn"}),
            (plugin, cri),
            (f"{plugin}.cni", {"bin_dir": str(self.cni_bin_dir), "conf_dir": str(self.cni_conf_dir)}),
            (f"{plugin}.containerd", {"snapshotter": self.snapshotter, "default_runtime_name": "runc"}),
            (runc, {"runtime_type": "io.containerd.runc.v2"}),
            (f"{runc}.options", {"SystemdCgroup": False}),
            (f"{plugin}.registry", {"config_path": str(self.registry_dir)}),
        ]
        top = {
            "version": 2,
            "root": str(self.root),
            "state": str(self.state),
            "oom_score": OOM_SCORE if self.may_lower_oom_score else 0,
            "disabled_plugins": sorted([*DISABLED_PLUGINS, f"io.containerd.snapshotter.v1.{unused_snapshotter}"]),
        }
        return "\n".join([_lines(top), *(f"[{name}]\n{_lines(values)}" for name, values in tables)])


def _lines(values: Mapping[str, Any]) -> str:
    # TOML's strings, booleans, integers and lists of strings are written as JSON's are.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
