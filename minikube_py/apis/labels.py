"""Label selectors: reading them, and matching labels against them.

Owns the text grammar ("app=web,tier in (front,back),!canary") and the meaning of meta_v1.LabelSelector. A selector is immutable
and may be shared; matching allocates nothing.

Source: staging/src/k8s.io/apimachinery/pkg/labels/selector.go, pkg/apis/meta/v1/helpers.go (LabelSelectorAsSelector)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ..core.errors import BadRequestError
from . import meta_v1, syntax

_OPERATOR_TEXT = {"=": "=", "==": "==", "!=": "!=", "in": " in ", "notin": " notin ", "gt": ">", "lt": "<"}
_SIGNS = {"=": "=", "==": "==", "!=": "!=", ">": "gt", "<": "lt"}
_BINARY = "in, notin, =, ==, !=, gt, lt"
_FROM_TYPED = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
# Longest first: "==" before "=". Anything else up to one of these signs or white space is a word.
_TOKEN = re.compile(r"==|!=|[=!(),><]|[^=!(),>< \t\r\n]+")
_INTEGER = re.compile(r"[+-]?[0-9]+").fullmatch


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition. The operator is one of =, ==, !=, in, notin, exists, !, gt, lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        have = labels.get(self.key)
        operator = self.operator
        if operator in ("=", "==", "in"):
            return have is not None and have in self.values
        if operator in ("!=", "notin"):
            return have is None or have not in self.values
        if operator == "exists":
            return have is not None
        if operator == "!":
            return have is None
        if have is None or not _INTEGER(have):
            return False
        return int(have) > int(self.values[0]) if operator == "gt" else int(have) < int(self.values[0])

    def __str__(self) -> str:
        if self.operator == "exists":
            return self.key
        if self.operator == "!":
            return f"!{self.key}"
        values = ",".join(sorted(self.values))
        if self.operator in ("in", "notin"):
            values = f"({values})"
        return f"{self.key}{_OPERATOR_TEXT[self.operator]}{values}"


class Selector:
    """The conjunction of requirements; none of them matches everything, and `NOTHING` matches nothing.

    Attributes:
        requirements: in the order of their keys.
        empty: whether it selects everything.
        nothing: whether it selects nothing, whatever the labels.
    """

    __slots__ = ("_equal", "_others", "empty", "nothing", "requirements")

    def __init__(self, requirements: Sequence[Requirement] = (), *, nothing: bool = False) -> None:
        self.requirements = tuple(sorted(requirements, key=lambda requirement: requirement.key))
        self.nothing = nothing
        self.empty = not requirements and not nothing
        # The usual requirement, key=value, is compared without a call.
        self._equal = tuple((r.key, r.values[0]) for r in self.requirements if r.operator in ("=", "==", "in") and len(r.values) == 1)
        self._others = tuple(r for r in self.requirements if not (r.operator in ("=", "==", "in") and len(r.values) == 1))

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is selected."""
        if self.nothing:
            return False
        for key, value in self._equal:
            if labels.get(key) != value:
                return False
        return all(requirement.matches(labels) for requirement in self._others)

    def exact(self, key: str) -> str | None:
        """The only value of `key` that this selector can match, or None if it does not fix one."""
        return next((value for own, value in self._equal if own == key), None)

    def __str__(self) -> str:
        return ",".join(map(str, self.requirements))

    def __repr__(self) -> str:
        return f"Selector({str(self)!r})" if not self.nothing else "Selector(nothing)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Selector) and self.requirements == other.requirements and self.nothing == other.nothing

    def __hash__(self) -> int:
        return hash((self.requirements, self.nothing))


EVERYTHING = Selector()
NOTHING = Selector(nothing=True)


class _Parser:
    """Reads one selector. The words "in" and "notin" are operators only where one is expected."""

    def __init__(self, text: str) -> None:
        self.tokens = _TOKEN.findall(text)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def selector(self) -> list[Requirement]:
        requirements: list[Requirement] = []
        while token := self.peek():
            if not _is_word(token) and token != "!":
                raise _Wrong(f"found '{token}', expected: !, identifier, or 'end of string'")
            try:
                requirements.append(self.requirement())
            except _Wrong as error:
                raise _Wrong(f"unable to parse requirement: {error}") from error
            after = self.take()
            if not after:
                break
            if after != ",":
                raise _Wrong(f"found '{after}', expected: ',' or 'end of string'")
            if not _is_word(self.peek()) and self.peek() != "!":
                raise _Wrong(f"found '{self.peek()}', expected: identifier after ','")
        return requirements

    def requirement(self) -> Requirement:
        negated = self.peek() == "!"
        if negated:
            self.take()
        key = self.take()
        if not _is_word(key):
            raise _Wrong(f"found '{key}', expected: identifier")
        if complaints := syntax.label_key(key):
            raise _Wrong(f"<nil>: Invalid value: {syntax.quote(key)}: {'; '.join(complaints)}")
        if negated:
            return Requirement(key, "!")
        if self.peek() in ("", ","):
            return Requirement(key, "exists")
        sign = self.take()
        operator = _SIGNS.get(sign, sign)
        if operator in ("in", "notin"):
            return _checked(key, operator, self.values())
        if sign in _SIGNS:
            return _checked(key, operator, (self.exact_value(),))
        raise _Wrong(f"found '{sign}', expected: {_BINARY}")

    def exact_value(self) -> str:
        if self.peek() in ("", ","):
            return ""
        word = self.take()
        if not _is_word(word):
            raise _Wrong(f"found '{word}', expected: identifier")
        return word

    def values(self) -> tuple[str, ...]:
        token = self.take()
        if token != "(":
            raise _Wrong(f"found '{token}' expected: '('")
        if not _is_word(self.peek()) and self.peek() not in (",", ")"):
            raise _Wrong(f"found '{self.peek()}', expected: ',', ')' or identifier")
        if self.peek() == ")":
            self.take()
            return ()
        found: list[str] = []
        while True:
            if self.peek() in (",", ")"):
                found.append("")  # "(,a)", "(a,)" and "(a,,b)" name the empty value
            else:
                word = self.take()
                if not _is_word(word):
                    raise _Wrong(f"found '{word}', expected: ',', or identifier")
                found.append(word)
            token = self.take()
            if token == ")":
                return tuple(dict.fromkeys(found))
            if token != ",":
                raise _Wrong(f"found '{token}', expected: ',' or ')'")


class _Wrong(ValueError):
    """A selector that does not read."""


def _is_word(token: str) -> bool:
    return bool(token) and token[0] not in "=!(),><"


def _checked(key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    complaints: list[str] = []
    if operator in ("in", "notin") and not values:
        complaints.append("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty")
    for index, value in enumerate(values):
        if operator in ("gt", "lt") and not _INTEGER(value):
            complaints.append(
                f"values[{index}]: Invalid value: {syntax.quote(value)}: for 'Gt', 'Lt' operators, the value must be an integer")
        if wrong := syntax.label_value(value):
            complaints.append(f"values[{index}][{key}]: Invalid value: {syntax.quote(value)}: {'; '.join(wrong)}")
    if complaints:
        raise _Wrong(complaints[0] if len(complaints) == 1 else f"[{', '.join(complaints)}]")
    return Requirement(key, operator, values)


@lru_cache(4096)
def parse_selector(text: str) -> Selector:
    """The selector that a `labelSelector` parameter or a scale's selector describes; "" selects everything.

    Raises: BadRequestError with upstream's sentence if it does not read.
    """
    try:
        requirements = _Parser(text).selector()
    except _Wrong as error:
        raise BadRequestError(str(error)) from error
    return Selector(requirements) if requirements else EVERYTHING


def from_label_selector(selector: meta_v1.LabelSelector | None) -> Selector:
    """The meaning of a LabelSelector field: None selects nothing, an empty one everything.

    Raises: BadRequestError for an operator or a value that does not exist; validated objects have none.
    """
    if selector is None:
        return NOTHING
    requirements = [Requirement(key, "=", (value,)) for key, value in selector.match_labels.items()]
    for expression in selector.match_expressions:
        operator = _FROM_TYPED.get(expression.operator)
        if operator is None:
            raise BadRequestError(f'"{expression.operator}" is not a valid label selector operator')
        try:
            requirements.append(_checked(expression.key, operator, tuple(expression.values)))
        except _Wrong as error:
            raise BadRequestError(str(error)) from error
    return Selector(requirements) if requirements else EVERYTHING


def from_labels(labels: Mapping[str, str]) -> Selector:
    """The selector that asks for all of these labels; none of them selects everything (a service without selector is not asked)."""
    return Selector([Requirement(key, "=", (value,)) for key, value in labels.items()]) if labels else EVERYTHING
