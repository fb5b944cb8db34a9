"""A process ends in order at the first signal and at once at the second."""

from __future__ import annotations

import signal
import subprocess
import sys

PROGRAM = """
import asyncio
from minikube_py.core.process import run_until_stopped

alive = True

async def component():
    global alive
    print("started", flush=True)
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        alive = False
        print("component ended", flush=True)

async def before_end():
    print(f"ending, component alive: {alive}", flush=True)
    if %r:
        await asyncio.sleep(3600)

asyncio.run(run_until_stopped(component(), before_end=before_end))
"""


def started(stuck: bool) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM % stuck], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "started\n"
    return process


def test_components_run_until_clients_are_let_go() -> None:
    process = started(stuck=False)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert (output, process.returncode) == ("ending, component alive: True\ncomponent ended\n", 0)


def test_second_signal_ends_at_once() -> None:
    process = started(stuck=True)
    process.send_signal(signal.SIGTERM)
    assert process.stdout is not None and process.stdout.readline() == "ending, component alive: True\n"
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert (output, process.returncode) == ("", 1)
