"""Writes config maps, kills the server at random moments, and compares what is there with what was acknowledged.

Run inside a cluster's host: PROGRAM HOME SEED KILLS. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from typing import Any

import aiohttp

URL = "https://127.0.0.1:6443"
PATH = f"{URL}/api/v1/namespaces/default/configmaps"
HEADERS = {"Authorization": "Bearer secret-token"}
GONE = (aiohttp.ClientError, ConnectionError, TimeoutError)
WRITERS = 8


class Load:
    """Writers, a watcher, and what they were told."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.acknowledged: dict[str, int] = {}
        self.maybe_deleted: set[str] = set()
        self.seen: dict[str, int] = {}

    async def wait_ready(self) -> None:
        while True:
            try:
                async with self.session.get(f"{URL}/readyz") as answer, self.session.get(f"{URL}/api/v1/namespaces/default") as namespace:
                    if answer.status == namespace.status == 200:
                        return
            except GONE:
                pass
            await asyncio.sleep(0.02)

    async def write(self, prefix: str) -> None:
        """Create and delete objects until the server is gone."""
        number = 0
        try:
            while True:
                name = f"{prefix}-{number}"
                body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"n": str(number)}}
                async with self.session.post(PATH, json=body) as answer:
                    document = await answer.json()
                    if answer.status != 201:
                        raise SystemExit(f"create: {document}")
                self.acknowledged[name] = int(document["metadata"]["resourceVersion"])
                if number % 5 == 4:
                    victim = f"{prefix}-{number - 2}"
                    self.maybe_deleted.add(victim)
                    async with self.session.delete(f"{PATH}/{victim}") as answer:
                        await answer.read()
                number += 1
        except GONE:
            return

    async def list(self) -> tuple[dict[str, int], int]:
        async with self.session.get(PATH) as answer:
            document = await answer.json()
        items = {o["metadata"]["name"]: int(o["metadata"]["resourceVersion"]) for o in document["items"]}
        return items, int(document["metadata"]["resourceVersion"])

    async def watch(self) -> None:
        """List and watch for ever, as informers do."""
        while True:
            try:
                self.seen, revision = await self.list()
                url = f"{PATH}?watch=1&resourceVersion={revision}"
                async with self.session.get(url, timeout=aiohttp.ClientTimeout(total=None)) as answer:
                    async for line in answer.content:
                        self.apply(json.loads(line))
            except (*GONE, ValueError, KeyError):
                await asyncio.sleep(0.02)

    def apply(self, event: dict[str, Any]) -> None:
        meta = event["object"]["metadata"]
        if event["type"] == "DELETED":
            self.seen.pop(meta["name"], None)
        else:
            self.seen[meta["name"]] = int(meta["resourceVersion"])


async def main(program: str, home: str, seed: str, kills: int) -> None:
    rng = random.Random(seed)
    command = (
        program, "server", "--disable-agent", "--data-dir", f"{home}/kill", "--write-kubeconfig", f"{home}/kill.yaml",
        "--kube-apiserver-arg", f"token-auth-file={home}/tokens.csv", "--node-ip", "127.0.0.1", "--log-level", "warning",
    )
    lost: list[str] = []
    newest = went_back = killed = 0
    state: dict[str, int] = {}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False, limit=0), headers=HEADERS) as session:
        load = Load(session)
        watcher = asyncio.create_task(load.watch())
        for number in range(kills + 1):
            server = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
            await load.wait_ready()
            state, revision = await load.list()
            went_back += revision < newest
            lost += [n for n, r in load.acknowledged.items() if n not in load.maybe_deleted and state.get(n, 0) < r]
            newest = max(revision, newest, *load.acknowledged.values()) if load.acknowledged else revision
            if number < kills:
                writers = [asyncio.create_task(load.write(f"w-{number}-{w}")) for w in range(WRITERS)]
                await asyncio.sleep(rng.uniform(0.05, 0.4))
                server.send_signal(signal.SIGKILL)
                killed += 1
                await asyncio.gather(*writers)
            else:
                for _ in range(500):
                    if load.seen == state:
                        break
                    await asyncio.sleep(0.02)
                server.terminate()
            await server.wait()
        watcher.cancel()
        diverged = sorted(set(load.seen.items()) ^ set(state.items()))[:10]
        result = {"kills": killed, "acknowledged": len(load.acknowledged), "lost": lost[:10], "revisions_went_back": went_back,
                  "watchers_diverged": diverged}
    print(json.dumps(result))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
