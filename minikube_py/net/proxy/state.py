"""What is in the kernel, what should be, and the transaction between the two.

Pure bookkeeping: knows no Kubernetes object and does no I/O. A frontend that two Services claim (the same external IP and port)
goes to the one with the lower rank; when that one leaves, the other gets it.

Invariant: after `commit` of every plan, the programmed elements are those of a table built from scratch out of the claims.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ..nftables import Transaction
from .model import Frontend, FrontendRules
from .ruleset import BalanceChain, Ruleset

Rank = tuple[str, str]
"""Creation time, then namespace/name: the older Service wins."""

_NOTHING = FrontendRules()


class StaleFlow(NamedTuple):
    """UDP flows that conntrack would go on sending where they no longer belong; `backend_ip` "" means untranslated ones."""

    frontend: Frontend
    backend_ip: str


@dataclass(slots=True)
class Plan:
    """One transaction and what it will have changed."""

    transaction: Transaction
    frontends: dict[Frontend, FrontendRules] = field(default_factory=dict)
    chains: set[BalanceChain] = field(default_factory=set)
    hairpin: Counter[str] = field(default_factory=Counter)
    stale: list[StaleFlow] = field(default_factory=list)


class FrontendTable:
    """Claims of Services on frontends, and the elements programmed for them."""

    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset
        self._rules: dict[str, dict[Frontend, FrontendRules]] = {}
        self._claims: dict[Frontend, dict[str, Rank]] = {}
        self._programmed: dict[Frontend, FrontendRules] = {}
        self._chains: set[BalanceChain] = set()
        self._hairpin: Counter[str] = Counter()

    def claim(self, service: str, rank: Rank, rules: dict[Frontend, FrontendRules]) -> set[Frontend]:
        """Replace what `service` claims (by nothing if `rules` is empty); returns the frontends to plan anew."""
        old = self._rules.pop(service, {})
        if rules:
            self._rules[service] = rules
        for frontend in old.keys() - rules.keys():
            claims = self._claims[frontend]
            del claims[service]
            if not claims:
                del self._claims[frontend]
        for frontend in rules:
            self._claims.setdefault(frontend, {})[service] = rank
        return {*old, *rules}

    def plan(self, frontends: Iterable[Frontend]) -> Plan:
        """The exact change of the kernel's table that brings these frontends to their claims."""
        plan = Plan(Transaction(self._ruleset.table))
        for frontend in frontends:
            old, new = self._programmed.get(frontend, _NOTHING), self._wanted(frontend)
            if old.elements == new.elements and old.hairpin == new.hairpin and old.backends == new.backends:
                continue
            plan.frontends[frontend] = new
            self._plan_elements(plan.transaction, old, new)
            plan.chains |= new.chains - self._chains
            plan.hairpin.update(new.hairpin)
            plan.hairpin.subtract(old.hairpin)
            plan.stale += _stale_flows(frontend, old, new)
        self._finish(plan, self._hairpin)
        return plan

    def plan_replacement(self) -> Plan:
        """The whole table, replaced in one transaction."""
        plan = Plan(self._ruleset.replacement())
        for frontend in self._claims:
            new = self._wanted(frontend)
            plan.frontends[frontend] = new
            self._plan_elements(plan.transaction, _NOTHING, new)
            plan.chains |= new.chains
            plan.hairpin.update(new.hairpin)
            plan.stale += _stale_flows(frontend, self._programmed.get(frontend, _NOTHING), new)
        for frontend in self._programmed.keys() - self._claims.keys():
            plan.stale += _stale_flows(frontend, self._programmed[frontend], _NOTHING)
        self._finish(plan, Counter())
        return plan

    def commit(self, plan: Plan) -> None:
        """Note that the plan's transaction was applied."""
        if plan.transaction.replace:
            self._programmed.clear()
            self._chains.clear()
            self._hairpin.clear()
        for frontend, rules in plan.frontends.items():
            if rules.elements:
                self._programmed[frontend] = rules
            else:
                self._programmed.pop(frontend, None)
        self._chains |= plan.chains
        self._hairpin.update(plan.hairpin)
        self._hairpin = +self._hairpin

    def _wanted(self, frontend: Frontend) -> FrontendRules:
        claims = self._claims.get(frontend)
        if not claims:
            return _NOTHING
        winner = next(iter(claims)) if len(claims) == 1 else min(claims, key=claims.__getitem__)
        return self._rules[winner][frontend]

    def _plan_elements(self, transaction: Transaction, old: FrontendRules, new: FrontendRules) -> None:
        for (set_name, key), value in old.elements.items():
            if new.elements.get((set_name, key)) != value:
                transaction.delete_element(set_name, key)
        for (set_name, key), value in new.elements.items():
            if old.elements.get((set_name, key)) != value:
                transaction.add_element(set_name, key, value)

    def _finish(self, plan: Plan, hairpin: Counter[str]) -> None:
        for ip, change in plan.hairpin.items():
            before, after = hairpin[ip], hairpin[ip] + change
            if before and not after:
                plan.transaction.delete_element("hairpin", f"{ip} . {ip}")
            elif after and not before:
                plan.transaction.add_element("hairpin", f"{ip} . {ip}")
        plan.transaction.chains += [self._ruleset.balance_chain(chain) for chain in sorted(plan.chains, key=lambda c: c.name)]


def _stale_flows(frontend: Frontend, old: FrontendRules, new: FrontendRules) -> list[StaleFlow]:
    """UDP has no end of connection: a flow keeps the translation that it began with until it pauses for long enough."""
    if frontend.protocol != "udp":
        return []
    gone = {b.ip for b in old.backends} - {b.ip for b in new.backends}
    stale = [StaleFlow(frontend, ip) for ip in sorted(gone)]
    if new.backends and not old.backends:
        stale.append(StaleFlow(frontend, ""))
    return stale
