"""Writes to a store without end and prints what it does.

"ready REVISION" first; "KEY REVISION VALUE" for each acknowledged write, with the value "-" for a deletion; and "KEY 0 ?" before it
asks for a deletion. A key is written by one writer only, one write after the other.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from minikube_py.store.sqlite import SqliteStore

from .drive import PODS, encode

WRITERS, KEYS_EACH = 8, 5


async def write(store: SqliteStore, writer: int, chance: random.Random) -> None:
    while True:
        key = f"w{writer}/{chance.randrange(KEYS_EACH)}"
        head = store.head(PODS, key)
        value = chance.randrange(10**9)
        if head is None:
            entry = await store.create(PODS, key, value, encode)
        elif chance.random() < 0.2:
            print(key, 0, "?", flush=True)
            entry = await store.delete(PODS, key, value, encode, previous=head.revision)
            print(key, entry.revision, "-", flush=True)
            continue
        else:
            entry = await store.update(PODS, key, value, encode, previous=head.revision)
        print(key, entry.revision, value, flush=True)


async def relaxed_noise(store: SqliteStore) -> None:
    """Relaxed writes between: they may be lost, and must not take a durable one with them."""
    for number in range(10**9):
        head = store.head("events", "noise")
        if head is None:
            await store.create("events", "noise", number, encode, durable=False)
        else:
            await store.update("events", "noise", number, encode, previous=head.revision, durable=False)
        await asyncio.sleep(0)


async def main() -> None:
    path, seed = Path(sys.argv[1]), int(sys.argv[2])
    store = SqliteStore(path, flush_s=0.01)
    await store.open()
    print("ready", store.revision, flush=True)
    async with asyncio.TaskGroup() as group:
        for writer in range(WRITERS):
            group.create_task(write(store, writer, random.Random(seed + writer)))
        group.create_task(relaxed_noise(store))


if __name__ == "__main__":
    asyncio.run(main())
