"""Asking a container once how it is: by command, HTTP, TCP or gRPC. Also what lifecycle hooks use.

Source: kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/; kubernetes pkg/probe, pkg/kubelet/prober/prober.go.
"""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from minikube_py.apis import core_v1
from minikube_py.cri.errors import CriError, CriTimeoutError
from minikube_py.cri.interface import Cri

from ..container_status import AnyContainer

if TYPE_CHECKING:
    import aiohttp

Outcome = Literal["success", "warning", "failure", "unknown"]

# Source: kubernetes pkg/probe/http (maxRespBodyLength).
BODY_BYTES_MAX = 10 * 1024
USER_AGENT = "kube-probe/1.36"
REDIRECTS_MAX = 10


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one try gave.

    Attributes:
        outcome: "warning" is a success with something to tell, "unknown" if the probe itself could not be carried out.
        message: what the event says.
        error: of a command that failed, how.
    """

    outcome: Outcome
    message: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server says."""

    status: int
    body: str


class Prober:
    """Carries out single probes and hook requests."""

    def __init__(self, cri: Cri) -> None:
        self._cri = cri
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close what connections there are."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def probe(self, probe: core_v1.Probe, container: AnyContainer, container_id: str, pod_ip: str) -> ProbeResult:
        """Carry out one try, within the probe's timeout."""
        timeout_s = probe.timeout_seconds or 1
        if probe.exec is not None:
            return await self.run_command(probe.exec.command, container_id, timeout_s)
        try:
            if probe.http_get is not None:
                action = probe.http_get
                port = resolve_port(action.port, container)
                return await self.http_get(http_url(action, port, pod_ip), http_headers(action, USER_AGENT), timeout_s)
            if probe.tcp_socket is not None:
                port = resolve_port(probe.tcp_socket.port, container)
                return await tcp_connect(probe.tcp_socket.host or pod_ip, port, timeout_s)
        except ValueError as error:
            return ProbeResult("unknown", str(error))
        if probe.grpc is not None:
            from .grpc_health import check

            return await check(pod_ip, probe.grpc.port or 0, probe.grpc.service or "", timeout_s)
        return ProbeResult("unknown", f"missing probe handler for {container.name}")

    async def run_command(self, command: Sequence[str], container_id: str, timeout_s: int) -> ProbeResult:
        """Run a command in a container: it is well if the command says 0."""
        try:
            answer = await self._cri.exec_sync(container_id, command, timeout_s=timeout_s)
        except CriTimeoutError:
            return ProbeResult("failure", f'command timed out: "{" ".join(command)}" timed out after {timeout_s}s')
        except CriError as error:
            text = f"rpc error: code = {error.code.title() or 'Unknown'} desc = {error.message}"
            return ProbeResult("unknown", text, text)
        output = (answer.stdout + answer.stderr)[:BODY_BYTES_MAX].decode("utf-8", "replace")
        if answer.exit_code == 0:
            return ProbeResult("success", output)
        stderr = answer.stderr.decode("utf-8", "replace")
        return ProbeResult("failure", output, f"command '{' '.join(command)}' exited with {answer.exit_code}: {stderr}")

    async def http_get(self, url: str, headers: Mapping[str, str], timeout_s: float) -> ProbeResult:
        """Ask a server: it is well if it answers 200 to 399. Redirects to other hosts are not followed and only warned of."""
        answer = await self.http_answer(url, headers, timeout_s)
        if isinstance(answer, ProbeResult):
            return answer
        if 200 <= answer.status < 300:
            return ProbeResult("success", answer.body)
        if 300 <= answer.status < 400:
            return ProbeResult("warning", f"Probe terminated redirects, Response body: {answer.body}")
        return ProbeResult("failure", f"HTTP probe failed with statuscode: {answer.status}")

    async def http_answer(self, url: str, headers: Mapping[str, str], timeout_s: float) -> HttpAnswer | ProbeResult:
        """What a server answers, after redirects to its own host; or how asking it failed."""
        import aiohttp

        session = self._http()
        host = urlsplit(url).hostname
        try:
            async with asyncio.timeout(timeout_s):
                for _ in range(REDIRECTS_MAX):
                    async with session.get(url, headers=headers, allow_redirects=False, ssl=_NO_VERIFY) as answer:
                        body = (await answer.content.read(BODY_BYTES_MAX)).decode("utf-8", "replace")
                        target = answer.headers.get("Location")
                        if answer.status in (301, 302, 303, 307, 308) and target:
                            following = str(answer.url.join(type(answer.url)(target)))
                            if urlsplit(following).hostname == host:
                                url = following
                                continue
                        return HttpAnswer(answer.status, body)
                return ProbeResult("failure", f'Get "{url}": stopped after {REDIRECTS_MAX} redirects')
        except TimeoutError:
            return ProbeResult(
                "failure", f'Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
            )
        except aiohttp.ClientConnectorError as error:
            return ProbeResult("failure", f'Get "{url}": dial tcp {error.host}:{error.port}: {_reason(error.os_error)}')
        except (aiohttp.ClientError, OSError) as error:
            return ProbeResult("failure", f'Get "{url}": {str(error) or "EOF"}')

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            import aiohttp

            # One connection a probe, as kubelet: a kept one would say little about a server that no longer accepts.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, limit=0), auto_decompress=False, trust_env=False
            )
        return self._session


def _no_verify() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_NO_VERIFY = _no_verify()


def resolve_port(port: int | str | None, container: AnyContainer) -> int:
    """The number of a port that is given by number or by name.

    Raises: ValueError if there is none.
    """
    if isinstance(port, str) and not port.isdigit():
        for known in container.ports:
            if known.name == port and known.container_port:
                return known.container_port
        raise ValueError(f"couldn't find port: {port} in container {container.name}")
    number = int(port or 0)
    if not 0 < number < 65536:
        raise ValueError(f"invalid port number: {number}")
    return number


def http_url(action: core_v1.HTTPGetAction, port: int, pod_ip: str) -> str:
    """The URL of an HTTP action."""
    host = action.host or pod_ip
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    return f"{(action.scheme or 'HTTP').lower()}://{f'[{host}]' if ':' in host else host}:{port}{path}"


def http_headers(action: core_v1.HTTPGetAction, user_agent: str) -> dict[str, str]:
    """The headers of the request of an HTTP action."""
    headers = {"User-Agent": user_agent, "Accept": "*/*"}
    for header in action.http_headers:
        if header.name.lower() in ("user-agent", "accept"):
            headers = {name: value for name, value in headers.items() if name.lower() != header.name.lower()}
        headers[header.name] = header.value
    return headers


async def tcp_connect(host: str, port: int, timeout_s: float) -> ProbeResult:
    """Open a connection and close it again."""
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
    except TimeoutError:
        return ProbeResult("failure", f"dial tcp {host}:{port}: i/o timeout")
    except OSError as error:
        return ProbeResult("failure", f"dial tcp {host}:{port}: {_reason(error)}")
    writer.close()
    return ProbeResult("success")


def _reason(error: OSError) -> str:
    names = {errno.ECONNREFUSED: "connect: connection refused", errno.EHOSTUNREACH: "connect: no route to host",
             errno.ENETUNREACH: "connect: network is unreachable", errno.ETIMEDOUT: "connect: connection timed out"}
    return names.get(error.errno or 0) or (os.strerror(error.errno) if error.errno else str(error))
