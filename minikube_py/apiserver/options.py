"""Options of the API server that have kube-apiserver's names and come by `--kube-apiserver-arg NAME=VALUE`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from minikube_py.core.duration import format_duration, parse_duration
from minikube_py.core.flags import parse_bool

from .admission.options import READERS as ADMISSION
from .admission.options import AdmissionArgs
from .audit.options import READERS as AUDIT
from .audit.options import AuditArgs
from .authentication.options import READERS as AUTHENTICATION
from .authentication.options import AuthenticationArgs, read_path
from .authorization.options import READERS as AUTHORIZATION
from .authorization.options import AuthorizationArgs
from .enablement import Enablement, Pairs, read_pairs
from .flow_control.flow_control import MAX_MUTATING_REQUESTS_INFLIGHT, MAX_REQUESTS_INFLIGHT
from .serving import READERS as SERVING
from .serving import ServingArgs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ApiServerArgs:
    """The known ones, typed; each has the name of its flag, durations are in seconds.

    Attributes:
        token_auth_file: CSV of static bearer tokens.
        anonymous_auth: whether requests without a credential are let in as system:anonymous; not where everything is allowed.
        admission: which plugins run, and how.
        audit: what is recorded of requests, and where.
        authentication: who else may log in, and how.
        authorization: who decides about requests.
        encryption_provider_config: EncryptionConfiguration, in place of keys of this server's own.
        encryption_provider_config_automatic_reload: whether that file is followed while the server runs.
        enable_priority_and_fairness: whether requests get their turns by FlowSchemas.
        event_ttl: how long an Event is kept after its last write.
        max_requests_inflight, max_mutating_requests_inflight: seats that requests share.
        profiling: whether /debug is served.
        serving: how the server presents itself.
        shutdown_delay_duration: how long the server goes on answering, not ready, before it ends.
        shutdown_send_retry_after: whether late requests are answered with 429 until the running ones have ended.
        runtime_config: which built-in resources are served.
    """

    token_auth_file: Path | None = None
    anonymous_auth: bool = True
    admission: AdmissionArgs = field(default_factory=AdmissionArgs)
    audit: AuditArgs = field(default_factory=AuditArgs)
    authentication: AuthenticationArgs = field(default_factory=AuthenticationArgs)
    authorization: AuthorizationArgs = field(default_factory=AuthorizationArgs)
    encryption_provider_config: Path | None = None
    encryption_provider_config_automatic_reload: bool = False
    enable_priority_and_fairness: bool = True
    event_ttl: float = 3600.0
    max_requests_inflight: int = MAX_REQUESTS_INFLIGHT
    max_mutating_requests_inflight: int = MAX_MUTATING_REQUESTS_INFLIGHT
    profiling: bool = True
    serving: ServingArgs = field(default_factory=ServingArgs)
    shutdown_delay_duration: float = 0.0
    shutdown_send_retry_after: bool = False
    runtime_config: Pairs = ()

    def __post_init__(self) -> None:
        """Raises: ValueError for values that do not go together."""
        if self.encryption_provider_config_automatic_reload and self.encryption_provider_config is None:
            raise ValueError("--encryption-provider-config-automatic-reload must be set with --encryption-provider-config")
        Enablement(self.runtime_config)

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> ApiServerArgs:
        """Raises: ValueError for an unknown name or a wrong value."""
        values: dict[str, Any] = {}
        parts: dict[str, dict[str, Any]] = {part: {} for part in PARTS}
        groups = ((READERS, values), *((readers, parts[part]) for part, (readers, _) in PARTS.items()))
        for argument in arguments:
            name, separator, value = argument.removeprefix("--").partition("=")
            read, group = next(((readers[name], found) for readers, found in groups if name in readers), (None, values))
            if read is None:
                raise ValueError(f"--kube-apiserver-arg: unknown option {name!r}")
            try:
                wanted = read(value if separator else "true")
            except ValueError as error:
                raise ValueError(f"--kube-apiserver-arg: {name}={value}: {error}") from error
            key = _field(name)
            # Lists add up.
            group[key] = (*group.get(key, ()), *wanted) if isinstance(wanted, tuple) else wanted
        return cls(**values, **{part: make(**parts[part]) for part, (_, make) in PARTS.items()})

    def lets_anonymous_in(self) -> bool:
        """Whether a request without credentials has a user at all: not where the flags say that everything is allowed.

        Source: pkg/kubeapiserver/options/authentication.go (ApplyAuthorization)
        """
        if self.anonymous_auth and "AlwaysAllow" in self.authorization.authorization_mode:
            log.warning("AnonymousAuth is not allowed with the AlwaysAllow authorizer. Resetting AnonymousAuth to false. "
                        "You should use a different authorizer")
            return False
        return self.anonymous_auth

    def flags(self) -> dict[str, str]:
        """Names and values of all flags, as Go's flags show them."""
        groups = [(READERS, self), *((readers, getattr(self, part)) for part, (readers, _) in PARTS.items())]
        return {
            name: _shown(getattr(args, _field(name)), read is parse_duration) for readers, args in groups for name, read in readers.items()
        }


def _field(name: str) -> str:
    """The attribute that a flag sets."""
    return (name.removeprefix("audit-") if name in AUDIT else name).replace("-", "_")


def _shown(value: Any, is_duration: bool) -> str:
    """The value of a flag as text."""
    if is_duration:
        return format_duration(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        pairs = bool(value) and all(isinstance(part, tuple) for part in value)
        return ",".join(f"{key}={content}" for key, content in value) if pairs else f"[{','.join(map(str, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


# Options that stand together: how they are read, and what they make.
PARTS: dict[str, tuple[Mapping[str, Callable[[str], Any]], Callable[..., Any]]] = {
    "admission": (ADMISSION, AdmissionArgs),
    "audit": (AUDIT, AuditArgs),
    "authentication": (AUTHENTICATION, AuthenticationArgs),
    "authorization": (AUTHORIZATION, AuthorizationArgs),
    "serving": (SERVING, ServingArgs),
}
READERS: dict[str, Callable[[str], Any]] = {
    "token-auth-file": read_path,
    "anonymous-auth": parse_bool,
    "encryption-provider-config": read_path,
    "encryption-provider-config-automatic-reload": parse_bool,
    "enable-priority-and-fairness": parse_bool,
    "max-requests-inflight": int,
    "max-mutating-requests-inflight": int,
    "event-ttl": parse_duration,
    "profiling": parse_bool,
    "shutdown-delay-duration": parse_duration,
    "shutdown-send-retry-after": parse_bool,
    "runtime-config": read_pairs,
}
