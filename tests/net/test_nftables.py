"""The contract of NftTables, shown by the kernel and by its twin."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import pytest

from minikube_py.net.libnftables import LibNftables
from minikube_py.net.netlink_monitor import watch_deleted_tables
from minikube_py.net.nftables import ChainSpec, NftError, NftTables, SetSpec, Table, Transaction
from minikube_py.net.proxy.ruleset import BalanceChain, PodNetwork, Ruleset, Scope

from .fake_nft import FakeNft
from .lab import Namespace

TABLE = Table("ip", "contract-test")
VERDICTS = SetSpec("verdicts", "ipv4_addr . inet_proto . inet_service", "verdict")
NUMBERS = SetSpec("numbers", "ipv4_addr . classid", "ipv4_addr . inet_service")
MEMBERS = SetSpec("members", "ipv4_addr")
A, B = "10.0.0.1 . tcp . 80", "10.0.0.2 . udp . 53"


@pytest.fixture
async def kernel() -> AsyncIterator[LibNftables]:
    namespace = Namespace("nft")
    made = LibNftables()
    try:
        with namespace.entered():
            yield made
            await made.close()
    finally:
        namespace.close()


@pytest.fixture(params=["fake", pytest.param("kernel", marks=pytest.mark.root)])
def nft(request: pytest.FixtureRequest) -> Iterator[NftTables]:
    if request.param == "fake":
        yield FakeNft()
        return
    namespace = Namespace("nft")
    try:
        with namespace.entered():
            yield LibNftables()
    finally:
        namespace.close()


def _made() -> Transaction:
    return Transaction(TABLE, replace=True, sets=[VERDICTS, NUMBERS, MEMBERS], chains=[ChainSpec("one", ("accept",))])


async def test_elements_added_are_there(nft: NftTables) -> None:
    made = _made()
    made.add_element("verdicts", A, "goto one")
    made.add_element("verdicts", B, "drop")
    made.add_element("numbers", "10.0.0.1 . 0:0", "10.1.0.1 . 80")
    made.add_element("numbers", "10.0.0.1 . 8000:a", "10.1.0.2 . 81")
    made.add_element("members", "10.9.9.9")
    await nft.apply(made)
    assert await nft.list_elements(TABLE, VERDICTS) == {A: "goto one", B: "drop"}
    assert await nft.list_elements(TABLE, NUMBERS) == {"10.0.0.1 . 0:0": "10.1.0.1 . 80", "10.0.0.1 . 8000:a": "10.1.0.2 . 81"}
    assert await nft.list_elements(TABLE, MEMBERS) == {"10.9.9.9": ""}
    await nft.close()


async def test_an_element_changes_its_value_in_one_transaction(nft: NftTables) -> None:
    made = _made()
    made.add_element("verdicts", A, "goto one")
    await nft.apply(made)
    change = Transaction(TABLE)
    change.delete_element("verdicts", A)
    change.add_element("verdicts", A, "drop")
    await nft.apply(change)
    assert await nft.list_elements(TABLE, VERDICTS) == {A: "drop"}
    await nft.close()


@pytest.mark.parametrize("bad", ["delete unknown", "other value", "unknown chain", "unknown set"])
async def test_a_refused_transaction_changes_nothing(nft: NftTables, bad: str) -> None:
    made = _made()
    made.add_element("verdicts", A, "goto one")
    await nft.apply(made)
    change = Transaction(TABLE)
    change.add_element("members", "10.9.9.9")
    if bad == "delete unknown":
        change.delete_element("verdicts", B)
    elif bad == "other value":
        change.add_element("verdicts", A, "drop")
    elif bad == "unknown chain":
        change.add_element("verdicts", B, "goto nowhere")
    else:
        change.add_element("nothing", B)
    with pytest.raises(NftError) as caught:
        await nft.apply(change)
    assert caught.value.missing is (bad != "other value")
    assert await nft.list_elements(TABLE, VERDICTS) == {A: "goto one"}
    assert await nft.list_elements(TABLE, MEMBERS) == {}
    await nft.close()


async def test_replacing_leaves_nothing_of_the_old_table(nft: NftTables) -> None:
    made = _made()
    made.add_element("members", "10.9.9.9")
    await nft.apply(made)
    await nft.apply(_made())
    assert await nft.list_elements(TABLE, MEMBERS) == {}
    await nft.close()


async def test_a_table_that_is_gone_is_reported_as_missing(nft: NftTables) -> None:
    await nft.apply(_made())
    assert await nft.table_exists(TABLE)
    await nft.delete_table(TABLE)
    await nft.delete_table(TABLE)
    assert not await nft.table_exists(TABLE)
    change = Transaction(TABLE)
    change.add_element("members", "10.9.9.9")
    with pytest.raises(NftError) as caught:
        await nft.apply(change)
    assert caught.value.missing
    await nft.close()


@pytest.mark.root
async def test_a_deleted_table_is_noticed_while_other_changes_are_not(kernel: LibNftables) -> None:
    seen = asyncio.Event()
    monitor = asyncio.create_task(watch_deleted_tables(seen.set))
    await kernel.apply(_made())
    change = Transaction(TABLE)
    for n in range(3_000):
        change.add_element("members", f"10.1.{n >> 8}.{n & 255}")
    for _ in range(20):
        await kernel.apply(change)
    await asyncio.sleep(0)
    await kernel.delete_table(TABLE)
    await asyncio.wait_for(seen.wait(), 5)
    monitor.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await monitor


@pytest.mark.root
@pytest.mark.parametrize("family", ["ip", "ip6"])
async def test_the_kernel_takes_every_chain_of_the_proxy(kernel: LibNftables, family: str) -> None:
    network = PodNetwork(*(("10.42.0.0/16", "10.43.0.0/16") if family == "ip" else ("fd42::/56", "fd43::/112")), "cni0", False)
    ruleset = Ruleset(family, network)
    made = ruleset.replacement()
    made.chains += [ruleset.balance_chain(BalanceChain(scope, 3, affinity_s)) for scope in Scope for affinity_s in (0, 60)]
    await kernel.apply(made)
    assert await kernel.table_exists(ruleset.table)
