"""`python -m bench [part ...]`: measures, and prints one table beside the targets and Kubernetes.

Parts are api, policy, rules, scheduling, store, tunnel and cluster; none named means all of them. Rules and cluster need root.
"""

from __future__ import annotations

import argparse
import compileall
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import minikube_py

from . import api, cluster, figures, policy, program, store, wrk

Measured = dict[str, list[float]]
Say = Callable[[str], None]


def _script(runs: int, say: Say, name: str, *arguments: str) -> list[dict[str, float]]:
    """Run a script beside this file so many times and return what each run found."""
    found = []
    for number in range(runs):
        say(f"{name}, run {number + 1} of {runs}")
        done = subprocess.run([sys.executable, "-m", f"bench.{name}", *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"bench.{name}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        found.append(wrk.results(done.stdout))
    return found


def _rules(measured: Measured, options: argparse.Namespace, say: Say) -> None:
    found = _script(options.runs, say, "service_rules", "10000", "1")
    measured["rules_cold_s"] = [one["cold_s"] for one in found]
    measured["rules_one_more_ms"] = [one["one_more_ms"] for one in found]


def _scheduling(measured: Measured, options: argparse.Namespace, say: Say) -> None:
    measured["scheduled_per_s"] = [one["scheduled_per_s"] for one in _script(options.runs, say, "scheduling", "--sqlite")]


def _store(measured: Measured, options: argparse.Namespace, say: Say) -> None:
    for writers in store.WRITERS:
        say(f"store, {writers} writers")
        found = store.measure(writers, runs=options.runs)
        measured[f"store_{writers}"] = [found.creates_per_s]
        measured[f"store_{writers}_p50_ms"] = [found.p50_ms]


def _tunnel(measured: Measured, options: argparse.Namespace, say: Say) -> None:
    for one in _script(options.runs, say, "tunnel"):
        for name, value in one.items():
            measured[name].append(value)


PARTS: dict[str, tuple[tuple[figures.Figure, ...], Callable[[Measured, argparse.Namespace, Say], None]]] = {
    "api": (figures.API, lambda measured, options, say: api.measure(measured, options.runs, options.seconds, say)),
    "policy": (figures.POLICY, lambda measured, options, say: policy.measure(measured, options.runs, options.seconds, say)),
    "rules": (figures.RULES, _rules),
    "scheduling": (figures.SCHEDULING, _scheduling),
    "store": (figures.STORE, _store),
    "tunnel": (figures.TUNNEL, _tunnel),
    "cluster": (figures.CLUSTER, lambda measured, options, say: cluster.measure(measured, options.runs, options.idle, say)),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=figures.RUNS, help="runs, of which the median counts (default %(default)s)")
    parser.add_argument("--seconds", type=int, default=8, help="seconds of each load (default %(default)s)")
    parser.add_argument("--idle", type=float, default=120.0, help="seconds of each idle window (default %(default)s)")
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    # As pip does when it installs; where the environment keeps Python from writing bytecode, each start would compile everything.
    compileall.compile_dir(str(Path(minikube_py.__file__).parent), quiet=1)
    program.allow_open_files()
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - begun:4.0f} s] {text}", file=sys.stderr, flush=True)

    rows: list[figures.Figure] = []
    measured: Measured = defaultdict(list)
    failed = False
    for name in options.parts or PARTS:
        part_figures, measure = PARTS[name]
        rows += part_figures
        try:
            measure(measured, options, say)
        except (RuntimeError, OSError, AssertionError) as error:
            # The others are still worth knowing; the exit status says that something is missing.
            print(f"{name} failed: {error}", file=sys.stderr)
            failed = True
    if measured:
        print(figures.table(rows, measured))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
