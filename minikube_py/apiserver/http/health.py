"""`/healthz`, `/livez` and `/readyz`: whether the server works, check by check.

Source: kubernetes.io/docs/reference/using-api/health-checks/; k8s.io/apiserver/pkg/server/healthz/healthz.go, healthz.go
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from aiohttp import web

from .query import Query
from .responses import not_found_page, text_error

log = logging.getLogger(__name__)

# Returns None if all is well, else why not.
Check = Callable[[], str | None]
ENDPOINTS = ("healthz", "livez", "readyz")


class Health:
    """The server's checks, by endpoint, in the order in which they were added.

    Attributes:
        counts: how often each check ended how: (check, endpoint, "success" or "error") -> times.
        last: whether each check was well when it was last asked: (check, endpoint) -> 1 or 0.
    """

    def __init__(self) -> None:
        self._checks: dict[str, dict[str, Check]] = {endpoint: {} for endpoint in ENDPOINTS}
        self.counts: dict[tuple[str, str, str], int] = {}
        self.last: dict[tuple[str, str], int] = {}
        self.add("ping", lambda: None)
        self.add("log", _check_log)

    def add(self, name: str, check: Check, endpoints: Sequence[str] = ENDPOINTS) -> None:
        for endpoint in endpoints:
            self._checks[endpoint][name] = check

    def paths(self) -> list[str]:
        """Every path that is answered."""
        return [path for endpoint, checks in self._checks.items() for path in (f"/{endpoint}", *(f"/{endpoint}/{name}" for name in checks))]

    def respond(self, path: str, query: Query) -> web.Response | None:
        """The answer to a health path; None for other paths."""
        endpoint, separator, name = path.removeprefix("/").partition("/")
        checks = self._checks.get(endpoint)
        if checks is None:
            return None
        if not separator:
            return self._all(endpoint, checks, query)
        check = checks.get(name)
        if check is None:
            return not_found_page()
        why = check()
        return text_error(f"internal server error: {why}", 500) if why else web.Response(text="ok")

    def _all(self, endpoint: str, checks: dict[str, Check], query: Query) -> web.Response:
        excluded = set(query.values("exclude"))
        lines, failed = [], []
        for name, check in checks.items():
            if name in excluded:
                lines.append(f"[+]{name} excluded: ok\n")
                continue
            why = check()
            self._count(name, endpoint, why)
            if why is None:
                lines.append(f"[+]{name} ok\n")
            else:
                # Why is for the log: this endpoint is open to all.
                lines.append(f"[-]{name} failed: reason withheld\n")
                failed.append(f"{name}: {why}")
        unknown = sorted(excluded - checks.keys())
        if unknown:
            quoted = ",".join(f'"{name}"' for name in unknown)
            lines.append(f"warn: some health checks cannot be excluded: no matches for {quoted}\n")
        if failed:
            log.info("health check failed endpoint=%s failed=%s", endpoint, "; ".join(failed))
            return text_error("".join(lines) + f"{endpoint} check failed", 500)
        text = "".join(lines) + f"{endpoint} check passed\n" if query.has("verbose") else "ok"
        return web.Response(text=text, headers={"X-Content-Type-Options": "nosniff"})

    def _count(self, name: str, endpoint: str, why: str | None) -> None:
        key = (name, endpoint, "success" if why is None else "error")
        self.counts[key] = self.counts.get(key, 0) + 1
        self.last[name, endpoint] = int(why is None)


def _check_log() -> str | None:
    """Whether what was logged reaches its destinations."""
    for handler in logging.getLogger().handlers:
        try:
            handler.flush()
        except (OSError, ValueError) as error:
            return f"logging blocked: {error}"
    return None
