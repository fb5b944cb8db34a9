"""A twin of the kernel's nftables for tests: applies a transaction to a copy and swaps it in if all of it holds."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

from minikube_py.net.nftables import ChainSpec, NftError, SetSpec, Table, Transaction


@dataclass
class FakeTable:
    sets: dict[str, SetSpec] = field(default_factory=dict)
    elements: dict[str, dict[str, str]] = field(default_factory=dict)
    chains: dict[str, tuple[str, ...]] = field(default_factory=dict)


class FakeNft:
    """NftTables without a kernel. `refuse` makes the next transactions fail; `applied` counts those that did not."""

    def __init__(self) -> None:
        self.tables: dict[str, FakeTable] = {}
        self.refuse: list[NftError] = []
        self.applied: list[Transaction] = []

    async def apply(self, transaction: Transaction) -> None:
        if self.refuse:
            raise self.refuse.pop(0)
        name = str(transaction.table)
        if transaction.replace:
            table = FakeTable()
        elif name in self.tables:
            table = copy.deepcopy(self.tables[name])
        elif transaction.sets or transaction.chains:
            table = FakeTable()
        else:
            raise NftError(f"No such file or directory: table {name}")
        self._define(table, transaction)
        self._change(table, transaction)
        self.tables[name] = table
        self.applied.append(transaction)

    def _define(self, table: FakeTable, transaction: Transaction) -> None:
        for spec in transaction.sets:
            table.sets[spec.name] = spec
            table.elements.setdefault(spec.name, {})
        for chain in transaction.chains:
            table.chains[chain.name] = table.chains.get(chain.name, ()) + self._rules(chain)

    def _rules(self, chain: ChainSpec) -> tuple[str, ...]:
        return chain.rules

    def _change(self, table: FakeTable, transaction: Transaction) -> None:
        for set_name, keys in transaction.deleted.items():
            for key in keys:
                if key not in table.elements.get(set_name, {}):
                    raise NftError(f"No such file or directory: {set_name} {key}")
                del table.elements[set_name][key]
        for set_name, elements in transaction.added.items():
            if set_name not in table.elements:
                raise NftError(f"No such file or directory: set {set_name}")
            for key, value in elements.items():
                if table.elements[set_name].get(key, value) != value:
                    raise NftError(f"File exists: {set_name} {key}")
                verb, _, chain = value.partition(" ")
                if verb in ("goto", "jump") and chain not in table.chains:
                    raise NftError(f"No such file or directory: chain {chain}")
                table.elements[set_name][key] = value

    async def delete_table(self, table: Table) -> None:
        self.tables.pop(str(table), None)

    async def table_exists(self, table: Table) -> bool:
        return str(table) in self.tables

    async def list_elements(self, table: Table, spec: SetSpec) -> dict[str, str]:
        try:
            return dict(self.tables[str(table)].elements[spec.name])
        except KeyError as e:
            raise NftError(f"No such file or directory: {e}") from e

    async def close(self) -> None:
        return None
