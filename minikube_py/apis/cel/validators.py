"""What is checked of literals once the types fit: durations, timestamps, regular expressions, mixed lists and maps, format strings.

Source: cel-go cel/validator.go, ext/formatting.go
"""

from __future__ import annotations

from collections.abc import Callable

from . import types as t
from .ast import Call, Checked, Const, Entry, ListLiteral, MapLiteral, Node, walk
from .errors import CelError, Issue
from .format_strings import clauses, complaint
from .regex import compile_pattern
from .times import parse_duration, parse_timestamp
from .types import Type

_LITERALS: dict[str, Callable[[str], object]] = {
    "duration": parse_duration, "timestamp": parse_timestamp, "matches": compile_pattern,
}


def validate(checked: Checked) -> list[Issue]:
    """Complaints about literals of a checked expression."""
    issues: list[Issue] = []

    def complain(node: Node | Entry, message: str) -> None:
        issues.append(Issue.at(checked.source, node.at, message))

    calls = [node for node in walk(checked.root) if isinstance(node, Call)]
    for function, read in _LITERALS.items():
        for call in calls:
            if call.function == function and call.args and isinstance(call.args[0], Const) and not _readable(read, call.args[0]):
                complain(call.args[0], f"invalid {function} argument")
    _mixed(checked, complain)
    for call in calls:
        if call.function == "format" and isinstance(call.target, Const) and isinstance(call.args[0], ListLiteral):
            _format(checked, call, str(call.target.value), call.args[0], complain)
    return issues


def _readable(read: Callable[[str], object], literal: Const) -> bool:
    if not isinstance(literal.value, str):
        return True
    try:
        read(literal.value)
    except CelError:
        return False
    return True


def _mixed(checked: Checked, complain: Callable[[Node, str], None]) -> None:
    """Lists and maps whose entries differ in type; the arguments of a format may."""
    stack: list[Node] = [checked.root]
    literals: list[Node] = []
    while stack:
        node = stack.pop()
        if isinstance(node, Call) and node.function == "format":
            if node.target is not None:
                stack.append(node.target)
            continue
        if isinstance(node, ListLiteral | MapLiteral):
            literals.append(node)
        stack.extend(reversed(list(node.children())))
    for node in literals:
        if isinstance(node, ListLiteral):
            items = [(item, _entry_type(checked, item, index in node.optional)) for index, item in enumerate(node.items)]
            _same(items, complain)
        elif isinstance(node, MapLiteral):
            _same([(entry.key, checked.types[entry.key.id]) for entry in node.entries if entry.key is not None], complain)
            _same([(entry.value, _entry_type(checked, entry.value, entry.optional)) for entry in node.entries], complain)


def _entry_type(checked: Checked, node: Node, optional: bool) -> Type:
    kind = checked.types[node.id]
    return kind.params[0] if optional and kind.params else kind


def _same(items: list[tuple[Node, Type]], complain: Callable[[Node, str], None]) -> None:
    for node, kind in items[1:]:
        if not _equivalent(items[0][1], kind):
            complain(node, f"expected type '{items[0][1]}' but found '{kind}'")
            return


def _equivalent(first: Type, second: Type) -> bool:
    """Equal but for type parameters, which checking has replaced by dyn within lists and maps."""
    if first.kind != second.kind or first.name != second.name or len(first.params) != len(second.params):
        return False
    if first.kind == "type":
        return True
    return all(t.DYN in pair or _equivalent(*pair) for pair in zip(first.params, second.params, strict=True))


def _format(checked: Checked, call: Call, text: str, arguments: ListLiteral, complain: Callable[[Node, str], None]) -> None:
    used = 0
    try:
        for piece in clauses(text):
            if isinstance(piece, str):
                continue
            if used >= len(arguments.items):
                raise CelError(f"index {used} out of range")
            argument = arguments.items[used]
            used += 1
            wrong = complaint(piece.verb, checked.types[argument.id])
            if wrong:
                complain(argument, f"error during formatting: {wrong}")
                return
    except CelError as error:
        complain(call, str(error))
        return
    if used < len(arguments.items):
        complain(call, f"too many arguments supplied to string.format (expected {used}, got {len(arguments.items)})")
