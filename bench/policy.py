"""The API's figures with all policy on: RBAC over many roles and bindings, the audit log at level Metadata, flow control, encryption.

The load comes from a user without any privilege of groups, who may what one of the bindings says.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvloop

from . import wrk
from .client import send, session
from .program import USER_TOKEN, server

ROLES = 1_000
POLICY = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- level: Metadata\n"
GROUP = "rbac.authorization.k8s.io"
Measured = dict[str, list[float]]
Say = Callable[[str], None]
# Key of the figure, what is asked, connections.
LOADS = (("create_pod", "pod", 16), ("create_pod", "pod", 64), ("create_configmap", "configmap", 16), ("get_namespace", "get", 16))


async def grant(url: str) -> None:
    """Many roles with as many bindings of many users; one of them lets the load do what it does."""
    async with session() as http:

        async def one(number: int) -> None:
            name = f"role-{number}"
            things = ["pods", "configmaps", "namespaces"] if number == ROLES // 2 else [f"things{number}"]
            rules = [{"apiGroups": [""], "resources": things, "verbs": ["get", "create"]}]
            subjects = [{"apiGroup": GROUP, "kind": "User", "name": user} for user in (f"user-{number}", "bench-user")]
            role: dict[str, Any] = {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}
            binding = {"apiVersion": f"{GROUP}/v1", "kind": "ClusterRoleBinding", "metadata": {"name": name}, "subjects": subjects,
                       "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name}}
            await send(http, "POST", f"{url}/apis/{GROUP}/v1/clusterroles", role)
            await send(http, "POST", f"{url}/apis/{GROUP}/v1/clusterrolebindings", binding)

        await asyncio.gather(*map(one, range(ROLES)))


def measure(measured: Measured, runs: int, seconds: int, say: Say) -> None:
    for number in range(runs):
        for key, kind, connections in LOADS:
            say(f"policy, run {number + 1} of {runs}: {key}, {connections} connections")
            with tempfile.TemporaryDirectory(prefix="bench-policy-") as directory:
                (Path(directory) / "policy.yaml").write_text(POLICY)
                with server("--kube-apiserver-arg", f"audit-policy-file={directory}/policy.yaml",
                            "--kube-apiserver-arg", f"audit-log-path={directory}/audit.log") as running:
                    uvloop.run(grant(running.url))
                    if kind == "get":
                        path = "/api/v1/namespaces/default"
                        load = wrk.get(running.url, path, connections=connections, seconds=seconds, token=USER_TOKEN)
                    else:
                        load = wrk.create(running.url, kind, "run", connections=connections, seconds=seconds, token=USER_TOKEN)
                    measured[f"policy_{key}_{connections}"].append(load.per_s)
