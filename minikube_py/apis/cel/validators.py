"""What is checked of literals once the types fit: durations, timestamps, regular expressions, mixed lists and maps, format strings.

Source: cel-go cel/validator.go, ext/formatting.go
"""

from __future__ import annotations

from collections.abc import Callable

from .ast import Call, Checked, Const, Entry, ListLiteral, MapLiteral, Node, walk
from .errors import CelError, Issue
from .format_strings import clauses, complaint
from .regex import compile_pattern
from .times import int_to_duration, int_to_timestamp, parse_duration, parse_timestamp
from .types import Type

_LITERALS: dict[str, tuple[Callable[..., object], ...]] = {
    "duration": (parse_duration, int_to_duration), "timestamp": (parse_timestamp, int_to_timestamp), "matches": (compile_pattern,),
}


def validate(checked: Checked) -> list[Issue]:
    """Complaints about literals of a checked expression."""
    issues: list[Issue] = []

    def complain(node: Node | Entry, message: str) -> None:
        issues.append(Issue.at(checked.source, node.at, message))

    calls = [node for node in walk(checked.root) if isinstance(node, Call)]
    for function in _LITERALS:
        for call in calls:
            if call.function == function and call.args and isinstance(call.args[0], Const) and not _readable(function, call.args[0]):
                complain(call.args[0], f"invalid {function} argument")
    _mixed(checked, complain)
    for call in calls:
        if call.function == "format" and isinstance(call.target, Const) and isinstance(call.args[0], ListLiteral):
            _format(checked, call, str(call.target.value), call.args[0], complain)
    return issues


def _readable(function: str, literal: Const) -> bool:
    of_text, *of_integer = _LITERALS[function]
    if literal.value is None:
        return False  # It may stand where a duration or timestamp may, but there is nothing that it converts to.
    read = of_text if isinstance(literal.value, str) else of_integer[0]
    try:
        read(literal.value)
    except CelError:
        return False
    return True


def _mixed(checked: Checked, complain: Callable[[Node, str], None]) -> None:
    """Lists and maps whose entries differ in type; the arguments of a format may, and what they are put together of."""
    stack: list[tuple[Node, bool]] = [(checked.root, False)]
    while stack:
        node, exempt = stack.pop()
        aggregate = isinstance(node, ListLiteral | MapLiteral)
        if aggregate and not exempt:
            _aggregate(checked, node, complain)
        within = exempt if aggregate else isinstance(node, Call) and node.function == "format"
        stack.extend((child, within) for child in node.children())


def _aggregate(checked: Checked, node: Node, complain: Callable[[Node, str], None]) -> None:
    if isinstance(node, ListLiteral):
        items = [(item, _entry_type(checked, item, index in node.optional)) for index, item in enumerate(node.items)]
        for item, found in _strangers(items)[:1]:
            complain(item, f"expected type '{items[0][1]}' but found '{found}'")
    elif isinstance(node, MapLiteral):
        keys = [(entry.key, checked.types[entry.key.id]) for entry in node.entries if entry.key is not None]
        values = [(entry.value, _entry_type(checked, entry.value, entry.optional)) for entry in node.entries]
        for entries in (keys, values):
            for item, found in _strangers(entries):
                complain(item, f"expected type '{entries[0][1]}' but found '{found}'")


def _entry_type(checked: Checked, node: Node, optional: bool) -> Type:
    kind = checked.types[node.id]
    return kind.params[0] if optional and kind.params else kind


def _strangers(items: list[tuple[Node, Type]]) -> list[tuple[Node, Type]]:
    """Those that are of another type than the first."""
    return [(node, kind) for node, kind in items[1:] if kind != items[0][1]]


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
            wrong = _unfit(checked, piece.verb, argument)
            if wrong is not None:
                complain(wrong[0], f"error during formatting: {wrong[1]}")
                return
    except CelError as error:
        complain(call, str(error))
        return
    if used < len(arguments.items):
        complain(call, f"too many arguments supplied to string.format (expected {used}, got {len(arguments.items)})")


def _unfit(checked: Checked, verb: str, argument: Node) -> tuple[Node, str] | None:
    """The part of an argument that a clause does not take, and why. Whether a text is a number shows when the expression runs."""
    kind = checked.types[argument.id]
    if verb in "fe" and kind.kind == "string":
        return None
    wrong = complaint(verb, kind)
    if wrong:
        return argument, wrong
    if verb != "s" or not isinstance(argument, ListLiteral | MapLiteral):
        return None
    parts = (_unfit(checked, verb, part) for part in argument.children())
    return next((part for part in parts if part is not None), None)
