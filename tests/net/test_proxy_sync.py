"""ServiceProxy against the twin of nftables: whatever happens, the table is that of the present objects."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from minikube_py.net.nftables import NftError
from minikube_py.net.proxy.endpoints import Locality
from minikube_py.net.proxy.model import NodeView
from minikube_py.net.proxy.ruleset import PodNetwork, Ruleset
from minikube_py.net.proxy.state import StaleFlow
from minikube_py.net.proxy.sync import ServiceProxy

from .fake_nft import FakeNft
from .objects import endpoint, endpoint_slice, service

RULESET = Ruleset("ip", PodNetwork("10.42.0.0/16", "10.43.0.0/16", "cni0", True))
NODE = NodeView(Locality("node-a"), ("192.0.2.1",))
TABLE = str(RULESET.table)


class Flows:
    def __init__(self) -> None:
        self.forgotten: list[StaleFlow] = []

    async def forget_udp(self, flows: list[StaleFlow]) -> None:
        self.forgotten += flows


@contextlib.asynccontextmanager
async def running(nft: FakeNft, flows: Flows | None = None) -> AsyncIterator[ServiceProxy]:
    proxy = ServiceProxy(nft, RULESET, NODE, flows or Flows())
    task = asyncio.create_task(proxy.run())
    try:
        yield proxy
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def elements(nft: FakeNft) -> dict[str, dict[str, str]]:
    return nft.tables[TABLE].elements


async def test_nothing_is_programmed_before_the_objects_are_known() -> None:
    nft = FakeNft()
    async with running(nft) as proxy:
        proxy.service_changed("default/web", service("10.43.0.9", ("TCP", 80)))
        for _ in range(10):
            await asyncio.sleep(0)
        assert nft.tables == {}
        proxy.initial_sync_done()
        await proxy.wait_synced()
        assert proxy.ready.is_set()
        assert len(nft.applied) == 1 and nft.applied[0].replace
        assert elements(nft)["no_endpoints"] == {"10.43.0.9 . tcp . 80": ""}


async def test_further_service_ranges_are_elements_that_come_and_go() -> None:
    nft = FakeNft()
    async with running(nft) as proxy:
        proxy.service_ranges_changed(["192.0.2.0/24"])
        proxy.initial_sync_done()
        await proxy.wait_synced()
        assert elements(nft)["service_ranges"] == {"192.0.2.0/24": ""}
        proxy.service_ranges_changed(["198.51.100.0/24", "192.0.2.0/25"])
        await proxy.wait_synced()
        assert not nft.applied[-1].replace
        assert elements(nft)["service_ranges"] == {"198.51.100.0/24": "", "192.0.2.0/25": ""}
        proxy.resync()
        await proxy.wait_synced()
        assert elements(nft)["service_ranges"] == {"198.51.100.0/24": "", "192.0.2.0/25": ""}
        proxy.service_ranges_changed([])
        await proxy.wait_synced()
        assert elements(nft)["service_ranges"] == {}


async def test_a_change_touches_exactly_its_elements() -> None:
    nft = FakeNft()
    async with running(nft) as proxy:
        proxy.initial_sync_done()
        for n in range(1, 50):
            proxy.service_changed(f"default/s{n}", service(f"10.43.0.{n}", ("TCP", 80), name=f"s{n}"))
            proxy.slice_changed(f"default/s{n}-x", endpoint_slice([endpoint("10.42.1.1", node="b")], ("TCP", 80, 80), name=f"s{n}"))
        await proxy.wait_synced()
        two = [endpoint("10.42.1.1", node="b"), endpoint("10.42.1.2", node="b")]
        proxy.slice_changed("default/s7-x", endpoint_slice(two, ("TCP", 80, 80), name="s7"))
        await proxy.wait_synced()
        last = nft.applied[-1]
        assert last.deleted == {"services": ["10.43.0.7 . tcp . 80"]}
        assert last.added == {
            "services": {"10.43.0.7 . tcp . 80": "goto lb_int_2"},
            "endpoints": {"10.43.0.7 . tcp . 80 . 0:1": "10.42.1.2 . 80"},
        }
        assert [c.name for c in last.chains] == ["lb_int_2"]


async def test_a_refused_transaction_is_followed_by_a_replacement() -> None:
    nft = FakeNft()
    async with running(nft) as proxy:
        proxy.initial_sync_done()
        await proxy.wait_synced()
        nft.refuse = [NftError("Could not process rule: No such file or directory")]
        proxy.service_changed("default/web", service("10.43.0.9", ("TCP", 80)))
        await proxy.wait_synced()
        assert nft.applied[-1].replace
        assert elements(nft)["no_endpoints"] == {"10.43.0.9 . tcp . 80": ""}


async def test_of_two_services_with_one_external_ip_the_older_has_it_until_it_goes() -> None:
    nft = FakeNft()
    async with running(nft) as proxy:
        for name, created, ip in (("young", "2026-02-01T00:00:00Z", "10.42.0.2"), ("old", "2026-01-01T00:00:00Z", "10.42.0.1")):
            proxy.service_changed(
                f"default/{name}", service(f"10.43.0.{len(name)}", ("TCP", 80), name=name, created=created, external_ips=["198.51.100.1"])
            )
            proxy.slice_changed(f"default/{name}-x", endpoint_slice([endpoint(ip)], ("TCP", 80, 80), name=name))
        proxy.initial_sync_done()
        await proxy.wait_synced()
        assert elements(nft)["endpoints"]["198.51.100.1 . tcp . 80 . 0:0"] == "10.42.0.1 . 80"
        proxy.service_changed("default/old", None)
        await proxy.wait_synced()
        assert elements(nft)["endpoints"]["198.51.100.1 . tcp . 80 . 0:0"] == "10.42.0.2 . 80"


async def test_udp_flows_of_endpoints_that_went_are_forgotten() -> None:
    nft, flows = FakeNft(), Flows()
    async with running(nft, flows) as proxy:
        proxy.service_changed("default/web", service("10.43.0.9", ("UDP", 53), ("TCP", 53)))
        proxy.initial_sync_done()
        for ips in (["10.42.0.1", "10.42.0.2"], ["10.42.0.2"]):
            proxy.slice_changed("default/web-x", endpoint_slice([endpoint(ip) for ip in ips], ("UDP", 53, 53), ("TCP", 53, 53)))
            await proxy.wait_synced()
        assert {(f.frontend.protocol, f.backend_ip) for f in flows.forgotten} == {("udp", ""), ("udp", "10.42.0.1")}


_IPS = st.lists(st.sampled_from(["10.42.0.1", "10.42.0.2", "10.42.1.3", "10.42.1.4"]), unique=True)
_FIELDS = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
        "node_ports": st.sampled_from([{}, {80: 30080}, {80: 30081, 53: 30053}]),
        "external_ips": st.sampled_from([[], ["198.51.100.1"], ["198.51.100.1", "198.51.100.2"]]),
        "external_traffic_policy": st.sampled_from(["", "Local", "Cluster"]),
        "internal_traffic_policy": st.sampled_from([None, "Local"]),
        "session_affinity": st.sampled_from(["None", "ClientIP"]),
    }
)
_CHANGES = st.one_of(
    st.tuples(st.just("service"), st.integers(1, 3), st.none() | _FIELDS),
    st.tuples(st.just("slice"), st.integers(1, 3), st.none() | _IPS),
    st.tuples(st.just("fail"), st.booleans(), st.none()),
    st.tuples(st.just("wait"), st.none(), st.none()),
)


def _report(proxy: ServiceProxy, change: tuple[str, Any, Any]) -> None:
    kind, number, what = change
    name = f"s{number}"
    if kind == "service":
        made = service(f"10.43.0.{number}", ("TCP", 80), ("UDP", 53), name=name, **what) if what is not None else None
        proxy.service_changed(f"default/{name}", made)
    elif kind == "slice":
        endpoints = [endpoint(ip, node="node-a" if ip.startswith("10.42.0.") else "node-b") for ip in what or ()]
        made_slice = endpoint_slice(endpoints, ("TCP", 80, 8080), ("UDP", 53, 5353), name=name) if what is not None else None
        proxy.slice_changed(f"default/{name}-x", made_slice)


@settings(max_examples=60, deadline=None)
@given(st.lists(_CHANGES, max_size=25))
def test_any_sequence_of_changes_ends_in_the_table_built_from_scratch(changes: list[tuple[str, Any, Any]]) -> None:
    async def play() -> None:
        nft, fresh = FakeNft(), FakeNft()
        async with running(nft) as proxy:
            proxy.initial_sync_done()
            for change in changes:
                if change[0] == "wait":
                    await proxy.wait_synced()
                elif change[0] == "fail" and nft.tables:
                    # Something else flushed the ruleset; what comes next meets no table.
                    nft.tables.clear()
                    proxy.service_changed("default/probe", None)
                    proxy.resync()
                _report(proxy, change)
            await proxy.wait_synced()
        async with running(fresh) as scratch:
            for change in changes:
                _report(scratch, change)
            scratch.initial_sync_done()
            await scratch.wait_synced()
        assert elements(nft) == elements(fresh)

    asyncio.run(play())
