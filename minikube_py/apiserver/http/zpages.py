"""`/statusz` and `/flagz`: what this server is and how it was started, for people, and in a form with a version for programs.

Source: k8s.io/apiserver/pkg/server/statusz/, flagz/; kubernetes.io/docs/reference/instrumentation/zpages/
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from aiohttp import web

from minikube_py.apis.scheme import encode
from minikube_py.core.clock import SYSTEM_CLOCK, rfc3339

from ..accept import Clause, parse_accept
from ..discovery_documents import version_document
from ..warning import warning_headers
from .negotiation import JSON_TYPE, PROTOBUF_TYPE, YAML_TYPE, Coding, Form, Negotiated, not_acceptable, wants_pretty
from .query import Query
from .responses import encoded

NAME = "kube-apiserver"
GROUP, VERSIONS, DEPRECATED = "config.k8s.io", ("v1alpha1", "v1beta1"), ("v1alpha1",)
TEXT_TYPE = "text/plain"
# One is drawn for each answer, so that nobody gets used to it.
DELIMITERS = (":", ": ", "=", " ")
WARNING = (
    "Warning: This endpoint is not meant to be machine parseable, has no formatting compatibility guarantees and is for debugging "
    "purposes only."
)
# The first parts of paths that tell nothing about the server.
NOT_FOR_DEBUGGING = frozenset({"apis", "api", "openid", "openapi", ".well-known"})
Document = dict[str, Any]


class ZPages:
    """Answers both paths.

    Args:
        flags: names and values of all flags.
        listed: the paths that the server lists.
    """

    def __init__(self, flags: dict[str, str], listed: Callable[[], Iterable[str]]) -> None:
        self._flags = flags
        self._listed = listed
        self._started = SYSTEM_CLOCK.now()

    def respond(self, http: web.BaseRequest, path: str, query: Query) -> web.Response | None:
        """The answer; None for other paths. Raises: NotAcceptableError."""
        if path == "/statusz":
            kind, told, text = "Statusz", self._status(), self._status_text
        elif path == "/flagz":
            kind, told, text = "Flagz", {"flags": self._flags}, self._flags_text
        else:
            return None
        chosen = _negotiate(http.headers.get("Accept", ""), kind)
        if chosen is None:
            head = f"\n{NAME} {kind.lower()}\n{WARNING}\n"
            return web.Response(text=head + text(random.choice(DELIMITERS)))
        media_type, version = chosen
        document = {"kind": kind, "apiVersion": f"{GROUP}/{version}", "metadata": {"name": NAME}, **told}
        pretty = wants_pretty(query, http.headers.get("User-Agent", ""))
        response = encoded(encode(document), Negotiated(Form.OBJECT, Coding(media_type)), pretty=pretty)
        if version in DEPRECATED:
            for header in warning_headers([f"This version of the {kind.lower()} endpoint is deprecated. Please use a newer version."]):
                response.headers.add("Warning", header)
        return response

    def _status(self) -> Document:
        version = version_document()
        paths = {path.split("/")[1] for path in self._listed()} - NOT_FOR_DEBUGGING - {"", "statusz"}
        return {
            "startTime": rfc3339(self._started), "uptimeSeconds": max(int((SYSTEM_CLOCK.now() - self._started).total_seconds()), 0),
            "goVersion": version["goVersion"], "binaryVersion": version["gitVersion"].removeprefix("v"),
            "emulationVersion": f"{version['emulationMajor']}.{version['emulationMinor']}", "paths": [f"/{path}" for path in sorted(paths)],
        }

    def _status_text(self, delimiter: str) -> str:
        status = self._status()
        seconds = status["uptimeSeconds"]
        lines = (
            ("Started", _unix_date(self._started)), ("Up", f"{seconds // 3600} hr {seconds // 60 % 60:02} min {seconds % 60:02} sec"),
            ("Go version", status["goVersion"]), ("Binary version", status["binaryVersion"]),
            ("Emulation version", status["emulationVersion"]), ("Paths", " ".join(status["paths"])),
        )
        return "\n" + "".join(f"{name}{delimiter} {value}\n" for name, value in lines)

    def _flags_text(self, delimiter: str) -> str:
        return "".join(f"{name}{delimiter}{self._flags[name]}\n" for name in sorted(self._flags))


def _unix_date(moment: datetime) -> str:
    """Go's time.UnixDate: the day has two places."""
    return f"{moment:%a %b} {moment.day:2} {moment:%H:%M:%S} UTC {moment.year}"


def _negotiate(accept: str, kind: str) -> tuple[str, str] | None:
    """Media type and version of a document; None for text.

    Raises: NotAcceptableError.
    """
    if not accept.strip():
        return None
    for clause in parse_accept(accept):
        for media_type in (JSON_TYPE, YAML_TYPE):
            if clause.matches(media_type) and _names(clause, kind):
                return media_type, clause.parameters["v"]
        if clause.matches(TEXT_TYPE) and not clause.parameters.keys() & {"as", "g", "v"}:
            return None
    raise not_acceptable((JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE, TEXT_TYPE))


def _names(clause: Clause, kind: str) -> bool:
    """Whether a clause asks for a version of the document."""
    asked = clause.parameters
    return (asked.get("g"), asked.get("as")) == (GROUP, kind) and asked.get("v") in VERSIONS
