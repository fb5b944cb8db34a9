"""How many pods a second the scheduler binds, in process: nodes and pending pods first, then the clock and the scheduler start.

python bench/scheduling.py [--nodes 1000] [--pods 3000] [--spread] [--sqlite]

--spread gives the pods a service, so that each is spread over nodes and zones. --sqlite stores on disk, else in memory.
Prints RESULT scheduled_per_s=…
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from minikube_py.apis import core_v1
from minikube_py.apis.scheme import from_document
from minikube_py.apiserver.assembly import RegistryOptions, build_registry
from minikube_py.apiserver.local_client import LocalClient
from minikube_py.apiserver.subresources import Subresources
from minikube_py.client.informer import Informers
from minikube_py.scheduler.scheduler import Scheduler
from minikube_py.store.memory import MemoryStore
from minikube_py.store.sqlite import SqliteStore


def node(number: int) -> core_v1.Node:
    room = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    labels = {"kubernetes.io/hostname": f"n{number}", "topology.kubernetes.io/zone": f"z{number % 3}"}
    document = {"metadata": {"name": f"n{number}", "labels": labels}, "status": {"capacity": room, "allocatable": room}}
    return from_document(core_v1.Node, document)


def pod(number: int) -> core_v1.Pod:
    container = {"name": "c", "image": "busybox", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}
    metadata = {"name": f"s{number}", "namespace": "default", "labels": {"app": "s"}}
    return from_document(core_v1.Pod, {"metadata": metadata, "spec": {"containers": [container]}})


async def fill(client: Any, nodes: int, pods: int, spread: bool) -> None:
    metadata = {"name": "default"}
    await client.create(from_document(core_v1.Namespace, {"metadata": metadata}))
    await client.create(from_document(core_v1.ServiceAccount, {"metadata": {**metadata, "namespace": "default"}}))
    if spread:
        spec = {"selector": {"app": "s"}, "ports": [{"port": 80}]}
        await client.create(from_document(core_v1.Service, {"metadata": {"name": "s", "namespace": "default"}, "spec": spec}))
    for number in range(nodes):
        wanted = node(number)
        await client.create(wanted)
        await client.patch(core_v1.Node, f"n{number}", "", {"spec": {"taints": None}})
        room = {"capacity": wanted.status.capacity, "allocatable": wanted.status.allocatable}
        await client.patch(core_v1.Node, f"n{number}", "", {"status": room}, subresource="status")
    for start in range(0, pods, 64):
        await asyncio.gather(*(client.create(pod(number)) for number in range(start, min(start + 64, pods))))


async def measure(client: Any, pods: int) -> float:
    informers = Informers(client)
    scheduler = Scheduler(client, informers)
    done, left = asyncio.Event(), pods

    def count(old: core_v1.Pod | None, new: core_v1.Pod | None) -> None:
        nonlocal left
        if new is not None and new.spec.node_name and (old is None or not old.spec.node_name):
            left -= 1
            if not left:
                done.set()

    informers.of(core_v1.Pod).add_handler(count)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(informers.run()), group.create_task(scheduler.run())]
        await scheduler.ready.wait()
        begun = time.perf_counter()
        await done.wait()
        took_s = time.perf_counter() - begun
        for task in reversed(tasks):
            task.cancel()
    return took_s


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=3000)
    parser.add_argument("--spread", action="store_true")
    parser.add_argument("--sqlite", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        store: Any = SqliteStore(Path(directory) / "state.db") if options.sqlite else MemoryStore()
        await store.open()
        registry = build_registry(store, RegistryOptions())
        client = LocalClient(registry, Subresources(registry, None), "system:kube-scheduler")  # type: ignore[arg-type]
        await fill(client, options.nodes, options.pods, options.spread)
        took_s = await measure(client, options.pods)
        await store.close()
    print(f"RESULT scheduled_per_s={options.pods / took_s:.0f} nodes={options.nodes} pods={options.pods} spread={options.spread}")


if __name__ == "__main__":
    uvloop.run(main())
