"""The image of the pause program, made on the node, so that a node needs no registry to run a pod."""

from __future__ import annotations

import platform
from pathlib import Path

from minikube_py.cri.oci_archive import Entry, oci_archive

PAUSE_IMAGE = "docker.io/minikube-py/pause:1"

# What uname calls the machine, to what images call its architecture.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}

# The user that the sandbox runs as, unless the pod says otherwise; as upstream's pause image has it.
USER = "65535:65535"


def pause_image_archive(machine: str | None = None) -> bytes:
    """The pause image as an OCI archive, a few kilobytes.

    Args:
        machine: as `uname -m` says; by default this machine's.
    Raises: KeyError if there is no pause program for the machine.
    """
    architecture = ARCHITECTURES[machine or platform.machine()]
    program = (Path(__file__).parent / f"pause-{architecture}").read_bytes()
    return oci_archive(
        {"pause": Entry(program, mode=0o755)},
        names=[PAUSE_IMAGE],
        architecture=architecture,
        config={"Entrypoint": ["/pause"], "User": USER, "Env": ["PATH=/"]},
    )
