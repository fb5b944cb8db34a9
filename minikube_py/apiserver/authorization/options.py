"""Options of authorization, under kube-apiserver's names.

Source: pkg/kubeapiserver/options/authorization.go
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from minikube_py.core.duration import parse_duration

from ..authentication.options import read_path

MODES = ("AlwaysAllow", "AlwaysDeny", "ABAC", "Webhook", "RBAC", "Node")
WEBHOOK_VERSIONS = ("v1", "v1beta1")


@dataclass(frozen=True, slots=True)
class AuthorizationArgs:
    """The values; each has the name of its flag, durations are in seconds.

    Attributes:
        authorization_mode: who is asked, in order.
        authorization_policy_file: policies of the mode ABAC, a JSON object a line.
        authorization_webhook_config_file: kubeconfig of the server that the mode Webhook asks.
        authorization_webhook_version: of the SubjectAccessReviews that it is sent.
        authorization_config: an AuthorizationConfiguration, which replaces all of these but the policy file.
    """

    authorization_mode: tuple[str, ...] = ("Node", "RBAC")
    authorization_policy_file: Path | None = None
    authorization_webhook_config_file: Path | None = None
    authorization_webhook_version: str = "v1beta1"
    authorization_webhook_cache_authorized_ttl: float = 300.0
    authorization_webhook_cache_unauthorized_ttl: float = 30.0
    authorization_config: Path | None = None

    def __post_init__(self) -> None:
        """Raises: ValueError, in upstream's words, for values that do not go together."""
        problem = self._problem()
        if problem:
            raise ValueError(problem)

    def _problem(self) -> str:
        if self.authorization_config is not None:
            which = "--authorization-mode or --authorization-webhook-* flags are defined"
            return f"--authorization-config can not be specified when {which}" if self._legacy() else ""
        modes = self.authorization_mode
        for mode, count in Counter(modes).items():
            if mode not in MODES:
                return f'authorization-mode "{mode}" is not a valid mode'
            if count > 1:
                return f'authorization-mode "{mode}" has mode specified more than once'
        for mode, name, value in (
            ("ABAC", "policy", self.authorization_policy_file), ("Webhook", "config", self.authorization_webhook_config_file),
        ):
            flag = "authorization-policy-file" if mode == "ABAC" else "authorization-webhook-config-file"
            if mode in modes and value is None:
                return f"authorization-mode {mode}'s authorization {name} file not passed"
            if mode not in modes and value is not None:
                return f"cannot specify --{flag} without mode {mode}"
        if self.authorization_webhook_version not in WEBHOOK_VERSIONS:
            return f'unsupported webhook version "{self.authorization_webhook_version}", supported versions are v1, v1beta1'
        return ""

    def _legacy(self) -> bool:
        """Whether flags are set that a configuration file replaces."""
        defaults = AuthorizationArgs()
        return any(getattr(self, name) != getattr(defaults, name) for name in (
            "authorization_mode", "authorization_webhook_config_file", "authorization_webhook_version",
            "authorization_webhook_cache_authorized_ttl", "authorization_webhook_cache_unauthorized_ttl",
        ))


READERS: dict[str, Callable[[str], Any]] = {
    "authorization-mode": lambda text: tuple(text.split(",")),
    "authorization-policy-file": read_path,
    "authorization-webhook-config-file": read_path,
    "authorization-webhook-version": str,
    "authorization-webhook-cache-authorized-ttl": parse_duration,
    "authorization-webhook-cache-unauthorized-ttl": parse_duration,
    "authorization-config": read_path,
}
