"""Fixtures of a real containerd on a throw-away host. They need root, containerd and runc."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from minikube_py.cri.containerd import Containerd

from .lab import clean_files, eventually, inside_new_network, make_busybox_tar, mounts_below, processes_with, remove_everything, running


@pytest.fixture(scope="module")
def host_network() -> Iterator[None]:
    """The test's thread is in a network namespace of its own."""
    with inside_new_network(f"mkpy-cri-{os.getpid()}"):
        yield


@pytest.fixture(scope="session")
def busybox_tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of a busybox image."""
    path = tmp_path_factory.mktemp("images") / "busybox.tar"
    make_busybox_tar(path)
    return path


@pytest.fixture
async def containerd(host_network: None, busybox_tar: Path, tmp_path: Path) -> AsyncIterator[Containerd]:
    """A running containerd with the pause and busybox images; nothing of it is left afterwards."""
    component = Containerd(tmp_path)
    async with running(component):
        await component.import_image(busybox_tar)
        yield component
        await remove_everything(component)
    assert mounts_below(tmp_path) + mounts_below(component.socket.parent) == []
    # A pod's shim ends a moment after its pod was removed.
    await eventually(lambda: not processes_with(str(component.socket)) and not processes_with(str(tmp_path)))
    clean_files(component)
