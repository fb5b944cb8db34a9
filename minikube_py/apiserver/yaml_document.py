"""YAML bodies as upstream reads them: YAML 1.1 with Go's rules for what a plain scalar is, of what JSON knows alone, the first document.

Read with bounds: what is nested too deeply would exhaust the stack of the C library, what its aliases multiply the memory. Go's parser
refuses both too.

Source: sigs.k8s.io/yaml (YAMLToJSON), its go-yaml v2 (resolve.go, decode.go, and the limits on depth and aliasing)
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import sys
from decimal import Decimal
from typing import Any, NamedTuple

import yaml

from minikube_py.apis.go_numbers import go_number
from minikube_py.apis.syntax import quote
from minikube_py.core import limits

# Levels of nesting. No kind comes near, and the composer takes a stack frame or more a level.
# Nodes that a document may have with its aliases resolved, or as many as it has bytes.
NODES_MAX = 100_000
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
TAG = "tag:yaml.org,2002:"
TRUE = frozenset({"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})
FALSE = frozenset({"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})
NULL = frozenset({"", "~", "null", "Null", "NULL"})
SPECIAL = {
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan), **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
INTEGER = re.compile(r"[-+]?(?:0[bB](?P<two>[01]+)|0[oO]?(?P<eight>[0-7]+)|0[xX](?P<sixteen>[0-9a-fA-F]+)|(?P<ten>0|[1-9][0-9]{0,19}))")
FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
BASES = {"two": 2, "eight": 8, "sixteen": 16, "ten": 10}
# What libyaml words differently.
PROBLEMS = {"found a tab character that violates indentation": "found character that cannot start any token"}
# Exponents from which Go writes a float with one. Source: go.dev/src/strconv/ftoa.go (%g)
EXPONENT_MIN, EXPONENT_MAX = -4, 6


class YamlError(ValueError):
    """The body is no YAML, or none that can be JSON; the message is upstream's where it has one.

    Attributes:
        discreet: the message, without anything that stands in the body.
    """

    def __init__(self, message: str, discreet: str = "") -> None:
        super().__init__(message)
        self.discreet = discreet or message


class YamlDocument(NamedTuple):
    """What was read.

    Attributes:
        value: plain, the names of maps sorted, as upstream's JSON of it is; of names that are there twice the last one.
        problem: what strict reading complains of: one text of a line or more, or "".
    """

    value: Any
    problem: str


def load_yaml(body: bytes) -> Any:
    """The plain document.

    Raises: YamlError.
    """
    return read_yaml(body).value


def read_yaml(body: bytes) -> YamlDocument:
    """The document, and its duplicate keys.

    Raises: YamlError.
    """
    try:
        _check_depth(body)
        loader = LOADER(body)
        try:
            node = loader.get_node() if loader.check_node() else None
            if node is None:
                return YamlDocument(None, "")
            if b"*" in body and _expanded(node, {}) > max(NODES_MAX, len(body)):
                raise YamlError("yaml: document contains excessive aliasing")
            reader = _Reader(loader)
            value = reader.value(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise YamlError(_marked(error, body)) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise YamlError(f"yaml: {' '.join(str(error).split())}") from error
    return YamlDocument(value, "\n  ".join(["yaml: unmarshal errors:", *reader.problems]) if reader.problems else "")


def _marked(error: yaml.MarkedYAMLError, body: bytes) -> str:
    """The error as go-yaml words it: scanner errors count lines from one, others from zero; the first line has no number."""
    mark, context = error.problem_mark, error.context_mark
    line = 0
    if mark is not None and mark.line:
        line = mark.line + (1 if isinstance(error, yaml.scanner.ScannerError) else 0)
    elif context is not None and context.line:
        line = context.line
    problem = error.problem or "unknown problem parsing YAML content"
    if "undefined alias" in problem and mark is not None:
        name = re.match(r"\*([\w-]*)", body.decode("utf-8", "replace")[mark.index :])
        return f"yaml: unknown anchor '{name[1] if name else ''}' referenced"
    return f"yaml: {f'line {line}: ' if line else ''}{PROBLEMS.get(problem, problem)}"


def _check_depth(body: bytes) -> None:
    """Look at the events of the first document."""
    depth = 0
    for event in yaml.parse(body, LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > limits.DOCUMENT_LEVELS_MAX:
                raise YamlError("yaml: exceeded max depth of 10000")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentEndEvent):
            return


def _expanded(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes there are when each alias stands for a copy; one that contains itself has too many."""
    found = known.get(id(node))
    if found is not None:
        return found
    known[id(node)] = sys.maxsize
    count = 1
    if isinstance(node, yaml.SequenceNode):
        count += sum(_expanded(item, known) for item in node.value)
    elif isinstance(node, yaml.MappingNode):
        count += sum(_expanded(key, known) + _expanded(value, known) for key, value in node.value)
    known[id(node)] = count
    return count


class _Reader:
    """From nodes to plain values."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self.problems: list[str] = []

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.MappingNode):
            document: dict[str, Any] = {}
            self._mapping(node, document)
            return dict(sorted(document.items()))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item) for item in node.value]
        if not isinstance(node, yaml.ScalarNode):
            raise YamlError(f"yaml: unknown node {type(node).__name__}")
        found = self._scalar(node)
        if isinstance(found, float):
            if not math.isfinite(found):
                raise YamlError(f"json: unsupported value: {go_float(found)}")
            return go_number(found)
        return found

    def _mapping(self, node: yaml.MappingNode, document: dict[str, Any]) -> None:
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == "<<" and key.tag in (TAG + "merge", "!"):
                self._merge(value, document)
                continue
            name, shown = self._key(key)
            if name in document:
                self.problems.append(f"line {value.start_mark.line + 1}: key {shown} already set in map")
            document[name] = self.value(value)

    def _merge(self, node: yaml.Node, document: dict[str, Any]) -> None:
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, document)
        elif isinstance(node, yaml.SequenceNode) and all(isinstance(item, yaml.MappingNode) for item in node.value):
            # The first of several wins.
            for item in reversed(node.value):
                self._mapping(item, document)
        else:
            raise YamlError("yaml: map merge requires map or sequence of maps as the value")

    def _key(self, node: yaml.Node) -> tuple[str, str]:
        """A name as JSON has it, and as Go prints the key."""
        if not isinstance(node, yaml.ScalarNode):
            raise YamlError(f"yaml: invalid map key: {self.value(node)}", f"yaml: invalid map key in line {node.start_mark.line + 1}")
        key: Any = self._scalar(node)
        if isinstance(key, str):
            return key, quote(key)
        if isinstance(key, bool):
            return ("true", "true") if key else ("false", "false")
        if isinstance(key, int):
            return str(key), str(key)
        if isinstance(key, float):
            return go_float(key), go_float(key)
        raise YamlError("unsupported map key of type: %!s(<nil>), key: <nil>")

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        plain = not node.style
        implied = self._loader.resolve(yaml.ScalarNode, text, (plain, not plain))
        if node.tag != implied and node.tag.startswith(TAG):
            return _tagged(node.tag.removeprefix(TAG), text)
        return resolve(text) if plain and node.tag.startswith(TAG) else text


def resolve(text: str) -> Any:
    """What a plain scalar without a tag is."""
    if text in NULL:
        return None
    if text in TRUE or text in FALSE:
        return text in TRUE
    if text in SPECIAL:
        return SPECIAL[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text.replace("_", "")
    match = INTEGER.fullmatch(digits)
    if match is not None and match.lastgroup is not None:
        number = int(match[match.lastgroup], BASES[match.lastgroup]) * (-1 if digits[0] == "-" else 1)
        if -(2**63) <= number < 2**64:
            return number
    if FLOAT.fullmatch(digits):
        found = float(digits)
        if math.isfinite(found):
            return found
    return text


def _tagged(tag: str, text: str) -> Any:
    """A scalar whose tag is written."""
    if tag == "binary":
        try:
            return base64.b64decode(text).decode("utf-8", "replace")
        except (binascii.Error, ValueError) as error:
            raise YamlError("yaml: !!binary value contains invalid base64 data") from error
    found = resolve(text)
    wanted: dict[str, type] = {"int": int, "float": float, "bool": bool}
    if tag == "float" and type(found) is int:
        return float(found)
    if (tag in wanted and type(found) is not wanted[tag]) or (tag == "null" and found is not None):
        known = {str: "str", int: "int", float: "float", bool: "bool", type(None): "null"}[type(found)]
        raise YamlError(f"yaml: cannot decode !!{known} `{text}` as a !!{tag}", f"yaml: cannot decode !!{known} as a !!{tag}")
    return found if tag in wanted or tag == "null" else text


def go_float(value: float) -> str:
    """The shortest text of a float, with an exponent of two digits where Go has one."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
    sign, digits, power = Decimal(repr(value)).normalize().as_tuple()
    if not isinstance(power, int) or not any(digits):
        return "-0" if sign else "0"
    exponent = len(digits) + power - 1
    if not EXPONENT_MIN <= exponent < EXPONENT_MAX:
        fraction = "".join(map(str, digits[1:]))
        return f"{'-' if sign else ''}{digits[0]}{'.' if fraction else ''}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    return f"{value:f}".split(".")[0] if value.is_integer() else format(Decimal(repr(value)), "f")
