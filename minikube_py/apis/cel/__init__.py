"""CEL, the language of validation rules, as Kubernetes 1.36 speaks it.

`check_rules` says what is wrong with the rules (x-kubernetes-validations) of a schema, `compile_rules` makes a RuleSet that validates
documents. Nothing else is imported before the first rule appears: not the parser, not the library.

How an expression comes to a value: `parser` (with `macros`) → `checker` (`types`, `declarations`, `validators`) → `estimates` of what it
may cost → `program`, closures over `values`. `documents` and `schema_types` are how data and schemas look from inside an expression.
Policies and match conditions start at `checker.check` with variables of their own and run a `program.Program`.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from ...core.errors import Cause

if TYPE_CHECKING:
    from .rule_nodes import RuleNode

# What all rules about one object may cost together, about a second of upstream's time.
# Source: staging/src/k8s.io/apiserver/pkg/apis/cel/config.go
RUNTIME_COST_BUDGET = 10_000_000
# What all rules about one object may cost on the event loop: some ten milliseconds of it.
LOOP_COST_MAX = 50_000

Schema = dict[str, Any]
_INNER = ("items", "additionalProperties")


def has_rules(schema: Any) -> bool:
    """Whether a schema or one within it has rules."""
    if not isinstance(schema, dict):
        return False
    if schema.get("x-kubernetes-validations"):
        return True
    inner = [*(schema.get("properties") or {}).values(), *(schema.get(name) for name in _INNER), *(schema.get("allOf") or ())]
    return any(map(has_rules, inner))


def check_rules(schema: Schema, path: str, *, suppress_expression_cost: bool = False) -> list[Cause]:
    """What is wrong with the rules of a CRD's schema.

    Args:
        schema: the root schema of a version (openAPIV3Schema), structural and otherwise valid.
        path: of the schema, as "spec.versions[0].schema.openAPIV3Schema".
        suppress_expression_cost: do not refuse single expressions for their cost, because the CRD has had such before.
    """
    if not _mentions_rules(schema):
        return []
    from .rule_check import check

    return check(schema, path, suppress_expression_cost)


def _mentions_rules(schema: Any) -> bool:
    """Whether rules stand anywhere, also where they may not be."""
    if isinstance(schema, dict):
        return "x-kubernetes-validations" in schema or any(map(_mentions_rules, schema.values()))
    return isinstance(schema, list) and any(map(_mentions_rules, schema))


class SlowRulesError(Exception):
    """Rules would take longer than their caller can wait; nothing is decided."""


class RuleSet:
    """The rules of a schema. They are compiled when they are first needed and kept.

    Attributes:
        empty: there are none.
    """

    def __init__(self, schema: Schema, is_resource: bool = True) -> None:
        self._schema = schema
        self._is_resource = is_resource
        self.empty = not has_rules(schema)

    @cached_property
    def _root(self) -> RuleNode | None:
        from .rule_nodes import rule_node

        return rule_node(self._schema, self._schema, self._is_resource)

    def validate(
        self, document: dict[str, Any], old: dict[str, Any] | None = None, *,
        warnings: list[str] | None = None, budget: int = RUNTIME_COST_BUDGET, patient: bool = True,
    ) -> list[Cause]:
        """What the rules say against a document.

        Args:
            document: the whole object, valid by its schema, defaults filled in.
            old: the object that it replaces; what has not changed since is not complained about.
            warnings: gets the complaints that are not made because nothing changed.
            budget: what all rules together may cost.
            patient: whether the caller waits for as long as that takes, and for rules to be compiled.
        Raises: SlowRulesError if he does not and it takes longer than the event loop can wait; `warnings` may have got some.
        """
        if self.empty or self._root is None:
            return []
        from .evaluation import validate

        return validate(self._root, document, old, warnings, budget, None if patient else LOOP_COST_MAX)


def compile_rules(schema: Schema, *, is_resource: bool = True) -> RuleSet:
    """The rules of a version of a CRD (its openAPIV3Schema), or of a part of it that is no resource."""
    return RuleSet(schema, is_resource)
