"""In which form an answer goes out: JSON or YAML, the object itself, a Table or only its metadata.

Source: k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from minikube_py.core.errors import NotAcceptableError

from ..accept import parse_accept
from .query import Query


class Form(Enum):
    """What of an object is sent."""

    OBJECT = ""
    TABLE = "Table"
    PARTIAL = "PartialObjectMetadata"
    PARTIAL_LIST = "PartialObjectMetadataList"


class Negotiated(NamedTuple):
    form: Form
    yaml: bool


JSON = Negotiated(Form.OBJECT, False)
YAML_TYPES = ("application/yaml", "application/x-yaml")
# Programs that people look at the output of.
PRETTY_AGENTS = ("curl", "Wget", "Mozilla/5.0")


@lru_cache(maxsize=512)
def negotiate(accept: str) -> Negotiated:
    """The form that an Accept header asks for; the first clause that can be served wins.

    Raises: NotAcceptableError if there is none.
    """
    for clause in parse_accept(accept):
        wanted = clause.parameters.get("as", "")
        if wanted and (clause.parameters.get("g") != "meta.k8s.io" or clause.parameters.get("v") not in ("v1", "v1beta1")):
            continue
        if wanted not in ("", "Table", "PartialObjectMetadata", "PartialObjectMetadataList"):
            continue
        if clause.matches("application/json"):
            return Negotiated(Form(wanted), False)
        if clause.value in YAML_TYPES and not wanted:
            return Negotiated(Form.OBJECT, True)
    raise NotAcceptableError("only the following media types are accepted: application/json, application/yaml")


def wants_pretty(query: Query, user_agent: str) -> bool:
    """Whether a client gets indented JSON: it asked for it, or it is one that people look at."""
    return query.flag("pretty") if query.has("pretty") else user_agent.startswith(PRETTY_AGENTS)
