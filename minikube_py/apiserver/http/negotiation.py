"""In which form an answer goes out: JSON or YAML, the object itself, a Table or only its metadata, and whether indented.

Answers are never protobuf: a client that takes nothing else gets 406, others the next that they take.
Source: k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go, handlers/rest.go (AllowsMediaTypeTransform)
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from minikube_py.core.errors import NotAcceptableError

from ..accept import Clause, parse_accept
from .query import Query


class Form(Enum):
    """What of an object is sent."""

    OBJECT = ""
    TABLE = "Table"
    PARTIAL = "PartialObjectMetadata"
    PARTIAL_LIST = "PartialObjectMetadataList"


class Negotiated(NamedTuple):
    """What an Accept header asks for.

    Attributes:
        version: of the meta.k8s.io group that Tables and metadata are sent in.
        pretty: whether the clause itself asks for indented JSON.
    """

    form: Form
    yaml: bool
    version: str = "v1"
    pretty: bool = False

    @property
    def meta_version(self) -> str:
        return f"meta.k8s.io/{self.version}"


JSON = Negotiated(Form.OBJECT, False)
JSON_TYPE, YAML_TYPE = "application/json", "application/yaml"
YAML_TYPES = (YAML_TYPE,)
META_GROUP, META_VERSIONS = "meta.k8s.io", ("v1", "v1beta1")
FORMS = {form.value: form for form in Form if form is not Form.OBJECT}
# Programs that people look at the output of.
PRETTY_AGENTS = ("curl", "Wget", "Mozilla/5.0")
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


@lru_cache(maxsize=512)
def negotiate(accept: str, *, watch: bool = False) -> Negotiated:
    """The form that an Accept header asks for; the first clause that can be served wins.

    Raises: NotAcceptableError if there is none. A watch is a stream, which YAML is not.
    """
    found = _first(accept, plain=False)
    if found is None:
        raise not_acceptable((JSON_TYPE, YAML_TYPE) if not watch else (f"{JSON_TYPE};stream=watch",))
    if watch and found.yaml:
        raise not_acceptable((f"{JSON_TYPE};stream=watch",))
    return JSON if found == JSON else found


@lru_cache(maxsize=512)
def negotiate_status(accept: str) -> Negotiated | None:
    """The form of an error, which is never a Table; None if the client takes none that there is."""
    return _first(accept, plain=True)


def not_acceptable(accepted: Iterable[str]) -> NotAcceptableError:
    return NotAcceptableError(f"only the following media types are accepted: {', '.join(accepted)}")


def _first(accept: str, *, plain: bool) -> Negotiated | None:
    """What the first clause asks for that can be served.

    Args:
        plain: whether nothing can be asked for but the coding.
    """
    for clause in parse_accept(accept):
        for media_type in (JSON_TYPE, YAML_TYPE):
            if clause.matches(media_type):
                found = _serve(clause, yaml=media_type == YAML_TYPE, plain=plain)
                if found is not None:
                    return found
    return None


def _serve(clause: Clause, *, yaml: bool, plain: bool) -> Negotiated | None:
    """What a clause asks for in a coding that it takes; None if that cannot be had."""
    parameters = clause.parameters
    stream, server_version = parameters.get("stream", ""), parameters.get("sv", "")
    if (stream and (yaml or stream != "watch")) or (server_version and (plain or server_version != "v1")):
        return None
    pretty = parameters.get("pretty") == "1"
    if not parameters.keys() & {"as", "g", "v"}:
        return Negotiated(Form.OBJECT, yaml, pretty=pretty)
    form, version = FORMS.get(parameters.get("as", "")), parameters.get("v", "")
    if plain or form is None or parameters.get("g") != META_GROUP or version not in META_VERSIONS:
        return None
    return Negotiated(form, yaml, version, pretty)


def wants_pretty(query: Query, user_agent: str) -> bool:
    """Whether a client gets indented JSON: it asked for it, or it is one that people look at."""
    asked = query.text("pretty")
    return asked in TRUE if asked else user_agent.startswith(PRETTY_AGENTS)
