"""`/healthz`, `/livez` and `/readyz`: whether the server works, check by check.

Source: kubernetes.io/docs/reference/using-api/health-checks/
"""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from .query import Query

# Returns None if all is well, else why not.
Check = Callable[[], str | None]
ENDPOINTS = ("healthz", "livez", "readyz")


class Health:
    """The server's checks; some only count for readiness."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {"ping": lambda: None}
        self._readiness: dict[str, Check] = {}

    def add(self, name: str, check: Check, *, readiness_only: bool = False) -> None:
        (self._readiness if readiness_only else self._checks)[name] = check

    def ready(self) -> bool:
        return all(check() is None for check in (*self._checks.values(), *self._readiness.values()))

    def respond(self, path: str, query: Query) -> web.Response | None:
        """The answer to a health path; None for other paths."""
        endpoint, _, name = path.strip("/").partition("/")
        if endpoint not in ENDPOINTS:
            return None
        checks = self._checks | (self._readiness if endpoint == "readyz" else {})
        if name:
            if name not in checks:
                return web.Response(status=404, text="404 page not found\n")
            checks = {name: checks[name]}
        excluded = set(query.values("exclude"))
        lines, failed = [], []
        for check, run in checks.items():
            if check in excluded:
                lines.append(f"[+]{check} excluded: ok")
                continue
            why = run()
            if why is None:
                lines.append(f"[+]{check} ok")
            else:
                failed.append(check)
                lines.append(f"[-]{check} failed: reason withheld")
        if failed:
            return web.Response(status=500, text="\n".join([*lines, f"{endpoint} check failed"]) + "\n")
        if query.has("verbose"):
            return web.Response(text="\n".join([*lines, f"{endpoint} check passed"]) + "\n")
        return web.Response(text="ok")
