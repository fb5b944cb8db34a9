"""How the components of the control plane are, as objects that are made when somebody asks.

Source: pkg/registry/core/componentstatus/rest.go
"""

from __future__ import annotations

from collections.abc import Callable

from minikube_py.apis.core_v1 import ComponentCondition, ComponentStatus
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.core.errors import UnreasonedError

# Returns None if all is well, else why not.
Check = Callable[[], str | None]


def _not_running() -> str | None:
    return "not running"


class ComponentStatuses:
    """Upstream's three components; what does not run here is not healthy."""

    def __init__(self, storage: Check) -> None:
        """
        Args:
            storage: the check of what stands for etcd.
        """
        self._checks: dict[str, Check] = {"scheduler": _not_running, "controller-manager": _not_running, "etcd-0": storage}

    def set(self, name: str, check: Check) -> None:
        """Let a component that runs in this process be asked.

        Raises: KeyError for a name that is none.
        """
        if name not in self._checks:
            raise KeyError(name)
        self._checks[name] = check

    def list(self) -> list[ComponentStatus]:
        return [_status(name, check) for name, check in self._checks.items()]

    def get(self, name: str) -> ComponentStatus:
        """Raises: UnreasonedError for a name that is none."""
        check = self._checks.get(name)
        if check is None:
            raise UnreasonedError(f"Component not found: {name}")
        return _status(name, check)


def _status(name: str, check: Check) -> ComponentStatus:
    why = check()
    healthy = ComponentCondition(type="Healthy", status="False" if why else "True", message="" if why else "ok", error=why or "")
    return ComponentStatus(kind="ComponentStatus", api_version="v1", metadata=ObjectMeta(name=name), conditions=[healthy])
