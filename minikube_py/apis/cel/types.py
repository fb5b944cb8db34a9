"""The types that expressions are checked with, and how they unify.

A Type is immutable and compared by structure. Type parameters ("A") stand in declarations; the checker replaces them by fresh ones
("_var3") and learns in a Substitution what they are. `dyn` goes with everything and is settled when the expression runs.

Source: github.com/google/cel-spec doc/langdef.md (gradual type checking); type names in messages: cel-go checker/format.go
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Type:
    """Attributes:
    kind: bool, int, uint, double, string, bytes, null, dyn, error, duration, timestamp, list, map, object, opaque, param or type.
    name: of an object, opaque or param; of the others their kind.
    params: of list, map, opaque and type.
    """

    kind: str
    name: str
    params: tuple[Type, ...] = ()

    def __str__(self) -> str:
        if self.kind == "error":
            return "!error!"
        if not self.params:
            return self.name
        return f"{self.name}({', '.join(str(param) for param in self.params)})"


def _simple(kind: str) -> Type:
    return Type(kind, kind)


BOOL, INT, UINT, DOUBLE = _simple("bool"), _simple("int"), _simple("uint"), _simple("double")
STRING, BYTES, NULL, DYN, ERROR = _simple("string"), _simple("bytes"), _simple("null"), _simple("dyn"), _simple("error")
DURATION, TIMESTAMP = _simple("duration"), _simple("timestamp")
TYPE = _simple("type")


def list_of(item: Type) -> Type:
    return Type("list", "list", (item,))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", "map", (key, value))


def optional_of(value: Type) -> Type:
    return Type("opaque", "optional_type", (value,))


def object_type(name: str) -> Type:
    return Type("object", name)


def param(name: str) -> Type:
    return Type("param", name)


def type_of(value: Type) -> Type:
    return Type("type", "type", (value,))


QUANTITY, URL, SEMVER = object_type("kubernetes.Quantity"), object_type("kubernetes.URL"), object_type("kubernetes.Semver")
FORMAT = object_type("kubernetes.NamedFormat")
AUTHORIZER, DECISION = object_type("kubernetes.authorization.Authorizer"), object_type("kubernetes.authorization.Decision")
PATH_CHECK, GROUP_CHECK, RESOURCE_CHECK = (object_type(f"kubernetes.authorization.{what}Check") for what in ("Path", "Group", "Resource"))
IP, CIDR = Type("opaque", "net.IP"), Type("opaque", "net.CIDR")

_RUNTIME_NAMES = {"null": "null_type", "duration": "google.protobuf.Duration", "timestamp": "google.protobuf.Timestamp"}
_NULLABLE = frozenset({"opaque", "object", "duration", "timestamp", "null"})
_NESTED = frozenset({"opaque", "list", "map"})


def is_optional(kind: Type) -> bool:
    return kind.name == "optional_type" and kind.kind == "opaque"


def runtime_name(kind: Type) -> str:
    """What a type is called by an expression that runs."""
    return _RUNTIME_NAMES.get(kind.kind, kind.name)


def signature(arguments: list[Type], member: bool) -> str:
    """Argument types as messages show them: "string.(int)", "(int, string)"."""
    target = ""
    if member:
        target, arguments = f"{arguments[0]}.", arguments[1:]
    return f"{target}({', '.join(str(argument) for argument in arguments)})"


class Substitution:
    """What is known of type parameters.

    Invariant: following a parameter through `known` ends; no parameter occurs within what it stands for.
    """

    def __init__(self) -> None:
        self.known: dict[str, Type] = {}
        # What the present unification has learnt, and what was known before.
        self._changed: list[tuple[str, Type | None]] = []
        self._count = 0

    def fresh(self) -> Type:
        self._count += 1
        return param(f"_var{self._count - 1}")

    def resolve(self, kind: Type, unknown_is_dyn: bool = False) -> Type:
        """`kind` with every known parameter replaced; the unknown ones by dyn if wanted."""
        if kind.kind == "param":
            known = self.known.get(kind.name)
            if known is not None:
                return self.resolve(known, unknown_is_dyn)
            return DYN if unknown_is_dyn else kind
        if not kind.params:
            return kind
        return Type(kind.kind, kind.name, tuple(self.resolve(inner, unknown_is_dyn) for inner in kind.params))

    def assignable(self, left: Type, right: Type) -> bool:
        """Whether both can be one type; remembers what that says about parameters, and nothing if they cannot."""
        return self.all_assignable([left], [right])

    def all_assignable(self, lefts: list[Type], rights: list[Type]) -> bool:
        if len(lefts) != len(rights):
            return False
        self._changed = []
        if all(self._unify(left, right) for left, right in zip(lefts, rights, strict=True)):
            return True
        for name, before in reversed(self._changed):
            if before is None:
                del self.known[name]
            else:
                self.known[name] = before
        return False

    def _learn(self, name: str, kind: Type) -> None:
        self._changed.append((name, self.known.get(name)))
        self.known[name] = kind

    def _unify(self, left: Type, right: Type) -> bool:
        if right.kind == "param":
            fits, bound = self._bind(left, right)
            if fits or bound:
                return fits
        if left.kind == "param":
            return self._bind(right, left)[0]
        if left.kind in ("dyn", "error") or right.kind in ("dyn", "error"):
            return True
        if left.kind == "null":
            return right.kind in _NULLABLE
        if right.kind == "null":
            return left.kind in _NULLABLE
        if left.kind == "type":
            return right.kind == "type"
        if left.kind != right.kind or left.name != right.name:
            return False
        if left.kind not in _NESTED:
            return True
        return len(left.params) == len(right.params) and all(map(self._unify, left.params, right.params))

    def _bind(self, value: Type, parameter: Type) -> tuple[bool, bool]:
        """Try `parameter` := `value`. Returns whether it fits and whether the parameter was already known."""
        if value == parameter:
            return True, True
        known = self.known.get(parameter.name)
        if known is None:
            if self._occurs(parameter, value):
                return False, False
            self._learn(parameter.name, value)
            return True, False
        if value == known:
            return True, True
        if not self._unify(value, known):
            return False, True
        general = most_general(value, known)
        if not self._occurs(parameter, general):
            self._learn(parameter.name, general)
        return True, True

    def _occurs(self, parameter: Type, within: Type) -> bool:
        if parameter == within:
            return True
        if within.kind == "param":
            known = self.known.get(within.name)
            return known is not None and self._occurs(parameter, known)
        return any(self._occurs(parameter, inner) for inner in within.params)


def most_general(first: Type, second: Type) -> Type:
    """The wider one of two types that unify."""
    return first if _covers(first, second) else second


def _covers(wide: Type, narrow: Type) -> bool:
    if wide.kind in ("dyn", "param"):
        return True
    if narrow.kind in ("dyn", "param") or wide.kind != narrow.kind:
        return False
    if wide.kind == "type":
        return True
    if wide.kind not in _NESTED:
        return wide == narrow
    return wide.name == narrow.name and len(wide.params) == len(narrow.params) and all(map(_covers, wide.params, narrow.params))
