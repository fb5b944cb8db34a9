"""kubectl logs.

Source: kubectl pkg/cmd/logs/logs.go
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass

from minikube_py.core.errors import NotFoundError, StatusError

from .api import Document
from .durations import parse_duration
from .errors import KubectlError, sentence
from .selectors import default_container, pods_of
from .session import Session
from .targets import target

SELECTOR_TAIL = 10


@dataclass(slots=True)
class LogOptions:
    container: str = ""
    follow: bool = False
    previous: bool = False
    tail: int = -1
    since: str = ""
    since_time: str = ""
    timestamps: bool = False
    limit_bytes: int = 0
    selector: str = ""
    all_containers: bool = False
    prefix: bool = False
    max_log_requests: int = 5
    ignore_errors: bool = False


async def logs(session: Session, arguments: tuple[str, ...], options: LogOptions) -> None:
    if options.since and options.since_time:
        raise KubectlError("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if len(arguments) == 2 and not options.container:
        options.container = arguments[1]
    pods = await _pods(session, arguments, options)
    sources = [(pod, container) for pod in pods for container in _containers(session, pod, options)]
    if not options.follow:
        for pod, container in sources:
            await _stream(session, pod, container, options)
        return
    if len(sources) > options.max_log_requests:
        raise KubectlError(
            f"you are attempting to follow {len(sources)} log streams, but maximum allowed concurrency is {options.max_log_requests}, "
            "use --max-log-requests to increase the limit")
    await asyncio.gather(*(_stream(session, pod, container, options) for pod, container in sources))


async def _pods(session: Session, arguments: tuple[str, ...], options: LogOptions) -> list[Document]:
    if options.selector:
        if arguments:
            raise KubectlError("only a selector (-l) or a POD name is allowed")
        if options.tail == -1:
            options.tail = SELECTOR_TAIL
        resource = await session.api.resource("pods")
        listed = await session.api.list_all(resource, session.namespace, labels=options.selector)
        if not listed.get("items"):
            session.complain(f"No resources found in {session.namespace} namespace.")
        return list(listed.get("items") or ())
    if not arguments:
        raise KubectlError(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\nPOD or TYPE/NAME is a required argument for the logs command\n"
            "See 'kubectl logs -h' for help and examples")
    kind, slash, name = arguments[0].partition("/")
    one = target(session, await session.api.resource(kind if slash else "pods"), name if slash else kind)
    try:
        pods = await pods_of(session, one)
    except NotFoundError as error:
        raise KubectlError(f'error from server (NotFound): {error.message} in namespace "{session.namespace}"') from error
    if not pods:
        raise KubectlError(f"no pods found for {one.label}")
    if len(pods) > 1:
        session.complain(f"Found {len(pods)} pods, using pod/{pods[0]['metadata']['name']}")
    return pods[:1]


def _containers(session: Session, pod: Document, options: LogOptions) -> list[str]:
    if not options.all_containers:
        return [default_container(session, pod, options.container)]
    spec = pod["spec"]
    return [c["name"] for c in (*(spec.get("initContainers") or ()), *spec["containers"], *(spec.get("ephemeralContainers") or ()))]


async def _stream(session: Session, pod: Document, container: str, options: LogOptions) -> None:
    try:
        await _show(session, pod, container, options)
    except StatusError as error:
        if not options.ignore_errors:
            raise
        session.complain(sentence(error))


async def _show(session: Session, pod: Document, container: str, options: LogOptions) -> None:
    metadata = pod["metadata"]
    params: dict[str, str | int] = {"container": container}
    for name, chosen in (("follow", options.follow), ("previous", options.previous), ("timestamps", options.timestamps)):
        if chosen:
            params[name] = "true"
    if options.tail >= 0:
        params["tailLines"] = options.tail
    if options.since:
        params["sinceSeconds"] = max(1, math.ceil(parse_duration(options.since)))
    if options.since_time:
        params["sinceTime"] = options.since_time
    if options.limit_bytes:
        params["limitBytes"] = options.limit_bytes
    resource = await session.api.resource("pods")
    path = resource.path(metadata["namespace"], metadata["name"], "log")
    session.flush()
    prefix = f"[pod/{metadata['name']}/{container}] ".encode() if options.prefix else b""
    async with session.api.transport.open("GET", path, params=params, accept="*/*") as answer:
        beginning = True
        async for chunk in answer.content.iter_any():
            if prefix:
                lines = chunk.splitlines(keepends=True)
                chunk = b"".join((prefix if index or beginning else b"") + line for index, line in enumerate(lines))
                beginning = chunk.endswith(b"\n")
            _write(session, chunk)


def _write(session: Session, data: bytes) -> None:
    """Bytes to where output goes, as they are."""
    buffer = getattr(session.out, "buffer", None)
    if buffer is None:
        session.out.write(data.decode(errors="replace"))
    else:
        buffer.write(data)
        buffer.flush()


