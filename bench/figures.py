"""The figures that are measured, their targets, and the same of Kubernetes 1.36.2, measured on the kind of machine that this project
is built on (2 cores, 24 GiB; kube-apiserver and etcd 3.6 with TLS and RBAC, kube-scheduler, kube-controller-manager, kubelet,
kube-proxy in nftables mode; the load generator on the same 2 cores)."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

RUNS = 3


@dataclass(frozen=True)
class Figure:
    """One row of the table.

    Attributes:
        form: how a value of it is written.
        target: the bound; the greatest good value, or the least if `more_is_better`; None for figures that are only told.
        kubernetes: the same of Kubernetes 1.36.2, "" where there is none.
        combine: makes one value of those of several runs.
    """

    key: str
    label: str
    form: str
    target: float | None
    kubernetes: str = ""
    more_is_better: bool = False
    combine: Callable[[Sequence[float]], float] = statistics.median

    def row(self, values: Sequence[float]) -> tuple[str, str, str, str]:
        """The row's cells."""
        value = self.combine(values)
        text = self.form.format(value)
        if self.target is None:
            return self.label, text, "", self.kubernetes
        bound = f"{'≥' if self.more_is_better else '≤'} {self.form.format(self.target)}"
        met = value >= self.target if self.more_is_better else value <= self.target
        return self.label, text if met else f"{text}  MISSED", bound, self.kubernetes


def _faster(key: str, label: str, form: str, target: float | None, kubernetes: str) -> Figure:
    return Figure(key, label, form, target, kubernetes, more_is_better=True)


API = (
    Figure("ready_s", "process start to /readyz", "{:.2f} s", 1.2, "3.5 s"),
    Figure("create_pod_1_p50_ms", "create Pod, 1 connection, p50", "{:.2f} ms", 1.2, "2.2 ms"),
    _faster("create_pod_16", "create Pod, 16 connections", "{:,.0f} /s", 2500, "1,030 /s"),
    _faster("create_pod_64", "create Pod, 64 connections", "{:,.0f} /s", 3000, "1,197 /s"),
    _faster("create_configmap_16", "create ConfigMap, 16 connections", "{:,.0f} /s", 4000, "1,935 /s"),
    _faster("get_namespace_16", "GET Namespace, 16 connections", "{:,.0f} /s", 10000, "3,643 /s"),
    _faster("list_500_mb", "LIST 500 of 18,000 pods, 4 connections", "{:,.0f} MB/s", 230, "114 MB/s"),
    _faster("list_500", "the same, in pages of 1.45 MB", "{:,.0f} /s", 160, "79 /s"),
    Figure("list_all_ms", "LIST all 18,000 pods", "{:,.0f} ms", 250, "674 ms"),
    Figure("pods_rss_mb", "memory with 18,000 pods", "{:,.0f} MB", 300, "1,670 MB"),
    _faster("patch_merge_16", "merge patch of a Pod, 16 connections", "{:,.0f} /s", 1500, ""),
    _faster("patch_strategic_16", "strategic merge patch, 16 connections", "{:,.0f} /s", 1500, ""),
    _faster("patch_apply_16", "server-side apply, 16 connections", "{:,.0f} /s", 1500, ""),
    Figure("watchers_p99_ms", "one write seen by 1,000 watchers, p99", "{:.0f} ms", 40, "46 ms"),
    Figure("flood_lease_ms", "a Lease renewed while 200 clients list all 18,000 pods, slowest", "{:,.0f} ms", 1000),
    _faster("watch_stream", "events to each of 20 watchers", "{:,.0f} /s", 5000, ""),
)
# With 1,000 roles and bindings, audit at level Metadata, flow control and encryption; by a user of no group.
POLICY = (
    _faster("policy_create_pod_16", "with all policy on: create Pod, 16 connections", "{:,.0f} /s", 2500, "1,030 /s"),
    _faster("policy_create_pod_64", "the same, 64 connections", "{:,.0f} /s", 3000, "1,197 /s"),
    _faster("policy_create_configmap_16", "the same, ConfigMap, 16 connections", "{:,.0f} /s", 4000, "1,935 /s"),
    _faster("policy_get_namespace_16", "the same, GET Namespace, 16 connections", "{:,.0f} /s", 10000, "3,643 /s"),
)
CLUSTER = (
    Figure("deploy_10_s", "Deployment of 10 to Ready", "{:.2f} s", 1.8, "1.5-1.8 s"),
    Figure("deploy_40_s", "40 more", "{:.2f} s", 6.4, "6.4 s"),
    Figure("idle_rss_mb", "idle with agent and 10 pods, memory", "{:,.0f} MB", 130, "650 MB"),
    Figure("idle_cpu_percent", "the same, of a core", "{:.2f} %", 1.0, "5.1 %"),
    # A flush of relaxed writes falls into some windows only: their mean counts it in full.
    Figure("idle_bytes_per_s", "the same, to disk (mean)", "{:,.0f} B/s", 600, "26,700 B/s", combine=statistics.fmean),
)
RULES = (
    Figure("rules_cold_s", "rules of 10,000 services of 2 endpoints", "{:.2f} s", 1.0, "11.7 s"),
    Figure("rules_one_more_ms", "one more service", "{:.1f} ms", 20, "3,700 ms"),
)
SCHEDULING = (_faster("scheduled_per_s", "schedule 3,000 pods on 1,000 nodes", "{:,.0f} /s", 371, "371 /s"),)
TUNNEL = (
    _faster("tunnel_down_mb", "one stream from a node by its tunnel", "{:,.0f} MB/s", 100, ""),
    _faster("tunnel_up_mb", "one stream to a node by its tunnel", "{:,.0f} MB/s", 100, ""),
    _faster("direct_down_mb", "the same without tunnel, from a node", "{:,.0f} MB/s", None, ""),
    _faster("direct_up_mb", "the same without tunnel, to a node", "{:,.0f} MB/s", None, ""),
    Figure("tunnel_small_ms", "small answer of a node by its tunnel, p50", "{:.2f} ms", None),
    Figure("tunnel_beside_stuck_ms", "the same beside a stream that nobody reads", "{:.2f} ms", None),
)
STORE = (
    Figure("store_1_p50_ms", "store alone: 1 kB create, 1 writer, p50", "{:.2f} ms", None),
    _faster("store_1", "store alone: 1 writer", "{:,.0f} /s", None, ""),
    _faster("store_16", "store alone: 16 writers", "{:,.0f} /s", None, ""),
    _faster("store_64", "store alone: 64 writers", "{:,.0f} /s", None, ""),
)
HEAD = ("figure", f"ours (median of {RUNS})", "target", "Kubernetes 1.36.2")


def table(figures: Iterable[Figure], measured: Mapping[str, Sequence[float]]) -> str:
    """The figures that were measured, as text in columns."""
    rows = [HEAD, *(figure.row(measured[figure.key]) for figure in figures if measured.get(figure.key))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])
