"""The server's certificates while it runs: renewed before they end, and when the names that they should hold change.

New connections get the new certificates; those that are open go on. What must follow a change (the administrator's kubeconfig) is called.
A failure is logged and tried again a minute later: the old certificates are good for months.

Timers of the event loop do not see that the machine's clock is set, and this is the component that must: so it looks once a minute, which
costs a few system calls. It looks for missing files too, so that `minikube-py certificate rotate` needs no restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from .tree import RENEW_BEFORE, Pki, PkiError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0


class PkiRenewal:
    """Keeps a tree of certificates good.

    Args:
        names: gives names and addresses that the serving certificate should hold now, beside those that the tree knows.
        changed: called on the event loop after certificates were made anew. Raises: OSError.
        warn: told once a day which authorities end soon: those a human exchanges, by `minikube-py certificate rotate-ca`.
    """

    def __init__(
        self, pki: Pki, names: Callable[[], Iterable[str]], changed: Callable[[], None], warn: Callable[[str], None]
    ) -> None:
        self._pki = pki
        self._names = names
        self._changed = changed
        self._warn = warn
        self._warned: datetime | None = None
        self._stale = False

    async def run(self) -> None:
        """Look after the tree until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self.look()
            except (OSError, PkiError) as error:
                log.error("certificates could not be renewed error=%s", error)

    async def look(self) -> None:
        """Renew what wants to be renewed. Raises: OSError, PkiError."""
        self._pki.add_names(self._names())
        self._warn_daily()
        await asyncio.to_thread(self._pki.clock.note)
        if self._pki.is_due():
            # What fails half-way has changed something: whoever presents certificates is told once it is whole.
            self._stale = True
            await asyncio.to_thread(self._pki.ensure)
        if self._stale:
            self._pki.reload()
            self._changed()
            self._stale = False
            log.info("certificates were renewed next=%s", self._pki.renew_at.isoformat())

    def _warn_daily(self) -> None:
        now = self._pki.clock.now()
        if self._warned is not None and timedelta(0) <= now - self._warned < timedelta(days=1):
            return
        self._warned = now
        ending = [
            f"{file.name} ends at {until:%Y-%m-%dT%H:%M:%SZ}" for file, until in self._pki.authority_ends() if until - now < RENEW_BEFORE
        ]
        if ending:
            self._warn(f"Certificate authorities require attention - run minikube-py certificate rotate-ca: {', '.join(ending)}")
