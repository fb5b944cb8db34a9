"""Transactions on one nftables table of ours, and the seam to whatever applies them.

Owns the vocabulary (SetSpec, ChainSpec, Transaction) and the Protocol `NftTables`. It does not know what the rules mean and
never reads them back: who programs a table remembers what it programmed.

Invariant: a Transaction is applied whole or not at all, in the order replace or create, sets, chains, deleted elements,
added elements. An element may therefore be deleted and added in the same transaction, which is how its value changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol


class NftError(Exception):
    """A transaction was refused and nothing of it was applied.

    `message` is what libnftables or the kernel said; `missing` tells that something named by it does not exist (any more).
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.missing = "No such file or directory" in message


@dataclass(frozen=True, slots=True)
class Table:
    """Name of a table: `family` is "ip", "ip6" or "inet"."""

    family: str
    name: str

    def __str__(self) -> str:
        return f"{self.family} {self.name}"


@dataclass(frozen=True, slots=True)
class SetSpec:
    """A set, or a map if `value_type` is given. Types are written as nft writes them ("ipv4_addr . inet_service")."""

    name: str
    key_type: str
    value_type: str = ""
    options: str = ""
    """Further properties, each ended by a semicolon ("flags interval;")."""

    @property
    def keyword(self) -> str:
        return "map" if self.value_type else "set"

    def render(self) -> str:
        mapped = f" : {self.value_type}" if self.value_type else ""
        return f"\t{self.keyword} {self.name} {{ type {self.key_type}{mapped}; {self.options} }}\n"


@dataclass(frozen=True, slots=True)
class ChainSpec:
    """A chain and its rules; a base chain if `hook` is given ("type nat hook prerouting priority -100")."""

    name: str
    rules: tuple[str, ...]
    hook: str = ""

    def render(self) -> str:
        hook = f"\t\t{self.hook}; policy accept;\n" if self.hook else ""
        return f"\tchain {self.name} {{\n{hook}" + "".join(f"\t\t{rule}\n" for rule in self.rules) + "\t}\n"


@dataclass(slots=True)
class Transaction:
    """A change of one table, built up and then applied atomically.

    With `replace` the table is made anew: whatever it held before goes in the same instant. A chain that is added must be new
    to the table, because rules would be appended to an existing one.
    """

    table: Table
    replace: bool = False
    sets: list[SetSpec] = field(default_factory=list)
    chains: list[ChainSpec] = field(default_factory=list)
    deleted: dict[str, list[str]] = field(default_factory=dict)
    added: dict[str, dict[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.replace or self.sets or self.chains or self.deleted or self.added)

    def add_element(self, set_name: str, key: str, value: str = "") -> None:
        """Add `key` to a set, or `key : value` to a map; an element with this key and another value must not exist."""
        self.added.setdefault(set_name, {})[key] = value

    def delete_element(self, set_name: str, key: str) -> None:
        """Delete an element that exists."""
        self.deleted.setdefault(set_name, []).append(key)

    def render(self) -> str:
        """The transaction as one nft script."""
        parts = []
        if self.replace:
            parts.append(f"add table {self.table}\ndelete table {self.table}\n")
        if self.replace or self.sets or self.chains:
            body = "".join([spec.render() for spec in self.sets] + [chain.render() for chain in self.chains])
            parts.append(f"table {self.table} {{\n{body}}}\n")
        for set_name, keys in self.deleted.items():
            parts.append(f"delete element {self.table} {set_name} {{ {', '.join(keys)} }}\n")
        for set_name, elements in self.added.items():
            parts.append(f"add element {self.table} {set_name} {{ {', '.join(_render_elements(elements))} }}\n")
        return "".join(parts)


def _render_elements(elements: dict[str, str]) -> Iterable[str]:
    return (f"{key} : {value}" if value else key for key, value in elements.items())


class NftTables(Protocol):
    """Whatever applies transactions: the kernel, or a twin of it in tests."""

    async def apply(self, transaction: Transaction) -> None:
        """Apply one transaction atomically; when this returns it is in force.

        Raises: NftError if it was refused; then nothing has changed.
        Cancellation: the transaction may still be applied.
        """

    async def delete_table(self, table: Table) -> None:
        """Remove a table with all that is in it; one that does not exist is no error."""

    async def table_exists(self, table: Table) -> bool:
        """Whether there is such a table."""

    async def list_elements(self, table: Table, spec: SetSpec) -> dict[str, str]:
        """The elements of a set or map by key, written as `Transaction` writes them. For diagnosis and tests.

        Raises: NftError if the table or set does not exist.
        """

    async def close(self) -> None:
        """Give back the handle; no method may be called afterwards."""
