"""What this machine offers to a container runtime, found out by looking.

Nothing here changes the machine for longer than the call.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import tempfile
from pathlib import Path

# Source: include/uapi/linux/capability.h.
CAP_SYS_RESOURCE = 24

# Where the CNI programs are: the project's own packages' place first, Debian's then.
CNI_BIN_DIRS = (Path("/opt/cni/bin"), Path("/usr/lib/cni"), Path("/usr/libexec/cni"))

_MNT_DETACH = 2


def has_capability(number: int) -> bool:
    """Whether this process has a capability in effect."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def find_cni_bin_dir() -> Path:
    """The directory that holds the CNI programs; where there is none, the one where Kubernetes looks for them."""
    return next((path for path in CNI_BIN_DIRS if (path / "loopback").exists()), CNI_BIN_DIRS[0])


def overlay_works(directory: Path) -> bool:
    """Whether overlayfs can be mounted with its layers below `directory`.

    It cannot where the kernel lacks it, where `directory` is itself on an overlay (a container's filesystem), or without
    the right to mount. Only a mount tells.
    """
    directory.mkdir(parents=True, exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.TemporaryDirectory(dir=directory, prefix="overlay-check-") as name:
        layers = [Path(name, layer) for layer in ("lower", "upper", "work", "merged")]
        for layer in layers:
            layer.mkdir()
        lower, upper, work, merged = map(os.fspath, layers)
        options = f"lowerdir={lower},upperdir={upper},workdir={work}".encode()
        if libc.mount(b"overlay", merged.encode(), b"overlay", 0, options) != 0:
            return False
        with contextlib.ExitStack() as unmount:
            unmount.callback(libc.umount2, merged.encode(), _MNT_DETACH)
            return True
