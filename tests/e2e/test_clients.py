"""Clients of others against a real cluster: what people write their programs with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import IMAGE, Cluster
from tools.hosts import run

pytestmark = pytest.mark.e2e


def seen_by(cluster: Cluster, script: str) -> Any:
    """What a script beside this file prints, run on the server's host. Libraries leave the files that they make of kubeconfigs."""
    path = Path(__file__).with_name(script)
    within = (*cluster.server.host.enter, "env", f"TMPDIR={cluster.kubeconfig.parent}")
    done = run(*within, sys.executable, str(path), str(cluster.kubeconfig), IMAGE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_official_python_client_works(cluster: Cluster) -> None:
    found = seen_by(cluster, "official_client.py")
    assert found["typed"] == {
        "created": "Pending", "patched": "blue", "events": ["ADDED", "MODIFIED"], "log": "hello\n", "exec": "from exec\n", "status": 404,
    }
    assert found["dynamic"] == {
        "applied": "red", "managers": ["one"], "forced": "blue", "custom": [3],
        "conflict": 'Apply failed with 1 conflict: conflict with "one": .data.color',
    }


def test_kubernetes_asyncio_and_kr8s_work(cluster: Cluster) -> None:
    assert seen_by(cluster, "asyncio_clients.py") == {
        "kubernetes_asyncio": {"labels": {"a": "b"}, "page": 1, "exec": "hi\n"},
        "kr8s": {
            "version": True, "data": {"a": "1", "b": "2"}, "found": ["kr8s"], "log": ["logged"], "exec": "kr8s\n", "gone": True,
        },
    }
