"""What is wrong with the expressions in the rules of a schema, found when the CRD is created or updated.

What else a rule consists of is `validation/definition_schemas.py`'s.

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation/validation.go, cel_validation.go
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from ...core.errors import Cause
from ..syntax import quote
from .estimates import MAX
from .rules import Rule, Scope
from .schema_types import DeclType, decl_type

Schema = dict[str, Any]

EXPRESSION_COST_MAX = 10_000_000
SCHEMA_COST_MAX = 100_000_000
_EXPENSIVE_SHOWN = 4
_ADVICE = "(try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)"


def check(schema: Schema, path: str, suppress_expression_cost: bool) -> list[Cause]:
    checker = _Checker(suppress_expression_cost)
    checker.walk(schema, path, _Place(cardinality=1, is_root=True))
    causes = checker.expressions
    if checker.total > SCHEMA_COST_MAX:
        shared = "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"
        causes += [_forbidden(where, shared) for _cost, where in checker.expensive]
        name = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
        causes.append(_forbidden(path, _too_expensive(name, checker.total, SCHEMA_COST_MAX)))
    return causes


def _forbidden(path: str, detail: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {detail}", path)


def _invalid(path: str, shown: str, detail: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {shown}: {detail}", path)


def _too_expensive(name: str, cost: int, limit: int) -> str:
    factor = float(cost) / float(limit)
    shown = "more than 100x" if factor > 100 else f"{factor:f}x" if factor < 1.5 else f"{factor:.1f}x"
    return f"{name} exceeds budget by factor of {shown} {_ADVICE}"


def _shown(document: dict[str, Any]) -> str:
    """A rule as an invalid value."""
    rule = {
        "Rule": document.get("rule") or "", "Message": document.get("message") or "",
        "MessageExpression": document.get("messageExpression") or "", "Reason": document.get("reason"),
        "FieldPath": document.get("fieldPath") or "", "OptionalOldSelf": document.get("optionalOldSelf"),
    }
    text = msgspec.json.encode(rule).decode()
    # Go's encoder makes JSON safe for HTML.
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the schema a walk is.

    Attributes:
        cardinality: how many values may be there at most; None if nothing bounds them.
        uncorrelatable: path of the outermost list or object whose parts cannot be matched with the old ones, "" if there is none.
    """

    cardinality: int | None
    uncorrelatable: str = ""
    is_root: bool = False


@dataclass(slots=True)
class _Checker:
    suppress_expression_cost: bool
    expressions: list[Cause] = field(default_factory=list)
    total: int = 0
    expensive: list[tuple[int, str]] = field(default_factory=list)

    def walk(self, schema: Any, path: str, place: _Place) -> None:
        if not isinstance(schema, dict):
            return
        inner = _Place(_inner_cardinality(schema, place.cardinality), place.uncorrelatable)
        apart = _Place(inner.cardinality, inner.uncorrelatable or path)
        self.walk(schema.get("additionalProperties"), f"{path}.additionalProperties", inner)
        for name, property_ in (schema.get("properties") or {}).items():
            self.walk(property_, f"{path}.properties[{name}]", apart if schema.get("x-kubernetes-map-type") == "atomic" else inner)
        self.walk(schema.get("items"), f"{path}.items", inner if schema.get("x-kubernetes-list-type") == "map" else apart)
        rules = schema.get("x-kubernetes-validations") or []
        if rules:
            self._compile(rules, schema, path, place)

    def _compile(self, rules: list[dict[str, Any]], schema: Schema, path: str, place: _Place) -> None:
        decl: DeclType | None = decl_type(schema, place.is_root or bool(schema.get("x-kubernetes-embedded-resource")))
        if decl is None:
            failed = "internal error: failed to construct type information for x-kubernetes-validations rules"
            why = "unable to convert structural schema to CEL declarations"
            self.expressions.append(Cause("InternalError", f"Internal error: {failed}: {why}", f"{path}.x-kubernetes-validations"))
            return
        scope = Scope.of(schema, decl)
        for index, document in enumerate(rules):
            self._rule(document, scope, f"{path}.x-kubernetes-validations[{index}]", place)

    def _rule(self, document: dict[str, Any], scope: Scope, path: str, place: _Place) -> None:
        rule = Rule(document, scope)
        count = place.cardinality if place.cardinality is not None else scope.cardinality_max
        cost = min(rule.cost_max * count, MAX)
        self._cost("estimated rule cost", cost, f"{path}.rule")
        if rule.error:
            self.expressions.append(_invalid(f"{path}.rule", _shown(document), rule.error))
        if rule.message_error:
            self.expressions.append(_invalid(f"{path}.messageExpression", _shown(document), rule.message_error))
        elif rule.message_cost_max is not None:
            self._cost("estimated messageExpression cost", rule.message_cost_max, f"{path}.messageExpression")
        if rule.uses_old_self:
            if place.uncorrelatable:
                where = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {place.uncorrelatable}"
                self.expressions.append(_invalid(f"{path}.rule", quote(rule.rule), where))
        elif document.get("optionalOldSelf") is not None:
            shown = "true" if document["optionalOldSelf"] else "false"
            self.expressions.append(_invalid(f"{path}.optionalOldSelf", shown, "may not be set if oldSelf is not used in rule"))

    def _cost(self, name: str, cost: int, path: str) -> None:
        if cost > EXPRESSION_COST_MAX and not self.suppress_expression_cost:
            self.expressions.append(_forbidden(path, _too_expensive(name, cost, EXPRESSION_COST_MAX)))
        self.total = min(self.total + cost, MAX)
        if cost >= SCHEMA_COST_MAX // 100:
            self.expensive.append((cost, path))
            self.expensive.sort(key=lambda row: -row[0])
            del self.expensive[_EXPENSIVE_SHOWN:]


def _inner_cardinality(schema: Schema, outer: int | None) -> int | None:
    """How many values the schemas within a schema may have."""
    bound: int | None = 1
    if schema.get("type") == "object" and schema.get("additionalProperties") not in (None, False):
        bound = schema.get("maxProperties")
    elif schema.get("type") == "array":
        bound = schema.get("maxItems")
    if outer is None or bound is None:
        return None
    return min(outer * max(bound, 0), MAX)
