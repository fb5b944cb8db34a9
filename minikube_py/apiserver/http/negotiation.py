"""In which form an answer goes out: JSON, YAML or protobuf, the object itself, a Table or only its metadata, and whether indented.

Answers are protobuf only for clients that take nothing else: JSON is what is stored, and every client that can choose reads it.
Source: k8s.io/apiserver/pkg/endpoints/handlers/negotiation/negotiate.go, handlers/rest.go (AllowsMediaTypeTransform)
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import NamedTuple

from minikube_py.core.errors import NotAcceptableError
from minikube_py.core.short_texts import remembered

from ..accept import Clause, parse_accept
from .query import Query


class Form(Enum):
    """What of an object is sent."""

    OBJECT = ""
    TABLE = "Table"
    PARTIAL = "PartialObjectMetadata"
    PARTIAL_LIST = "PartialObjectMetadataList"


class Coding(Enum):
    """How it is written."""

    JSON = "application/json"
    YAML = "application/yaml"
    PROTOBUF = "application/vnd.kubernetes.protobuf"


class Negotiated(NamedTuple):
    """What an Accept header asks for.

    Attributes:
        version: of the meta.k8s.io group that Tables and metadata are sent in.
        pretty: whether the clause itself asks for indented JSON.
    """

    form: Form
    coding: Coding
    version: str = "v1"
    pretty: bool = False

    @property
    def meta_version(self) -> str:
        return f"meta.k8s.io/{self.version}"


JSON = Negotiated(Form.OBJECT, Coding.JSON)
JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE = (coding.value for coding in Coding)
META_GROUP, META_VERSIONS = "meta.k8s.io", ("v1", "v1beta1")
FORMS = {form.value: form for form in Form if form is not Form.OBJECT}
# Programs that people look at the output of.
PRETTY_AGENTS = ("curl", "Wget", "Mozilla/5.0")
TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})


@remembered(512)
def negotiate(accept: str, *, watch: bool = False, protobuf: bool = False, tables: bool = True) -> Negotiated:
    """The form that an Accept header asks for; the first clause that can be served wins.

    Args:
        watch: whether a stream is asked for, which YAML is not.
        protobuf: whether the kind has such a form; the metadata of every kind has.
        tables: whether what is answered has Tables, as all that is stored has.

    Raises: NotAcceptableError if there is none; it names what the server writes at all, whatever the kind. A watch is refused as a list
        is, unless it asks for what only a list can be.
    """
    found = _first(accept, (Coding.JSON, Coding.YAML), tables=tables) or _first(accept, (Coding.PROTOBUF,))
    if found is None or (found.coding is Coding.PROTOBUF and found.form is Form.OBJECT and not protobuf):
        raise not_acceptable(coding.value for coding in Coding)
    if watch and found.coding is Coding.YAML:
        raise not_acceptable(f"{coding.value};stream=watch" for coding in Coding if coding is not Coding.YAML)
    return JSON if found == JSON else found


@remembered(512)
def negotiate_status(accept: str) -> Negotiated | None:
    """The form of an error, which is never a Table; None if the client takes none that there is."""
    return _first(accept, (Coding.JSON, Coding.YAML), plain=True) or _first(accept, (Coding.PROTOBUF,), plain=True)


def not_acceptable(accepted: Iterable[str]) -> NotAcceptableError:
    return NotAcceptableError(f"only the following media types are accepted: {', '.join(accepted)}")


def _first(accept: str, codings: tuple[Coding, ...], *, plain: bool = False, tables: bool = True) -> Negotiated | None:
    """What the first clause asks for that can be served.

    Args:
        plain: whether nothing can be asked for but the coding.
        tables: see `negotiate`.
    """
    for clause in parse_accept(accept):
        for coding in codings:
            if clause.matches(coding.value):
                found = _serve(clause, coding, plain=plain)
                if found is not None and (tables or found.form is not Form.TABLE):
                    return found
    return None


def _serve(clause: Clause, coding: Coding, *, plain: bool) -> Negotiated | None:
    """What a clause asks for in a coding that it takes; None if that cannot be had."""
    parameters = clause.parameters
    stream, server_version = parameters.get("stream", ""), parameters.get("sv", "")
    if (stream and (coding is Coding.YAML or stream != "watch")) or (server_version and (plain or server_version != "v1")):
        return None
    pretty = parameters.get("pretty") == "1"
    if not parameters.keys() & {"as", "g", "v"}:
        return Negotiated(Form.OBJECT, coding, pretty=pretty)
    form, version = FORMS.get(parameters.get("as", "")), parameters.get("v", "")
    if plain or form is None or parameters.get("g") != META_GROUP or version not in META_VERSIONS:
        return None
    # A Table has cells of any type, which only JSON and YAML have.
    return None if form is Form.TABLE and coding is Coding.PROTOBUF else Negotiated(form, coding, version, pretty)


def wants_pretty(query: Query, user_agent: str) -> bool:
    """Whether a client gets indented JSON: it asked for it, or it is one that people look at."""
    asked = query.text("pretty")
    return asked in TRUE if asked else user_agent.startswith(PRETTY_AGENTS)
