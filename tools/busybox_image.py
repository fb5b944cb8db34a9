"""Make an image of this machine's static busybox, for examples and tests where no registry can be reached.

Usage: python tools/busybox_image.py OUT.tar [--ref docker.io/library/busybox:1.36] [--tag docker.io/library/busybox:latest ...]
"""

from __future__ import annotations

import argparse
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from minikube_py.cri.oci_archive import Entry, oci_archive
from minikube_py.cri.pause.image import ARCHITECTURES

DEFAULT_REF = "docker.io/library/busybox:1.36"
BUSYBOX = Path("/bin/busybox")
DIRECTORIES = {"bin": 0o755, "etc": 0o755, "home": 0o755, "root": 0o700, "tmp": 0o1777, "usr": 0o755, "var": 0o755}
PASSWD = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"
GROUP = "root:x:0:\ndaemon:x:1:\nusers:x:100:\nnobody:x:65534:\n"


def busybox_image_tar(
    path: Path,
    refs: Sequence[str] = (DEFAULT_REF,),
    *,
    extra_files: Mapping[str, Entry] | None = None,
    config: Mapping[str, object] | None = None,
) -> None:
    """Write the image to `path` as an OCI archive.

    Args:
        refs: full references with registry and tag; the first is the one to use, all name the same image.
        extra_files: further files, by path without a leading slash, after busybox's own.
        config: replaces the image's configuration, which runs a shell.
    """
    applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True).stdout.split()
    files = {name: Entry(directory=True, mode=mode) for name, mode in DIRECTORIES.items()}
    files["bin/busybox"] = Entry(BUSYBOX.read_bytes(), mode=0o755)
    files |= {f"bin/{applet}": Entry(link="busybox", mode=0o777) for applet in sorted(applets) if applet != "busybox"}
    files |= {"etc/passwd": Entry(PASSWD.encode()), "etc/group": Entry(GROUP.encode()), **(extra_files or {})}
    archive = oci_archive(
        files,
        names=refs,
        architecture=ARCHITECTURES[platform.machine()],
        config=config or {"Cmd": ["sh"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]},
    )
    path.write_bytes(archive)


def main() -> None:
    """Read the command line and write the archive."""
    parser = argparse.ArgumentParser(description="Make an image of this machine's static busybox.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--ref", default=DEFAULT_REF, help=f"full reference (default {DEFAULT_REF})")
    parser.add_argument("--tag", action="append", default=[], help="a further full reference; may be repeated")
    args = parser.parse_args()
    busybox_image_tar(args.out, [args.ref, *args.tag])


if __name__ == "__main__":
    main()
