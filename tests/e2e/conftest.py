"""Clusters that tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cluster import Cluster


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server with its embedded agent; packets that leave its host for pods or services are counted."""
    with Cluster("one") as made:
        made.lan.count("10.42.0.0/16", "10.43.0.0/16")
        made.start_server()
        made.wait_node_ready(made.server)
        yield made
