"""Options of the API server that have kube-apiserver's names and come by `--kube-apiserver-arg NAME=VALUE`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ApiServerArgs:
    """The known ones, typed.

    Attributes:
        token_auth_file: CSV of static bearer tokens.
        anonymous_auth: whether requests without a credential are let in as system:anonymous.
        authorization_mode: RBAC, or AlwaysAllow.
    """

    token_auth_file: Path | None = None
    anonymous_auth: bool = True
    authorization_mode: str = "RBAC"

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> ApiServerArgs:
        """Raises: ValueError for an unknown name or a wrong value."""
        values: dict[str, str] = {}
        for argument in arguments:
            name, separator, value = argument.removeprefix("--").partition("=")
            if name not in ("token-auth-file", "anonymous-auth", "authorization-mode"):
                raise ValueError(f"--kube-apiserver-arg: unknown option {name!r}")
            values[name] = value if separator else "true"
        anonymous = values.get("anonymous-auth", "true")
        if anonymous not in ("true", "false"):
            raise ValueError(f"--kube-apiserver-arg: anonymous-auth={anonymous}: neither true nor false")
        mode = values.get("authorization-mode", "RBAC")
        if not set(mode.split(",")) <= {"RBAC", "Node", "AlwaysAllow"}:
            raise ValueError(f"--kube-apiserver-arg: authorization-mode={mode}: known are RBAC, Node, AlwaysAllow")
        file = values.get("token-auth-file")
        return cls(Path(file) if file else None, anonymous == "true", mode)
