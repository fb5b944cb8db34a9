"""Clusters that tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A server with its embedded agent, and joined agents if a test asks for more nodes by parameter.

    Packets that leave the server's host for pods or services are counted.
    """
    nodes = getattr(request, "param", 1)
    with Cluster("one" if nodes == 1 else "more") as made:
        made.lan.count("10.42.0.0/16", "10.43.0.0/16")
        made.start_server()
        made.wait_node_ready(made.server)
        for number in range(nodes - 1):
            made.join(f"agent{number}")
        yield made
