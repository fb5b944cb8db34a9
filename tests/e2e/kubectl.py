"""The kubectls of this machine, each in a namespace of its own of a cluster."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.e2e.cluster import Cluster

VERSIONS = ("1.27", "1.28", "1.29", "1.30", "1.31", "1.32", "1.33")


def binaries() -> dict[str, Path]:
    """Version to program, of those that are there; "stock" where the one on PATH has no others beside it."""
    found = shutil.which("kubectl")
    if found is None:
        return {}
    beside = Path(found).resolve().parent
    present = {version: beside / f"kubectl.{version}" for version in VERSIONS if (beside / f"kubectl.{version}").exists()}
    return present or {"stock": Path(found)}


class Kubectl:
    """One program in one namespace, on the server's host.

    Attributes:
        version: major and minor as a pair; (0, 0) if unknown.
        node: the name of the cluster's first node.
    """

    def __init__(self, cluster: Cluster, version: str, namespace: str) -> None:
        self.cluster = cluster
        self.program = str(binaries()[version])
        self.version = tuple(map(int, version.split("."))) if version[0].isdigit() else (0, 0)
        self.namespace = namespace
        self.node = cluster.server.host.name
        self._flags = ("--kubeconfig", str(cluster.kubeconfig), "--cache-dir", str(cluster.home / f"cache-{version}"), "-n", namespace)

    def command(self, *arguments: str) -> list[str]:
        """The whole command line, inside the host."""
        return [*self.cluster.server.host.enter, self.program, *self._flags, *arguments]

    def __call__(self, *arguments: str, input: str | None = None, editor: str = "") -> str:
        """The output of a command that must succeed.

        Args:
            editor: what `kubectl edit` runs.
        """
        prefix = ("env", f"KUBE_EDITOR={editor}") if editor else ()
        return self.cluster.server.host.run(*prefix, self.program, *self._flags, *arguments, input=input).stdout.rstrip("\n")

    def fails(self, *arguments: str, input: str | None = None) -> tuple[int, str]:
        """Status and error output of a command that must not succeed."""
        done = self.cluster.server.host.run(self.program, *self._flags, *arguments, input=input, check=False)
        assert done.returncode != 0, f"kubectl {' '.join(arguments)} succeeded:\n{done.stdout}"
        return done.returncode, done.stderr

    def get(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command that runs until it is stopped."""
        return subprocess.Popen(self.command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
