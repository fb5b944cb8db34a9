"""Names: those under which the API server serves, and what a certificate for some names says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from minikube_py.core.addresses import is_address

if TYPE_CHECKING:
    from .signing import Profile, Usage


def wanted_sans(names: Iterable[str], cluster_domain: str) -> list[str]:
    """The names and addresses of the API server: those that it always has, and those of this machine."""
    fixed = ["localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    return sorted({*fixed, f"kubernetes.default.svc.{cluster_domain}", *(name for name in names if name)})


def profile(common_name: str, usage: Usage, organizations: Sequence[str] = (), names: Sequence[str] = ()) -> Profile:
    """What a certificate is to say; `names` are told apart into DNS names and addresses."""
    from .signing import Profile

    addresses = [name for name in names if is_address(name)]
    hosts = [name for name in names if name not in addresses]
    return Profile(common_name, usage, tuple(organizations), tuple(hosts), tuple(addresses))
