"""The gRPC health protocol, as a probe needs it: one call, one answer. The two messages have one field each and are read by hand.

Source: github.com/grpc/grpc/blob/master/doc/health-checking.md; kubernetes pkg/probe/grpc.
"""

from __future__ import annotations

import grpc

from .handlers import ProbeResult

METHOD = "/grpc.health.v1.Health/Check"
_STATUSES = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


async def check(host: str, port: int, service: str, timeout_s: float) -> ProbeResult:
    """Ask a server's health service."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    channel = grpc.aio.insecure_channel(address, options=(("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1)))
    try:
        call = channel.unary_unary(METHOD, lambda message: message, lambda data: data)
        answer: bytes = await call(_request(service), timeout=timeout_s, wait_for_ready=False)
    except grpc.aio.AioRpcError as error:
        code = error.code()
        if code == grpc.StatusCode.UNIMPLEMENTED:
            return ProbeResult("failure", "error: this server does not implement the grpc health protocol (grpc.health.v1.Health)")
        if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            return ProbeResult(
                "failure", f'timeout: failed to connect service "{address}" within {timeout_s:g}s: {error.details() or code.name}'
            )
        return ProbeResult("failure", f"error: health rpc probe failed: {error.details() or code.name}")
    finally:
        await channel.close()
    status = _STATUSES.get(_status(answer), "UNKNOWN")
    if status == "SERVING":
        return ProbeResult("success", "service healthy")
    return ProbeResult("failure", f'service unhealthy (responded with "{status}")')


def _request(service: str) -> bytes:
    """HealthCheckRequest: field 1, the service's name."""
    name = service.encode()
    if not name:
        return b""
    length, size = len(name), bytearray()
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return b"\x0a" + bytes(size) + name


def _status(answer: bytes) -> int:
    """HealthCheckResponse: field 1, a number below 128; absent is 0."""
    return answer[1] if len(answer) >= 2 and answer[0] == 0x08 else 0
