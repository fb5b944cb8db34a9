"""Clients of others against a real cluster: the official Python client, and every kubectl of this machine."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.e2e.cluster import IMAGE, Cluster
from tools.hosts import run

pytestmark = pytest.mark.e2e


def test_the_official_python_client_creates_patches_watches_logs_and_execs(cluster: Cluster) -> None:
    script = Path(__file__).with_name("official_client.py")
    done = run(*cluster.server.host.enter, sys.executable, str(script), str(cluster.kubeconfig), IMAGE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "created": "Pending", "patched": "blue", "events": ["ADDED", "MODIFIED"], "log": "hello\n", "exec": "from exec\n", "status": 404,
    }
