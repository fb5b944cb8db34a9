"""kill -9, of the server under load and of the node under its pods."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import HELLO, PROGRAM, Cluster
from tools.hosts import run

pytestmark = pytest.mark.e2e

KILLS = 20


@pytest.fixture
def cluster(tmp_path: object) -> Iterator[Cluster]:
    with Cluster("crash") as made:
        yield made


def test_pods_serve_on_when_the_node_is_killed_and_are_adopted(cluster: Cluster) -> None:
    cluster.start_server()
    cluster.wait_node_ready(cluster.server)
    cluster.kubectl("apply", "-f", str(HELLO))
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "hello", "--timeout=120s")
    url = f"http://{cluster.get('service', 'web', '-n', 'hello')['spec']['clusterIP']}/index.html"

    def containers() -> dict[str, tuple[str, int]]:
        return {
            pod["metadata"]["name"]: (status["containerID"], status["restartCount"])
            for pod in cluster.pods("hello", "app=web") for status in pod["status"]["containerStatuses"]
        }

    before = containers()
    cluster.server.kill()
    assert cluster.fetch(url) == "Hello from minikube-py\n"
    cluster.start_server()
    cluster.wait_node_ready(cluster.server)
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "hello", "--timeout=60s")
    assert containers() == before
    assert cluster.fetch(url) == "Hello from minikube-py\n"
    cluster.kubectl("delete", "pods", "-n", "hello", "-l", "app=web", "--timeout=60s")
    cluster.kubectl("rollout", "status", "deployment/web", "-n", "hello", "--timeout=60s")
    assert not set(containers()) & set(before), "adopted pods can be deleted and are replaced"


def test_no_acknowledged_write_is_lost_in_twenty_kills(cluster: Cluster) -> None:
    """Runs the server on loopback of the test's host namespace; the writers and the watcher are asyncio clients in it."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    script = Path(__file__).with_name("kill_load.py")
    done = run(*cluster.server.host.enter, sys.executable, str(script), str(PROGRAM), str(cluster.home), str(seed), str(KILLS), check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["kills"] == KILLS
    assert result["acknowledged"] > 100 * KILLS / 4
    assert result["lost"] == []
    assert result["revisions_went_back"] == 0
    assert result["watchers_diverged"] == []
