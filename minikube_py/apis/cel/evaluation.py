"""Validates a document by the rules of its schema.

Every rule costs of one budget; when it is used up, nothing more is evaluated. A rule that fails about something that has not changed
since the old object is not held against the new one (ratcheting).

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import monotonic
from typing import Any

import msgspec

from ...core.errors import Cause
from ..correlation import Correlation, key_of, keyed
from ..syntax import quote
from . import SlowRulesError
from .errors import CelError, CostLimitError, NoSuchOverloadError
from .program import CALL_COST_MAX, Outcome, Program
from .rule_nodes import RuleNode
from .rules import Rule
from .values import NONE, Optional, Value, show_double

log = logging.getLogger(__name__)
Json = Any

# Source: staging/src/k8s.io/apiserver/pkg/apis/cel/config.go
MESSAGE_BYTES_MAX = 5 * 1024
# Ends what its cost does not end, see `frame`.
VALIDATION_S_MAX = 5.0
# The same for one rule on the event loop.
LOOP_S_MAX = 0.02
_SPENT = "validation failed due to running out of cost budget, no further validation rules will be run"
_MESSAGE_SPENT = "messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run"
# The path of the document itself, as Go shows it.
_NOWHERE = "<nil>"


class _Spent(Exception):
    """The budget is used up."""


@dataclass(slots=True)
class _Path:
    """A field path that becomes text only if it is needed."""

    parent: _Path | None
    step: str

    def __str__(self) -> str:
        steps: list[str] = []
        at: _Path | None = self
        while at is not None:
            steps.append(at.step)
            at = at.parent
        return "".join(reversed(steps)).removeprefix(".") or _NOWHERE


@dataclass(slots=True)
class _Ratchet:
    """What is known of the old value: of this one, and of the nearest above it that has an old value."""

    current: Correlation | None = None
    nearest: Correlation | None = None

    def key(self, name: str) -> _Ratchet:
        if self.current is None:
            return self
        if self.nearest is None and name in ("apiVersion", "kind"):
            return _Ratchet()
        return _Ratchet(self.current.key(name), self.current)

    def index(self, at: int) -> _Ratchet:
        return self if self.current is None else _Ratchet(self.current.index(at), self.current)

    @property
    def unchanged(self) -> bool:
        correlation = self.current or self.nearest
        return correlation is not None and correlation.unchanged


def validate(
    node: RuleNode, document: Json, old: Json, warnings: list[str] | None, budget: int, patience: int | None = None
) -> list[Cause]:
    """What rules say.

    Args:
        patience: what they may cost before SlowRulesError; None for as much as the budget has.
    """
    validation = _Validation(warnings, budget, patience)
    ratchet = _Ratchet(Correlation(document, old, node.schema)) if old is not None else _Ratchet()
    try:
        validation.node(node, document, old, _Path(None, ""), ratchet)
    except _Spent:
        pass  # The cause that says so is among the others.
    return validation.causes


class _Validation:
    def __init__(self, warnings: list[str] | None, budget: int, patience: int | None) -> None:
        self.causes: list[Cause] = []
        self._patience = patience
        self._warnings = warnings
        self._budget = budget
        self._deadline = monotonic() + VALIDATION_S_MAX

    def node(self, node: RuleNode, value: Json, old: Json, path: _Path, ratchet: _Ratchet) -> None:
        if value is None:
            return
        if self._patience is not None and not node.compiled:
            raise SlowRulesError
        if node.rules:
            self._rules(node, value, old, path, ratchet)
        for branch in node.all_of:
            self.node(branch, value, old, path, _Ratchet(None, ratchet.nearest))
        if isinstance(value, dict):
            self._entries(node, value, old if isinstance(old, dict) else {}, path, ratchet)
        elif isinstance(value, list) and node.items is not None:
            self._items(node, node.items, value, old if isinstance(old, list) else [], path, ratchet)

    def _entries(self, node: RuleNode, value: dict[str, Json], old: dict[str, Json], path: _Path, ratchet: _Ratchet) -> None:
        if node.additional is not None:
            for name, inner in value.items():
                self.node(node.additional, inner, old.get(name), _Path(path, f"[{name}]"), ratchet.key(name))
        for name, property_ in node.properties.items():
            if name in value:
                self.node(property_, value[name], old.get(name), _Path(path, f".{name}"), ratchet.key(name))

    def _items(self, node: RuleNode, items: RuleNode, value: list[Json], old: list[Json], path: _Path, ratchet: _Ratchet) -> None:
        # Only the items of map lists have an oldSelf.
        by_key = keyed(old, node.schema) if node.schema.get("x-kubernetes-list-type") == "map" else {}
        keys = node.schema.get("x-kubernetes-list-map-keys") or ()
        for at, inner in enumerate(value):
            key = key_of(inner, keys) if by_key else None
            before = by_key.get(key) if key is not None else None
            self.node(items, inner, before, _Path(path, f"[{at}]"), ratchet.index(at))

    # One node -----------------------------------------------------------------------------------------------------------------------

    def _invalid(self, node: RuleNode, path: object, detail: str) -> Cause:
        return Cause("FieldValueInvalid", f"Invalid value: {quote(node.schema.get('type') or '')}: {detail}", str(path))

    def _stop(self, cause: Cause) -> None:
        self.causes.append(cause)
        raise _Spent

    def _rules(self, node: RuleNode, value: Json, old: Json, path: _Path, ratchet: _Ratchet) -> None:
        if self._budget <= 0 or monotonic() > self._deadline:
            self._stop(self._invalid(node, path, _SPENT))
        view = _View(node, value, old)
        for rule in node.rules:
            if rule.error:
                self.causes.append(self._invalid(node, path, f"rule compile error: {rule.error}"))
            elif rule.program is not None and not (rule.uses_old_self and old is None and not rule.optional_old_self):
                self._rule(rule, rule.program, view, path, ratchet)

    def _run(self, program: Program, values: tuple[Value, Value]) -> Outcome:
        """Raises: SlowRulesError."""
        if self._patience is None:
            return program.run(*values, limit=CALL_COST_MAX)
        outcome = program.run(*values, limit=min(self._patience, CALL_COST_MAX), seconds=LOOP_S_MAX)
        if isinstance(outcome.error, CostLimitError):
            raise SlowRulesError
        self._patience -= outcome.cost
        return outcome

    def _rule(self, rule: Rule, program: Program, view: _View, path: _Path, ratchet: _Ratchet) -> None:
        try:
            values = view.optional() if rule.optional_old_self else view.plain(rule.uses_old_self)
            outcome = self._run(program, values)
        except CelError as error:
            outcome = Outcome(None, error, 0)
        node, failed = view.node, outcome.error
        if outcome.cost > self._budget:
            self._stop(self._invalid(node, path, _SPENT))
        self._budget -= outcome.cost
        if isinstance(failed, NoSuchOverloadError):
            detail = f"'{failed}': call arguments did not match a supported operator, function or macro signature for rule: {rule.shown}"
            self.causes.append(self._invalid(node, path, detail))
        elif isinstance(failed, CostLimitError):
            detail = f"'{failed}': no further validation rules will be run due to call cost exceeds limit for rule: {rule.shown}"
            self._stop(self._invalid(node, path, detail))
        elif failed is not None:
            self.causes.append(self._invalid(node, path, f"{failed} evaluating rule: {rule.shown}"))
        elif outcome.value is not True:
            self._failed(rule, view, path, ratchet)

    def _failed(self, rule: Rule, view: _View, path: _Path, ratchet: _Ratchet) -> None:
        where = _Path(path, f".{rule.field_path}") if rule.field_path else path
        message = self._message(rule, view, where, ratchet) or rule.message.strip() or f"failed rule: {rule.shown}"
        self._complain(_complaint(rule.reason, view, message, str(where)), rule, ratchet)

    def _complain(self, cause: Cause, rule: Rule, ratchet: _Ratchet) -> None:
        if not rule.uses_old_self and ratchet.unchanged:
            if self._warnings is not None:
                self._warnings.append(f"{cause.field}: {cause.message}")
        else:
            self.causes.append(cause)

    def _message(self, rule: Rule, view: _View, where: _Path, ratchet: _Ratchet) -> str:
        """What the rule's messageExpression says; "" if there is none or it fails."""
        program = rule.message_program
        if program is None:
            return ""
        problem = ""
        try:
            outcome = self._run(program, view.for_message(rule))
        except CelError as error:
            outcome = Outcome(None, error, 0)
        if isinstance(outcome.error, CostLimitError):
            spent = "no further validation rules will be run due to call cost exceeds limit for messageExpression"
            problem = f"{spent}: {quote(rule.message_expression)}"
        elif outcome.error is not None:
            log.info("messageExpression failed; expression=%s error=%s", rule.message_expression, outcome.error)
        if outcome.cost > self._budget:
            problem = _MESSAGE_SPENT
        if problem:
            self._complain(self._invalid(view.node, where, problem), rule, ratchet)
            raise _Spent
        self._budget -= outcome.cost
        text = outcome.value.strip() if isinstance(outcome.value, str) else ""
        return text if len(text.encode(errors="replace")) <= MESSAGE_BYTES_MAX and "\n" not in text else ""


@dataclass(slots=True)
class _View:
    """`self` and `oldSelf` of a value, read when the first rule wants them."""

    node: RuleNode
    value: Json
    old: Json
    _self: Value = None
    _read: bool = False

    def _current(self) -> Value:
        if not self._read:
            self._self = self.node.read(self.value)
            self._read = True
        return self._self

    def plain(self, with_old: bool) -> tuple[Value, Value]:
        return self._current(), self.node.read(self.old) if with_old and self.old is not None else None

    def optional(self) -> tuple[Value, Value]:
        return self._current(), NONE if self.old is None else Optional(True, self.node.read(self.old))

    def for_message(self, rule: Rule) -> tuple[Value, Value]:
        """A messageExpression has no oldSelf where its rule has an optional one, nor where no rule here uses any."""
        if rule.message_uses_old_self and (rule.optional_old_self or self.old is None or not self.node.uses_old_self):
            raise CelError("no such attribute(s): oldSelf")
        return self.plain(rule.message_uses_old_self)


def _complaint(reason: str | None, view: _View, message: str, path: str) -> Cause:
    if reason == "FieldValueForbidden":
        return Cause(reason, f"Forbidden: {message}", path)
    if reason == "FieldValueRequired":
        return Cause(reason, f"Required value: {message}", path)
    # Objects and arrays are not repeated.
    shown = "" if view.node.schema.get("type") in ("object", "array") else f": {_show(view.value)}"
    if reason == "FieldValueDuplicate":
        return Cause(reason, f"Duplicate value{shown}", path)
    return Cause("FieldValueInvalid", f"Invalid value{shown}: {message}", path)


def _show(value: Json) -> str:
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, float):
        return show_double(value)
    return msgspec.json.encode(value).decode()
