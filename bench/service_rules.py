"""How long service rules take: 10,000 Services with 2 endpoints each from nothing, and one more.

Measures from the moment that the objects are reported to the proxy until the kernel has the rules. Runs in a network namespace
of its own, so it needs root; prints the median of three.

    python bench/service_rules.py [services] [runs]
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import statistics
import sys
import time
from dataclasses import dataclass

from minikube_py.apis.core_v1 import Service, ServicePort, ServiceSpec
from minikube_py.apis.discovery_v1 import Endpoint, EndpointConditions, EndpointPort, EndpointSlice
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.net.libnftables import LibNftables
from minikube_py.net.proxy.conntrack import Conntrack
from minikube_py.net.proxy.endpoints import Locality
from minikube_py.net.proxy.model import NodeView
from minikube_py.net.proxy.ruleset import PodNetwork, Ruleset
from minikube_py.net.proxy.sync import ServiceProxy
from minikube_py.net.slices import SERVICE_NAME_LABEL

_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Figures:
    """Seconds for all services from nothing, milliseconds for one more (both medians)."""

    cold_s: float
    one_more_ms: float


def _objects(number: int) -> tuple[str, Service, EndpointSlice]:
    name = f"s{number}"
    service = Service(
        metadata=ObjectMeta(name=name, namespace="bench", creation_timestamp="2026-01-01T00:00:00Z"),
        spec=ServiceSpec(
            type="ClusterIP",
            cluster_ip=f"10.43.{number >> 8}.{number & 255}",
            ports=[ServicePort(name="http", protocol="TCP", port=80)],
        ),
    )
    ready = EndpointConditions(ready=True, serving=True, terminating=False)
    addresses = [f"10.42.{(2 * number + i) >> 8 & 255}.{(2 * number + i) & 255}" for i in range(2)]
    endpoint_slice = EndpointSlice(
        metadata=ObjectMeta(name=f"{name}-x", namespace="bench", labels={SERVICE_NAME_LABEL: name}),
        address_type="IPv4",
        endpoints=[Endpoint(addresses=[a], node_name="other", conditions=ready) for a in addresses],
        ports=[EndpointPort(name="http", protocol="TCP", port=8080)],
    )
    return name, service, endpoint_slice


def _report(proxy: ServiceProxy, objects: tuple[str, Service, EndpointSlice]) -> None:
    name, service, endpoint_slice = objects
    proxy.service_changed(f"bench/{name}", service)
    proxy.slice_changed(f"bench/{name}-x", endpoint_slice)


async def _run_once(services: int) -> Figures:
    nft = LibNftables()
    ruleset = Ruleset("ip", PodNetwork("10.42.0.0/16", "10.43.0.0/16", "cni0", True))
    proxy = ServiceProxy(nft, ruleset, NodeView(Locality("node")), Conntrack())
    made = [_objects(n) for n in range(1, services + 12)]
    task = asyncio.create_task(proxy.run())
    start = time.perf_counter()
    for objects in made[:services]:
        _report(proxy, objects)
    proxy.initial_sync_done()
    await proxy.wait_synced()
    cold_s = time.perf_counter() - start
    ones = []
    for objects in made[services:]:
        start = time.perf_counter()
        _report(proxy, objects)
        await proxy.wait_synced()
        ones.append((time.perf_counter() - start) * 1e3)
    held = await nft.list_elements(ruleset.table, ruleset.sets["endpoints"])
    if len(held) != 2 * len(made):
        raise RuntimeError(f"the kernel holds {len(held)} endpoints of {2 * len(made)}")
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await proxy.cleanup()
    await nft.close()
    return Figures(cold_s, statistics.median(ones))


def measure(services: int = 10_000, runs: int = 3) -> Figures:
    """Measure in a new network namespace; the calling thread stays in it, so call it in a process or thread of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    results = [asyncio.run(_run_once(services)) for _ in range(runs)]
    return Figures(statistics.median(r.cold_s for r in results), statistics.median(r.one_more_ms for r in results))


def main() -> None:
    services, runs = (int(a) for a in (sys.argv[1:] + ["10000", "3"][len(sys.argv) - 1 :]))
    figures = measure(services, runs)
    print(f"RESULT service_rules services={services} cold_s={figures.cold_s:.3f} one_more_ms={figures.one_more_ms:.1f}")


if __name__ == "__main__":
    main()
