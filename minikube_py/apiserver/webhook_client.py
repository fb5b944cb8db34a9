"""Asking a webhook that upstream configures by a kubeconfig file: one POST of a document to one URL.

Owns when a failed question is asked again, and when nobody is asked: a webhook that has failed several times in a row is left alone for a
while, then one question finds out whether it is back. No question takes longer than its timeout, further tries included.

Source: k8s.io/apiserver/pkg/util/webhook/webhook.go (what is tried again, back-off, timeout); the rest upstream does not have
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
import time
from pathlib import Path
from typing import Final

import aiohttp

from minikube_py.client.connection import Connection
from minikube_py.client.kubeconfig import Kubeconfig, KubeconfigError
from minikube_py.client.transport import CONNECT_TIMEOUT_S, Transport
from minikube_py.core import limits
from minikube_py.core.errors import StatusError

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 30.0
TRIES_MAX: Final = 5
BACKOFF_S: Final = 0.5
BACKOFF_FACTOR: Final = 1.5
BACKOFF_JITTER: Final = 0.2
# Answers that another try may change. Source: DefaultShouldRetry
TRANSIENT: Final = frozenset({429, 500, 504})
# Questions in a row without an answer, and seconds without questions after them.
FAILURES_MAX: Final = 3
REST_S: Final = 10.0


class WebhookError(Exception):
    """A webhook gave no answer; the text says why."""


class WebhookClient:
    """One webhook.

    Args:
        name: for the log.
        timeout_s: how long one question may take.
    """

    def __init__(self, name: str, connection: Connection, *, timeout_s: float = TIMEOUT_S) -> None:
        """Raises: ValueError if the connection's certificates cannot be used."""
        try:
            if connection.server.startswith("https"):
                connection.ssl_context()
        except (ssl.SSLError, ValueError) as error:
            raise ValueError(f"{name}: {error}") from error
        self._name = name
        self._transport = Transport(connection, user_agent="kube-apiserver")
        self._timeout_s = timeout_s
        self._failures = 0
        self._resting_until = 0.0
        self._calls = 0

    @classmethod
    def from_kubeconfig(cls, name: str, path: Path, *, timeout_s: float = TIMEOUT_S) -> WebhookClient:
        """The webhook that a kubeconfig's current context leads to.

        Raises: ValueError if the file cannot be read or used.
        """
        try:
            return cls(name, Kubeconfig.load(path).connection(), timeout_s=timeout_s)
        except KubeconfigError as error:
            raise ValueError(f"{name}: {error}") from error

    async def close(self) -> None:
        await self._transport.close()

    async def post(self, document: bytes) -> bytes:
        """The answer to a JSON document.

        Raises: WebhookError.
        Cancellation: the webhook may have seen the question.
        """
        now = time.monotonic()
        if now < self._resting_until:
            raise WebhookError(f"the webhook {self._name} does not answer")
        if self._calls >= limits.WEBHOOK_CALLS_MAX:
            raise WebhookError(f"the webhook {self._name} has too many questions to answer")
        if self._failures >= FAILURES_MAX:
            # This question finds out; the others go on without.
            self._resting_until = now + self._timeout_s
        self._calls += 1
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._try(document)
        except (OSError, StatusError) as error:
            self._failed(error)
            raise WebhookError(f"the webhook {self._name} gave no answer: {error}") from error
        except asyncio.CancelledError:
            if self._failures >= FAILURES_MAX:
                self._resting_until = 0.0
            raise
        finally:
            self._calls -= 1
        if self._failures >= FAILURES_MAX:
            log.info("webhook answers again webhook=%s", self._name)
        self._failures, self._resting_until = 0, 0.0
        return answer

    async def _try(self, document: bytes) -> bytes:
        delay = BACKOFF_S
        for attempt in range(1, TRIES_MAX + 1):
            try:
                timeout = aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=CONNECT_TIMEOUT_S)
                async with self._transport.open("POST", "", body=document, timeout=timeout) as answer:
                    return await answer.read()
            except (OSError, StatusError) as error:
                if attempt == TRIES_MAX or not _is_transient(error):
                    raise
                log.debug("webhook is tried again webhook=%s reason=%s", self._name, error)
            await asyncio.sleep(delay * random.uniform(1, 1 + BACKOFF_JITTER))
            delay *= BACKOFF_FACTOR
        raise AssertionError("unreachable")

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._resting_until = time.monotonic() + REST_S
            log.warning("webhook is not asked for a while webhook=%s seconds=%.0f reason=%s", self._name, REST_S, error)


def _is_transient(error: OSError | StatusError) -> bool:
    if isinstance(error, StatusError):
        return error.code in TRANSIENT or "retryAfterSeconds" in error.details
    return isinstance(error, ConnectionResetError)
