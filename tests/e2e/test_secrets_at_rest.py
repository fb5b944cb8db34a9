"""What the disk of a running server tells about Secrets: nothing."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster import PROGRAM, Cluster

pytestmark = pytest.mark.e2e
WORD = "correct-horse-battery-staple"
# As it is, and as it stands in base64 at each of the three offsets that it can have there.
FORMS = [WORD.encode(), *(base64.b64encode(b"x" * shift + WORD.encode())[4:-4] for shift in range(3))]


def files(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_file() and not path.is_symlink())


def test_nothing_secret_is_in_files_of_the_server_or_its_log_also_after_rotation(cluster: Cluster) -> None:
    cluster.kubectl("create", "secret", "generic", "at-rest", f"--from-literal=word={WORD}")
    cluster.kubectl("create", "configmap", "at-rest", f"--from-literal=word={WORD[::-1]}")
    server = cluster.server

    def command(*arguments: str) -> str:
        return server.host.run(str(PROGRAM), "secrets-encrypt", "--kubeconfig", str(cluster.kubeconfig), *arguments).stdout

    def written(word: bytes) -> list[str]:
        return [str(path) for path in (*files(server.data / "server"), server.log) if word in path.read_bytes()]

    assert written(WORD[::-1].encode()), "what is not secret is found this way"
    for action in ("rotate", "reencrypt", "rotate-keys"):
        assert [path for form in FORMS for path in written(form)] == []
        command(action)
    assert [path for form in FORMS for path in written(form)] == []
    assert "Encryption Status: Enabled" in command("status")
    assert base64.b64decode(cluster.kubectl("get", "secret", "at-rest", "-o", "jsonpath={.data.word}")).decode() == WORD
