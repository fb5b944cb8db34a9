"""ServiceProxy: keeps the kernel's table equal to the Services and EndpointSlices that it is told of.

Level-triggered: a change marks a Service dirty, and a pass recomputes the dirty ones and applies the exact difference in one
transaction. Changes that come within a few milliseconds share a pass. A refused transaction, or a table that something else
removed, leads to a replacement of the whole table, which is atomic too: no packet meets a table that is half built.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import Protocol

from ...apis.core_v1 import Service
from ...apis.discovery_v1 import EndpointSlice
from ...core.backoff import Backoff
from ..nftables import NftError, NftTables
from ..slices import SlicesByService
from .model import Frontend, HostPort, NodeView, host_port_rules, range_rules, service_rules
from .ruleset import Ruleset
from .state import FrontendTable, StaleFlow

log = logging.getLogger(__name__)

_COALESCE_S = 0.003
"""Long enough that a Service and its EndpointSlice share a transaction, short against a connection attempt."""

_SERVICES_PER_STEP = 250
"""Services computed between two turns of the event loop: about 10 ms."""

_RANGES = "ranges:"
"""Marked dirty in place of a Service, whose keys have no colon."""

_RETRY_MIN_S = 0.1
_RETRY_MAX_S = 30.0


class FlowTable(Protocol):
    """The kernel's connection tracking, as far as the proxy needs it."""

    async def forget_udp(self, flows: list[StaleFlow]) -> None:
        """Delete the tracked UDP flows that match; their next packet is translated anew.

        Raises: OSError if the kernel refuses.
        """


class ServiceProxy:
    """The service proxy of one address family.

    Args:
        ruleset: the table and the addresses around it.
        node: this node, as the rules depend on it.
        flows: connection tracking to clean when UDP endpoints go.
    """

    def __init__(self, nft: NftTables, ruleset: Ruleset, node: NodeView, flows: FlowTable) -> None:
        self._nft = nft
        self._ruleset = ruleset
        self._node = node
        self._flows = flows
        self._table = FrontendTable(ruleset)
        self._services: dict[str, Service] = {}
        self._slices = SlicesByService()
        self._host_ports: dict[str, tuple[HostPort, ...]] = {}
        self._ranges: tuple[str, ...] = ()
        self._dirty: set[str] = set()
        self._replace = True
        self._busy = False
        self._initial = asyncio.Event()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._backoff = Backoff(_RETRY_MIN_S, _RETRY_MAX_S)
        self.ready = asyncio.Event()
        """Set once the table holds every Service known at `initial_sync_done`."""

    def service_changed(self, key: str, service: Service | None) -> None:
        """Note the newest state of the Service `key` (namespace/name); None if it is gone. The object is only read."""
        if service is None:
            self._services.pop(key, None)
        else:
            self._services[key] = service
        self._mark(key)

    def slice_changed(self, key: str, endpoint_slice: EndpointSlice | None) -> None:
        """Note the newest state of the EndpointSlice `key` (namespace/name); None if it is gone. The object is only read."""
        for service in self._slices.change(key, endpoint_slice):
            self._mark(service)

    def host_ports_changed(self, key: str, ports: Iterable[HostPort]) -> None:
        """Note the host ports of the pod `key` of this node (any name that is unique among pods); none when it is gone."""
        # The prefix keeps pods apart from Services, whose keys have no colon.
        pod = f"pod:{key}"
        self._host_ports[pod] = tuple(ports)
        if not self._host_ports[pod]:
            del self._host_ports[pod]
        self._mark(pod)

    def service_ranges_changed(self, ranges: Iterable[str]) -> None:
        """Note the ranges of services beyond the first; they do not overlap."""
        self._ranges = tuple(ranges)
        self._mark(_RANGES)

    def node_changed(self, node: NodeView) -> None:
        """Take over another view of this node (its addresses, its zone) and compute every Service anew."""
        if node != self._node:
            self._node = node
            self._dirty.update(self._services, self._host_ports)
            self._notify()

    def initial_sync_done(self) -> None:
        """Tell that every existing Service and EndpointSlice has been reported: nothing is programmed before."""
        self._initial.set()

    def resync(self) -> None:
        """Replace the whole table, because something else has changed it."""
        self._replace = True
        self._notify()

    async def wait_synced(self) -> None:
        """Wait until everything reported so far is in the kernel."""
        if self._dirty or self._replace or self._busy:
            self._idle.clear()
            await self._idle.wait()

    async def run(self) -> None:
        """Program until cancelled. The table stays when this ends: traffic goes on.

        Raises: nothing for a refused transaction, which is logged and tried again.
        """
        await self._initial.wait()
        while True:
            if not self._dirty and not self._replace:
                self._idle.set()
                await self._wake.wait()
                await asyncio.sleep(_COALESCE_S)
            self._wake.clear()
            try:
                await self._sync()
            except NftError as e:
                self._replace = True
                delay_s = self._backoff.next_s("table")
                log.warning("service rules refused, replacing the table delay_s=%.1f missing=%s error=%s", delay_s, e.missing, e.message)
                # The first retry of a table that was removed under us needs no delay: the replacement cannot fail for that reason.
                if not e.missing or self._backoff.failures("table") > 1:
                    await asyncio.sleep(delay_s)
            else:
                self._backoff.forget("table")

    async def cleanup(self) -> None:
        """Remove the table. For use after `run` has ended."""
        await self._nft.delete_table(self._ruleset.table)
        self._replace = True

    def _mark(self, key: str) -> None:
        self._dirty.add(key)
        self._notify()

    def _notify(self) -> None:
        self._wake.set()

    async def _sync(self) -> None:
        dirty, self._dirty = self._dirty, set()
        replace, self._replace = self._replace, False
        self._busy = True
        try:
            touched = await self._claim(dirty)
            plan = self._table.plan_replacement() if replace else self._table.plan(touched)
            await self._nft.apply(plan.transaction)
        except (NftError, asyncio.CancelledError):
            # A cancelled transaction may have been applied or not; only a replacement is right in both cases.
            self._dirty |= dirty
            self._replace = True
            raise
        finally:
            self._busy = False
        self._table.commit(plan)
        if plan.transaction:
            log.debug("service rules programmed frontends=%d replaced=%s", len(plan.frontends), replace)
        if plan.stale:
            await self._forget(plan.stale)
        self.ready.set()

    async def _claim(self, services: set[str]) -> set[Frontend]:
        touched: set[Frontend] = set()
        for number, key in enumerate(services, start=1):
            service = self._services.get(key)
            if key == _RANGES:
                touched |= self._table.claim(key, ("", key), range_rules(self._ranges))
            elif service is None:
                touched |= self._table.claim(key, ("", key), host_port_rules(self._host_ports.get(key, ()), self._node))
            else:
                rules = service_rules(service, self._slices.of(key), self._node)
                touched |= self._table.claim(key, (service.metadata.creation_timestamp, key), rules)
            if number % _SERVICES_PER_STEP == 0:
                await asyncio.sleep(0)
        return touched

    async def _forget(self, stale: list[StaleFlow]) -> None:
        try:
            await self._flows.forget_udp(stale)
        except OSError as e:
            log.warning("stale UDP flows stay until they time out flows=%d error=%s", len(stale), e)
