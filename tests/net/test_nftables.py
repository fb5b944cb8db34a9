"""The contract of NftTables, shown by the kernel and by its twin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minikube_py.net.libnftables import LibNftables
from minikube_py.net.nftables import ChainSpec, NftError, NftTables, SetSpec, Table, Transaction

from .fake_nft import FakeNft
from .lab import Namespace

TABLE = Table("ip", "contract-test")
VERDICTS = SetSpec("verdicts", "ipv4_addr . inet_proto . inet_service", "verdict")
NUMBERS = SetSpec("numbers", "ipv4_addr . classid", "ipv4_addr . inet_service")
MEMBERS = SetSpec("members", "ipv4_addr")
A, B = "10.0.0.1 . tcp . 80", "10.0.0.2 . udp . 53"


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
    await nft.delete_table(TABLE)
    await nft.delete_table(TABLE)
    change = Transaction(TABLE)
    change.add_element("members", "10.9.9.9")
    with pytest.raises(NftError) as caught:
        await nft.apply(change)
    assert caught.value.missing
    await nft.close()
