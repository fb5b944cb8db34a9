"""Figures of the API server: TLS, RBAC, admission, store on disk, controllers and scheduler on; a new server for each run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import uvloop

from . import wrk
from .client import create_pods
from .program import Running, server

PODS = 18_000
PAGE = 500
PATCHED = 500
FLOODERS = 200
WATCHERS = 1_000
STREAMS = 20
MB = 1e6
# What 500 pods of the same request bodies take in Kubernetes' answer.
REFERENCE_PAGE_BYTES = 1.45e6
Measured = dict[str, list[float]]
Say = Callable[[str], None]


def creates(measured: Measured, seconds: int) -> None:
    for key, kind, connections in (
        ("create_pod_1", "pod", 1), ("create_pod_16", "pod", 16), ("create_pod_64", "pod", 64), ("create_configmap_16", "configmap", 16),
    ):
        with server() as running:
            measured["ready_s"].append(running.ready_s)
            load = wrk.create(running.url, kind, "run", connections=connections, seconds=seconds)
            measured[key].append(load.per_s)
            measured[f"{key}_p50_ms"].append(load.p50_ms)


def gets(measured: Measured, seconds: int) -> None:
    with server() as running:
        load = wrk.get(running.url, "/api/v1/namespaces/default", connections=16, seconds=seconds)
        measured["get_namespace_16"].append(load.per_s)


def lists(measured: Measured, seconds: int) -> None:
    path = "/api/v1/namespaces/default/pods"
    with server() as running:
        uvloop.run(create_pods(running.url, PODS))
        measured["pods_rss_mb"].append(running.usage().rss_bytes / MB)
        page = wrk.get(running.url, f"{path}?limit={PAGE}", connections=4, seconds=seconds)
        measured["list_500"].append(page.bytes_per_s / REFERENCE_PAGE_BYTES)
        measured["list_500_mb"].append(page.bytes_per_s / MB)
        measured["list_all_ms"].append(wrk.get(running.url, path, connections=1, seconds=seconds).p50_ms)


def patches(measured: Measured, seconds: int) -> None:
    with server() as running:
        uvloop.run(create_pods(running.url, PATCHED))
        for kind in ("merge", "strategic", "apply"):
            measured[f"patch_{kind}_16"].append(wrk.patch(running.url, kind, PATCHED, connections=16, seconds=seconds).per_s)


def watchers(measured: Measured, seconds: int) -> None:
    with server() as running:
        measured["watchers_p99_ms"].append(_script("watchers", running, str(WATCHERS))["p99_ms"])
    with server() as running:
        measured["watch_stream"].append(_script("watch_stream", running, str(STREAMS), str(seconds))["events_per_s"])


def flood(measured: Measured, seconds: int) -> None:
    with server() as running:
        uvloop.run(create_pods(running.url, PODS))
        measured["flood_lease_ms"].append(_script("flood", running, str(FLOODERS), str(seconds))["slowest_ms"])


def _script(name: str, running: Running, *arguments: str) -> dict[str, float]:
    """In a process of its own: the client's work is more than the server's."""
    command = [sys.executable, "-m", f"bench.{name}", running.url, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return wrk.results(done.stdout)


def measure(measured: Measured, runs: int, seconds: int, say: Say) -> None:
    """All figures, as many values of each as there are runs (of `ready_s` more)."""
    parts: list[tuple[str, Callable[[], None]]] = [
        ("creates", lambda: creates(measured, seconds)),
        ("gets", lambda: gets(measured, seconds)),
        ("lists", lambda: lists(measured, seconds)),
        ("patches", lambda: patches(measured, seconds)),
        ("flood", lambda: flood(measured, seconds)),
        ("watchers", lambda: watchers(measured, seconds)),
    ]
    for number in range(runs):
        for name, part in parts:
            say(f"api, run {number + 1} of {runs}: {name}")
            part()
