"""Answers of the upstream servers, kept for as long as their TTL allows, and bounded.

Keyed by the query itself without its identifier, so that flags and EDNS options that change the answer are part of the key.
"""

from __future__ import annotations

import time
from collections import OrderedDict

from ...core.limits import DNS_CACHE_ENTRIES_MAX
from .wire import HEADER_BYTES, TimedMessage, WireError, aged, question_end, timed

_LIFETIME_S_MAX = 30
"""As k3s's CoreDNS is set up (`cache 30`): what is wrong upstream is wrong here for half a minute at most."""

_MESSAGE_BYTES_MAX = 4_096
_KEPT_RCODES = (0, 3)
"""NOERROR and NXDOMAIN."""


class ResponseCache:
    """Least recently used responses go first."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, tuple[float, TimedMessage]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, query: bytes) -> bytes | None:
        """The kept answer to `query`, as old as it is; None if there is none."""
        key = _key(query)
        entry = self._entries.get(key)
        if entry is None:
            return None
        age_s = time.monotonic() - entry[0]
        if age_s >= min(entry[1].lifetime_s, _LIFETIME_S_MAX):
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return aged(entry[1], int(age_s), query)

    def put(self, query: bytes, response: bytes) -> None:
        """Keep a response if it may be kept: complete, not a failure, with a TTL."""
        truncated, rcode = response[2] & 0x02, response[3] & 0x0F
        if truncated or rcode not in _KEPT_RCODES or len(response) > _MESSAGE_BYTES_MAX:
            return
        try:
            message = timed(response)
        except WireError:
            return
        if not message.lifetime_s:
            return
        key = _key(query)
        self._entries[key] = (time.monotonic(), message)
        self._entries.move_to_end(key)
        if len(self._entries) > DNS_CACHE_ENTRIES_MAX:
            self._entries.popitem(last=False)


def _key(query: bytes) -> bytes:
    end = question_end(query)
    return query[2:HEADER_BYTES] + query[HEADER_BYTES:end].lower() + query[end:]
