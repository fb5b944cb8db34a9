"""Type-checks a tree against declared variables and the functions of the environment.

The checker goes on after a complaint, so that one answer names everything that is wrong. Its sentences are those of the API server.

Source: github.com/google/cel-spec doc/langdef.md (type checking); messages: cel-go checker/errors.go
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from . import types as t
from .ast import (
    Call,
    Checked,
    Comprehension,
    Const,
    Entry,
    Ident,
    ListLiteral,
    MapLiteral,
    MessageLiteral,
    Node,
    Select,
    Uint,
    qualified_name,
)
from .declarations import TYPE_NAMES, Overload, functions
from .depth import TOO_DEEP, room
from .errors import CompileError, Issue
from .parser import parse
from .types import Substitution, Type
from .validators import validate

# The type of a field of a named object type; None if it has no such field.
FieldType = Callable[[str, str], Type | None]

_CONSTANTS: dict[type, Type] = {
    bool: t.BOOL, int: t.INT, Uint: t.UINT, float: t.DOUBLE, str: t.STRING, bytes: t.BYTES, type(None): t.NULL,
}


# Whether literals may make objects of a type of this name.
IsMessage = Callable[[str], bool]


def check(
    source: str, variables: Mapping[str, Type], field_type: FieldType, *, known: Mapping[str, list[Overload]] | None = None,
    is_message: IsMessage | None = None, bind: bool = False,
) -> Checked:
    """Parse and check an expression.

    Args:
        variables: what it may read.
        field_type: the fields of object types.
        known: the functions, if they are others than those of every expression.
        is_message: the object types that have literals; none have if it is left out.
        bind: whether there is the macro cel.bind.
    Raises: CompileError.
    """
    checker = _Checker(source, variables, field_type, known if known is not None else functions(), is_message)
    try:
        with room():
            return _checked(checker, source, parse(source, bind=bind))
    except RecursionError as error:
        raise CompileError(source, [TOO_DEEP]) from error


def _checked(checker: _Checker, source: str, root: Node) -> Checked:
    checker.check(root)
    if not checker.issues:
        types = {id: checker.substitution.resolve(kind, unknown_is_dyn=True) for id, kind in checker.types.items()}
        checked = Checked(source, root, types, checker.overloads, checker.idents)
        checker.issues = validate(checked)
        if not checker.issues:
            return checked
    raise CompileError(source, checker.issues)


class _Checker:
    def __init__(
        self, source: str, variables: Mapping[str, Type], field_type: FieldType, known: Mapping[str, list[Overload]],
        is_message: IsMessage | None,
    ) -> None:
        self.types: dict[int, Type] = {}
        self.overloads: dict[int, list[str]] = {}
        self.idents: set[str] = set()
        self.issues: list[Issue] = []
        self.substitution = Substitution()
        self._source = source
        self._scopes: list[dict[str, Type]] = [dict(variables)]
        self._field_type = field_type
        self._functions = known
        self._is_message = is_message

    def check(self, node: Node) -> Type:
        kind = self._kind(node)
        self.types[node.id] = kind
        return kind

    def _kind(self, node: Node) -> Type:
        if isinstance(node, Const):
            return _CONSTANTS[type(node.value)]
        if isinstance(node, Ident):
            return self._ident(node)
        if isinstance(node, Select):
            return self._select(node)
        if isinstance(node, Call):
            return self._call(node)
        if isinstance(node, ListLiteral):
            return self._list(node)
        if isinstance(node, MapLiteral):
            return self._map(node)
        if isinstance(node, Comprehension):
            return self._comprehension(node)
        if isinstance(node, MessageLiteral):
            return self._message(node)
        raise TypeError(f"unknown node: {node!r}")

    # Complaints ---------------------------------------------------------------------------------------------------------------------

    def _complain(self, at: int, message: str) -> Type:
        self.issues.append(Issue.at(self._source, at, message))
        return t.ERROR

    def _mismatch(self, node: Node, expected: Type, found: Type) -> None:
        self._complain(node.at, f"expected type '{expected}' but found '{found}'")

    # Names --------------------------------------------------------------------------------------------------------------------------

    def _lookup(self, name: str) -> Type | None:
        name = name.removeprefix(".")
        for scope in reversed(self._scopes):
            if name in scope:
                if scope is self._scopes[0]:
                    self.idents.add(name)
                return scope[name]
        named = TYPE_NAMES.get(name)
        if named is None and self._is_message is not None and self._is_message(name):
            named = t.object_type(name)
        return t.type_of(named) if named is not None else None

    def _ident(self, node: Ident) -> Type:
        kind = self._lookup(node.name)
        if kind is None:
            return self._complain(node.at, f"undeclared reference to '{node.name}' (in container '')")
        return kind

    def _select(self, node: Select) -> Type:
        name = qualified_name(node)
        if name:
            kind = self._lookup(name)
            if kind is not None:
                return kind
        kind = self._field(node, node.operand, node.field, optional=False)
        return t.BOOL if node.test_only else self.substitution.resolve(kind)

    def _field(self, node: Node, operand: Node, field: str, optional: bool) -> Type:
        kind = self.substitution.resolve(self.check(operand))
        was_optional = t.is_optional(kind)
        if was_optional:
            kind = kind.params[0]
        result = t.DYN
        if kind.kind == "map":
            result = kind.params[1]
        elif kind.kind == "object":
            found = self._field_type(kind.name, field)
            result = found if found is not None else self._complain(node.at, f"undefined field '{field}'")
        elif kind.kind == "param":
            self.substitution.assignable(t.DYN, kind)
        elif kind.kind not in ("dyn", "error"):
            self._complain(node.at, f"type '{kind}' does not support field selection")
        return t.optional_of(result) if was_optional or optional else result

    # Calls --------------------------------------------------------------------------------------------------------------------------

    def _call(self, node: Call) -> Type:
        if node.function == "_?._":
            field = node.args[1]
            if not isinstance(field, Const) or not isinstance(field.value, str):
                return self._complain(field.at, "unsupported optional field selection")
            self.overloads[node.id] = ["select_optional_field"]
            self.types[field.id] = t.STRING
            return self.substitution.resolve(self._field(node, node.args[0], field.value, optional=True))
        arguments = [self.check(arg) for arg in node.args]
        if node.target is not None:
            name = qualified_name(node.target)
            qualified = f"{name.removeprefix('.')}.{node.function}"
            if name and qualified in self._functions:
                node.function, node.target = qualified, None
            else:
                arguments.insert(0, self.check(node.target))
        overloads = self._functions.get(node.function.removeprefix("."))
        if overloads is None:
            return self._complain(node.at, f"undeclared reference to '{node.function}' (in container '')")
        return self._resolve(node, overloads, arguments)

    def _resolve(self, node: Call, overloads: list[Overload], arguments: list[Type]) -> Type:
        if node.function in ("_&&_", "_||_"):
            wrong = [(arg, kind) for arg, kind in zip(node.args, arguments, strict=True) if not self.substitution.assignable(kind, t.BOOL)]
            for arg, kind in wrong:
                self._mismatch(arg, t.BOOL, kind)
            self.overloads[node.id] = [overloads[0].id]
            return t.ERROR if wrong else t.BOOL
        member = node.target is not None
        result: Type | None = None
        matching: list[str] = []
        for overload in overloads:
            if overload.member != member:
                continue
            wanted, answer = self._instance(overload)
            if not self.substitution.all_assignable(arguments, wanted):
                continue
            matching.append(overload.id)
            answer = self.substitution.resolve(answer)
            if result is None:
                result = answer
            elif result != answer:
                result = t.DYN
        if result is None:
            shown = t.signature([self.substitution.resolve(kind, unknown_is_dyn=True) for kind in arguments], member)
            return self._complain(node.at, f"found no matching overload for '{node.function}' applied to '{shown}'")
        self.overloads[node.id] = matching
        return result

    def _instance(self, overload: Overload) -> tuple[list[Type], Type]:
        if not overload.parameters:
            return list(overload.arguments), overload.result
        fresh = {name: self.substitution.fresh() for name in sorted(overload.parameters)}
        return [_replace(kind, fresh) for kind in overload.arguments], _replace(overload.result, fresh)

    # Literals -----------------------------------------------------------------------------------------------------------------------

    def _join(self, previous: Type | None, current: Type) -> Type:
        """What entries of two types have in common; whether such entries may stand together is asked of the tree as a whole."""
        if previous is None:
            return current
        if self.substitution.assignable(previous, current):
            return t.most_general(previous, current)
        return t.DYN

    def _unwrapped(self, node: Node, kind: Type) -> Type:
        if t.is_optional(kind):
            return kind.params[0]
        if kind.kind != "dyn":
            self._mismatch(node, t.optional_of(kind), kind)
        return kind

    def _list(self, node: ListLiteral) -> Type:
        kind: Type | None = None
        for index, item in enumerate(node.items):
            found = self.check(item)
            if index in node.optional:
                found = self._unwrapped(item, found)
            kind = self._join(kind, found)
        return t.list_of(kind if kind is not None else self.substitution.fresh())

    def _map(self, node: MapLiteral) -> Type:
        key: Type | None = None
        value: Type | None = None
        for entry in node.entries:
            if entry.key is not None:
                key = self._join(key, self.check(entry.key))
            found = self.check(entry.value)
            value = self._join(value, self._unwrapped(entry.value, found) if entry.optional else found)
        return t.map_of(
            key if key is not None else self.substitution.fresh(), value if value is not None else self.substitution.fresh()
        )

    def _message(self, node: MessageLiteral) -> Type:
        kind = self._lookup(node.type_name)
        result = t.ERROR
        if kind is None:
            self._complain(node.at, f"undeclared reference to '{node.type_name}' (in container '')")
        elif kind.kind != "type":
            self._complain(node.at, f"'{kind}' is not a type")
        elif self._is_message is not None and kind.params[0].kind == "object" and self._is_message(kind.params[0].name):
            result = kind.params[0]
        else:
            # Other object types have no name that could be written.
            self._complain(node.at, f"'{kind.params[0]}' is not a message type")
        for entry in node.entries:
            self._message_field(result, entry)
        return result

    def _message_field(self, message: Type, entry: Entry) -> None:
        found = self.check(entry.value)
        if message is t.ERROR:
            return
        wanted = self._field_type(message.name, entry.field)
        if wanted is None:
            self._complain(entry.at, f"undefined field '{entry.field}'")
            return
        if entry.optional:
            found = self._unwrapped(entry.value, found)
        if not self.substitution.assignable(wanted, found):
            shown = self.substitution.resolve(found, unknown_is_dyn=True)
            self._complain(entry.at, f"expected type of field '{entry.field}' is '{wanted}' but provided type is '{shown}'")

    # Comprehensions -----------------------------------------------------------------------------------------------------------------

    def _comprehension(self, node: Comprehension) -> Type:
        kind = self.substitution.resolve(self.check(node.range))
        accu = self.check(node.init)
        first, second = self._variables(node, kind)
        self._scopes.append({node.accu: accu})
        self._scopes.append({node.var: first} | ({node.var2: second} if node.var2 else {}))
        self._expect(node.condition, t.BOOL)
        self._expect(node.step, accu)
        self._scopes.pop()
        result = self.check(node.result)
        self._scopes.pop()
        return self.substitution.resolve(result)

    def _expect(self, node: Node, expected: Type) -> None:
        found = self.check(node)
        if not self.substitution.assignable(expected, found):
            self._mismatch(node, self.substitution.resolve(expected), found)

    def _variables(self, node: Comprehension, kind: Type) -> tuple[Type, Type]:
        if kind.kind == "list":
            return (t.INT, kind.params[0]) if node.var2 else (kind.params[0], t.ERROR)
        if kind.kind == "map":
            return kind.params[0], kind.params[1]
        if kind.kind in ("dyn", "error", "param"):
            self.substitution.assignable(t.DYN, kind)
            return t.DYN, t.DYN
        wrong = f"expression of type '{kind}' cannot be range of a comprehension (must be list, map, or dynamic)"
        return self._complain(node.range.at, wrong), t.ERROR


def _replace(kind: Type, fresh: Mapping[str, Type]) -> Type:
    if kind.kind == "param":
        return fresh[kind.name]
    if not kind.params:
        return kind
    return Type(kind.kind, kind.name, tuple(_replace(inner, fresh) for inner in kind.params))
