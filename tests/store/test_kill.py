"""A process that is killed at any moment has kept every durable write that it acknowledged."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from minikube_py.store.sqlite import SqliteStore

from .drive import PODS, everything

KILLS = 20
HERE = Path(__file__)


def run_and_kill(path: Path, seed: int, after_lines: int) -> list[str]:
    """Start the writer, kill it when it has acknowledged so many writes, and return all that it had printed."""
    command = [sys.executable, "-m", "tests.store.kill_writer", str(path), str(seed)]
    with subprocess.Popen(command, cwd=HERE.parents[2], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(after_lines + 1)]
        finally:
            process.kill()
        lines += process.stdout.readlines()
    # The last line may be cut: that write was safe, but was not told.
    return [line for line in lines if line.endswith("\n")]


async def test_acknowledged_writes_survive_kill_and_revisions_never_go_back(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    path = tmp_path / "s.db"
    # By key: revision and value ("-" for a deleted one) of the last acknowledged write.
    acknowledged: dict[str, tuple[int, str]] = {}
    deleting: set[str] = set()
    newest = 0
    for kill in range(KILLS):
        ready, *lines = run_and_kill(path, chance.randrange(2**32), chance.randrange(1, 150))
        assert int(ready.split()[1]) >= newest
        for line in lines:
            key, revision, value = line.split()
            if value == "?":
                deleting.add(key)
                continue
            deleting.discard(key)
            assert int(revision) > acknowledged.get(key, (0, ""))[0]
            acknowledged[key] = int(revision), value
            newest = max(newest, int(revision))
        store = SqliteStore(path)
        await store.open()
        assert store.revision >= newest, f"kill {kill}"
        contents = everything(store)
        for key, (told, value) in acknowledged.items():
            entry = store.get(PODS, key)
            if entry is None:
                assert value == "-" or key in deleting, f"kill {kill}: {key} is lost"
                continue
            assert entry.revision >= told, f"kill {kill}: {key} went back"
            assert entry.revision > told or str(contents[key]) == value, f"kill {kill}: {key}"
        # What landed without being told is the state that the next round builds on.
        acknowledged |= {entry.key: (entry.revision, str(contents[entry.key])) for entry in store.list(PODS).entries}
        acknowledged |= {key: (acknowledged[key][0], "-") for key in acknowledged if key not in contents}
        deleting.clear()
        newest = store.revision
        await store.close()
    assert len(acknowledged) > KILLS
