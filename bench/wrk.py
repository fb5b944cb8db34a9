"""The load generator wrk with the scripts beside this file."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from .program import TOKEN

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Load:
    """What a run of wrk found."""

    per_s: float
    p50_ms: float
    p99_ms: float
    bytes_per_s: float


def results(output: str) -> dict[str, float]:
    """The numbers of a line "RESULT name=number ..." in a program's output.

    Raises: RuntimeError with the output if there is none.
    """
    for line in output.splitlines():
        if line.startswith("RESULT "):
            pairs = (word.partition("=") for word in line.split() if "=" in word)
            return {name: float(text) for name, _, text in pairs if text.replace(".", "", 1).isdigit()}
    raise RuntimeError(f"no RESULT in:\n{output}")


def run(script: str, url: str, *arguments: str, connections: int, seconds: int, token: str = TOKEN) -> Load:
    """Drive a server for some seconds with one thread.

    Raises: RuntimeError if wrk or any request failed.
    """
    command = [
        "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(HERE / script), url, "--", token, *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = results(done.stdout) if done.returncode == 0 else {}
    if not found or found["failed"]:
        raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return Load(found["per_s"], found["p50_ms"], found["p99_ms"], found["bytes_per_s"])


def create(url: str, kind: str, name: str, *, connections: int, seconds: int, token: str = TOKEN) -> Load:
    """Create "pod"s or "configmap"s whose names begin with `name`."""
    return run("create.lua", url, kind, name, connections=connections, seconds=seconds, token=token)


def get(url: str, path: str, *, connections: int, seconds: int, token: str = TOKEN) -> Load:
    return run("get.lua", url, path, connections=connections, seconds=seconds, token=token)


def patch(url: str, kind: str, pods: int, *, connections: int, seconds: int) -> Load:
    """Patch so many pods in turn by "merge", "strategic" or "apply"."""
    return run("patch.lua", url, kind, str(pods), connections=connections, seconds=seconds)
