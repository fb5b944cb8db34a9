"""The CNI network configuration of a node: pods on a bridge, addresses from the node's range.

Owns one conflist file. The runtime reads it and calls the plugins; masquerading, hairpin and host ports are the proxy table's business.

Source: github.com/containernetworking/cni/blob/main/SPEC.md, www.cni.dev/plugins/current/main/bridge/
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import Any

BRIDGE = "cni0"
CONFLIST_NAME = "10-minikube-py.conflist"


class CniConfig:
    """The conflist in a directory, and the bridge that the plugins make from it.

    Args:
        conf_dir: the runtime's CNI configuration directory.
        pod_cidrs: this node's ranges (one of each address family at most).
        mtu: of the pods' interfaces, in bytes; 0 leaves it to the kernel.
        ipam_dir: where host-local keeps its reservations; None for the plugin's default.
    """

    def __init__(self, *, conf_dir: Path, pod_cidrs: list[str], mtu: int = 0, ipam_dir: Path | None = None) -> None:
        self._path = conf_dir / CONFLIST_NAME
        self._pod_cidrs = pod_cidrs
        self._mtu = mtu
        self._ipam_dir = ipam_dir

    def document(self) -> dict[str, Any]:
        """The conflist as it is written."""
        ipam: dict[str, Any] = {"type": "host-local", "ranges": [[{"subnet": cidr}] for cidr in self._pod_cidrs]}
        if self._ipam_dir is not None:
            ipam["dataDir"] = str(self._ipam_dir)
        bridge: dict[str, Any] = {
            "type": "bridge",
            "bridge": BRIDGE,
            "isGateway": True,
            "isDefaultGateway": True,
            "forceAddress": True,
            "hairpinMode": True,
            "ipMasq": False,
            "ipam": ipam,
        }
        if self._mtu:
            bridge["mtu"] = self._mtu
        return {"cniVersion": "1.0.0", "name": "minikube-py", "plugins": [bridge]}

    async def write(self) -> None:
        """Put the conflist in place atomically; a file that says the same is left alone."""
        await asyncio.to_thread(self._write, json.dumps(self.document(), indent=2) + "\n")

    async def remove(self) -> None:
        """Remove the conflist."""
        await asyncio.to_thread(self._path.unlink, missing_ok=True)

    def _write(self, text: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self._path.read_text() == text:
                return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # The runtime watches the directory and takes any file with a known suffix.
        temporary = self._path.with_suffix(".tmp")
        with temporary.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
