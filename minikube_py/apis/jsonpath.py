"""Kubernetes' dialect of JSONPath: templates of text and {expressions} with range and end.

No library reads exactly this dialect (templates, relaxed quoting, escaped dots, missing keys that print nothing).
Source: kubernetes.io/docs/reference/kubectl/jsonpath/, client-go util/jsonpath
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'", "/": "/"}
_COMPARE = re.compile(r"(==|!=|<=|>=|<|>)")
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?").fullmatch
_SLICE = re.compile(r"\s*(-?[0-9]*)\s*(?::\s*(-?[0-9]*)\s*)?(?::\s*(-?[0-9]*)\s*)?").fullmatch
_INDEX = re.compile(r"-?[0-9]{1,18}").fullmatch


class JsonPathError(Exception):
    """A template that does not read, or an index that is out of bounds."""


@dataclass(slots=True)
class _Step:
    """One step of a path: field, wildcard, recursive, slice, union or filter."""

    kind: str
    value: Any = None


@dataclass(slots=True)
class _Text:
    text: str


@dataclass(slots=True)
class _Expression:
    steps: list[_Step]


@dataclass(slots=True)
class _Range:
    steps: list[_Step]
    body: list[_Text | _Expression | _Range] = field(default_factory=list)


_Node = _Text | _Expression | _Range


class Template:
    """A parsed template."""

    def __init__(self, text: str) -> None:
        """
        Raises: JsonPathError if the template does not read.
        """
        self._nodes = _parse_template(text)

    def render(self, data: Any) -> str:
        """The text that the template makes of a document.

        Raises: JsonPathError for an index out of bounds.
        """
        return "".join(_render(self._nodes, data, data))

    def find(self, data: Any) -> list[Any]:
        """The values that the first expression selects."""
        node = next((node for node in self._nodes if isinstance(node, _Expression)), None)
        return _evaluate(node.steps, data, data) if node is not None else []


def relaxed(expression: str) -> Template:
    """The template of an expression whose braces and leading dot may be left out ("metadata.name", ".metadata.name", "{.metadata.name}").

    Raises: JsonPathError.
    Source: kubectl pkg/cmd/get/customcolumn.go (RelaxedJSONPathExpression)
    """
    inner = expression[1:-1] if expression.startswith("{") and expression.endswith("}") else expression
    if not inner.strip("."):
        raise JsonPathError("unexpected path string, expected a 'name1.name2' or '.name1.name2' or '{name1.name2}' or '{.name1.name2}'")
    return Template("{." + inner.removeprefix(".") + "}")


def _render(nodes: list[_Node], data: Any, root: Any) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, _Text):
            yield node.text
        elif isinstance(node, _Expression):
            yield " ".join(text_of(value) for value in _evaluate(node.steps, data, root))
        else:
            for item in _evaluate(node.steps, data, root):
                yield from _render(node.body, item, root)


def text_of(value: Any) -> str:
    """How a value is printed: scalars bare, maps and lists as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json.dumps(value, separators=(",", ":"), sort_keys=isinstance(value, dict), ensure_ascii=False)
    return str(value)


def _evaluate(steps: list[_Step], data: Any, root: Any) -> list[Any]:
    values = [data]
    for step in steps:
        values = [root] if step.kind == "root" else [found for value in values for found in _step(step, value, root)]
    return values


def _step(step: _Step, value: Any, root: Any) -> list[Any]:
    if step.kind == "field":
        if isinstance(value, dict):
            return [value[step.value]] if step.value in value else []
        return []
    if step.kind == "wildcard":
        return list(value.values()) if isinstance(value, dict) else list(value) if isinstance(value, list) else []
    if step.kind == "recursive":
        return list(_descend(value))
    if step.kind == "slice":
        return _slice(step.value, value)
    if step.kind == "union":
        return [found for part in step.value for found in _step(part, value, root)]
    return [item for item in value if _holds(step.value, item, root)] if isinstance(value, list) else []


def _slice(bounds: tuple[int | None, int | None, int | None, bool], value: Any) -> list[Any]:
    start, end, pace, single = bounds
    if not isinstance(value, list):
        return []
    if single:
        index = start or 0
        if not -len(value) <= index < len(value):
            raise JsonPathError(f"array index out of bounds: index {index}, length {len(value)}")
        return [value[index]]
    if pace is not None and pace <= 0:
        raise JsonPathError("step must be > 0")
    return value[start:end:pace]


def _descend(value: Any) -> Iterator[Any]:
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        if isinstance(child, dict | list):
            yield from _descend(child)


def _holds(condition: tuple[Any, str, Any], item: Any, root: Any) -> bool:
    left, operator, right = condition
    lefts = _operand(left, item, root)
    if operator == "exists":
        return bool(lefts)
    rights = _operand(right, item, root)
    if not lefts or not rights:
        return False
    a, b = lefts[0], rights[0]
    if operator == "==":
        return bool(a == b)
    if operator == "!=":
        return bool(a != b)
    try:
        return bool({"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[operator])
    except TypeError:
        return False


def _operand(operand: Any, item: Any, root: Any) -> list[Any]:
    return _evaluate(operand, item, root) if isinstance(operand, list) else [operand[0]]


# -- reading ---------------------------------------------------------------------------------------------------------------------------


def _parse_template(text: str) -> list[_Node]:
    stack: list[list[_Node]] = [[]]
    position = 0
    while position < len(text):
        start = text.find("{", position)
        if start < 0:
            stack[-1].append(_Text(text[position:]))
            break
        if start > position:
            stack[-1].append(_Text(text[position:start]))
        end = _closing(text, start)
        _parse_action(text[start + 1:end].strip(), stack)
        position = end + 1
    if len(stack) > 1:
        raise JsonPathError("unterminated range, no end")
    return stack[0]


def _parse_action(action: str, stack: list[list[_Node]]) -> None:
    if action == "end":
        if len(stack) == 1:
            raise JsonPathError("not in range, nothing to end")
        stack.pop()
    elif action == "range" or action.startswith("range "):
        node = _Range(_parse_path(action[5:].strip()))
        stack[-1].append(node)
        stack.append(node.body)
    elif action[:1] in ("'", '"'):
        if len(action) < 2 or action[-1] != action[0]:
            raise JsonPathError("unterminated quoted string")
        stack[-1].append(_Text(_unescape(action[1:-1])))
    elif action:
        stack[-1].append(_Expression(_parse_path(action)))


def _closing(text: str, start: int) -> int:
    quote = ""
    position = start + 1
    while position < len(text):
        character = text[position]
        if character == "\\":
            position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "}":
            return position
        position += 1
    raise JsonPathError("unclosed action")


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), text)


def _parse_path(text: str) -> list[_Step]:
    steps: list[_Step] = []
    position = 0
    while position < len(text):
        character = text[position]
        if character == "$":
            steps.append(_Step("root"))
            position += 1
        elif character == "@" or character.isspace():
            position += 1
        elif text.startswith("..", position):
            steps.append(_Step("recursive"))
            position += 2
            if position < len(text) and text[position] not in "[.":
                position = _field(text, position, steps)
        elif character == ".":
            position += 1
            if position < len(text) and text[position] not in "[.":
                position = _field(text, position, steps)
        elif character == "[":
            end = _bracket_end(text, position)
            steps.append(_bracket(text[position + 1:end].strip()))
            position = end + 1
        elif not steps and re.match(r"[\w-]", character):
            raise JsonPathError(f"unrecognized identifier {re.match(r'[^.[]*', text[position:])[0]}")  # type: ignore[index]
        else:
            raise JsonPathError(f"unrecognized character in action: U+{ord(character):04X} '{character}'")
    return steps


def _field(text: str, position: int, steps: list[_Step]) -> int:
    if text[position] == "*":
        steps.append(_Step("wildcard"))
        return position + 1
    name = ""
    while position < len(text) and text[position] not in ".[ ":
        if text[position] == "\\" and position + 1 < len(text):
            position += 1
        name += text[position]
        position += 1
    steps.append(_Step("field", name))
    return position


def _bracket_end(text: str, start: int) -> int:
    depth, quote = 0, ""
    for position in range(start, len(text)):
        character = text[position]
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "[":
            depth += 1
        elif character == "]":
            depth -= 1
            if not depth:
                return position
    raise JsonPathError("unterminated array")


def _bracket(text: str) -> _Step:
    if text == "*":
        return _Step("wildcard")
    if text.startswith("?(") and text.endswith(")"):
        return _Step("filter", _condition(text[2:-1].strip()))
    parts = _split_union(text)
    if len(parts) > 1:
        return _Step("union", [_bracket(part) for part in parts])
    if text[:1] in ("'", '"') and text[-1:] == text[0]:
        return _Step("field", _unescape(text[1:-1]))
    match = _SLICE(text)
    if match is None or not text:
        raise JsonPathError(f"invalid array index {text}")
    start, end, pace = (_index(part) if part else None for part in match.groups())
    return _Step("slice", (start, end, pace, ":" not in text))


def _index(text: str) -> int:
    if not _INDEX(text):
        raise JsonPathError(f"array index {text} is not a number")
    return int(text)


def _split_union(text: str) -> list[str]:
    return [part.strip() for part in re.findall(r"""(?:'[^']*'|"[^"]*"|[^,])+""", text)]


def _condition(text: str) -> tuple[Any, str, Any]:
    found = None
    for match in _COMPARE.finditer(text):
        before = text[:match.start()]
        if before.count('"') % 2 == 0 and before.count("'") % 2 == 0:
            found = match
            break
    if found is None:
        return _literal_or_path(text), "exists", None
    return _literal_or_path(text[:found.start()]), found[1], _literal_or_path(text[found.end():])


def _literal_or_path(text: str) -> Any:
    """A path as its steps, a literal as a tuple of one."""
    text = text.strip()
    if text[:1] in ("'", '"') and text[-1:] == text[0] and len(text) > 1:
        return (_unescape(text[1:-1]),)
    if text in ("true", "false"):
        return (text == "true",)
    if _NUMBER(text):
        return (float(text) if "." in text else int(text),)
    return _parse_path(text)
