"""Options of the controllers that have kube-controller-manager's names and come by `--kube-controller-manager-arg NAME=VALUE`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from minikube_py.core.duration import parse_duration
from minikube_py.core.flags import parse_bool


@dataclass(frozen=True, slots=True)
class ControllerManagerArgs:
    """The known ones, typed; each has the name of its flag.

    Attributes:
        allocate_node_cidrs: whether nodes get a part of the range of pod addresses.
        cluster_signing_duration: how long certificates live that are signed for CertificateSigningRequests, at most.
        legacy_service_account_token_clean_up_period: how long a token that nobody uses is kept, and then kept invalid.
        resource_quota_sync_period: how often the status of a quota is looked at although nothing has changed.
    """

    allocate_node_cidrs: bool = True
    cluster_signing_duration: timedelta = timedelta(days=365)
    legacy_service_account_token_clean_up_period: timedelta = timedelta(days=365)
    resource_quota_sync_period: timedelta = timedelta(minutes=5)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> ControllerManagerArgs:
        """Raises: ValueError for an unknown name or a wrong value."""
        values: dict[str, Any] = {}
        for argument in arguments:
            name, separator, value = argument.removeprefix("--").partition("=")
            if name not in READERS:
                raise ValueError(f"--kube-controller-manager-arg: unknown option {name!r}")
            try:
                values[name.replace("-", "_")] = READERS[name](value if separator else "true")
            except ValueError as error:
                raise ValueError(f"--kube-controller-manager-arg: {name}={value}: {error}") from error
        return cls(**values)


def _positive(text: str) -> timedelta:
    seconds = parse_duration(text)
    if seconds <= 0:
        raise ValueError("must be greater than 0")
    return timedelta(seconds=seconds)


READERS: dict[str, Callable[[str], Any]] = {
    "allocate-node-cidrs": parse_bool, "cluster-signing-duration": _positive,
    "legacy-service-account-token-clean-up-period": _positive, "resource-quota-sync-period": _positive,
}
