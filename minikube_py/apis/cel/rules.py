"""One validation rule, compiled.

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/compilation.go
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..field_paths import FieldPathError, resolve
from . import types as t
from .ast import Checked
from .checker import check
from .errors import CelError, CompileError
from .estimates import estimate
from .program import Program
from .schema_types import REQUEST_BYTES_MAX, Declarations, DeclType
from .types import Type

SELF, OLD_SELF = "self", "oldSelf"
Schema = dict[str, Any]


@dataclass(slots=True)
class Scope:
    """What the rules of one schema see."""

    schema: Schema
    decl: DeclType
    declarations: Declarations

    @classmethod
    def of(cls, schema: Schema, decl: DeclType) -> Scope:
        return cls(schema, decl, Declarations.of(decl, "selfType"))

    @property
    def cardinality_max(self) -> int:
        """How many values of this schema fit into a request, if nothing else bounds their number."""
        return REQUEST_BYTES_MAX // (self.decl.json_min + 1)


class Rule:
    """An entry of x-kubernetes-validations.

    Attributes:
        program: None for an empty rule, and for one that has an error.
        error: why it cannot run, "" if it can.
        message_error: why its messageExpression cannot.
    """

    def __init__(self, document: dict[str, Any], scope: Scope) -> None:
        self._scope = scope
        self.rule: str = document.get("rule") or ""
        self.message: str = document.get("message") or ""
        self.message_expression: str = document.get("messageExpression") or ""
        self.reason: str | None = document.get("reason")
        self.optional_old_self = bool(document.get("optionalOldSelf"))
        self._checked, self.program, self.error = self._compile(self.rule, t.BOOL)
        self._checked_message: Checked | None = None
        self.message_program: Program | None = None
        self.message_error = ""
        if self.message_expression and not self.error:
            self._checked_message, self.message_program, self.message_error = self._compile(self.message_expression, t.STRING)
        self.field_path = _field_path(document.get("fieldPath") or "", scope.schema)

    def _compile(self, expression: str, wanted: Type) -> tuple[Checked | None, Program | None, str]:
        """The expression, checked and ready to run, or what is wrong with it. Nothing is nothing."""
        if not expression.strip():
            return None, None, ""
        name = "" if wanted is t.BOOL else "messageExpression "
        root = self._scope.declarations.root
        old = t.optional_of(root) if self.optional_old_self else root
        try:
            checked = check(expression, {SELF: root, OLD_SELF: old}, self._scope.declarations.field_type)
        except CompileError as error:
            return None, None, f"{name}compilation failed: {error}"
        if checked.type != wanted:
            return None, None, f"{name or 'cel expression '}must evaluate to a {wanted}"
        try:
            return checked, Program(checked, (SELF, OLD_SELF)), ""
        except CelError as error:
            return None, None, f"{name or 'program '}instantiation failed: {error}"

    @property
    def uses_old_self(self) -> bool:
        return self._checked is not None and OLD_SELF in self._checked.idents

    @property
    def message_uses_old_self(self) -> bool:
        return self._checked_message is not None and OLD_SELF in self._checked_message.idents

    @property
    def cost_max(self) -> int:
        """The worst case of one evaluation."""
        return estimate(self._checked, self._scope.decl).max if self._checked is not None else 0

    @property
    def message_cost_max(self) -> int | None:
        return estimate(self._checked_message, self._scope.decl).max if self._checked_message is not None else None

    @property
    def shown(self) -> str:
        """What names the rule in messages about it."""
        return self.message.strip() or self.rule.strip()


def _field_path(text: str, schema: Schema) -> str:
    if not text:
        return ""
    try:
        return resolve(text, schema).path
    except FieldPathError:
        # Refused when the CRD was created; upstream too goes on without it.
        return ""
