"""A schema as a tree of the nodes that have rules, or have nodes below them that do.

Source: staging/src/k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go (Validator)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from .documents import Reader, reader
from .escaping import escape
from .rules import Rule, Scope
from .schema_types import decl_type

Schema = dict[str, Any]


@dataclass(eq=False)
class RuleNode:
    """Rules about values of one schema, compiled when the first such value comes.

    Attributes:
        schema: of the values.
        rules_of: the schema that has the rules: the same, or a branch of allOf about it.
    """

    schema: Schema
    rules_of: Schema
    is_resource: bool
    items: RuleNode | None = None
    additional: RuleNode | None = None
    properties: dict[str, RuleNode] = field(default_factory=dict)
    all_of: list[RuleNode] = field(default_factory=list)

    @cached_property
    def rules(self) -> list[Rule]:
        documents = self.rules_of.get("x-kubernetes-validations") or []
        decl = decl_type(self.schema, self.is_resource) if documents else None
        if decl is None:
            return []
        scope = Scope.of(self.schema, decl)
        return [Rule(document, scope) for document in documents]

    @property
    def compiled(self) -> bool:
        return "rules" in self.__dict__

    @cached_property
    def uses_old_self(self) -> bool:
        return any(rule.uses_old_self for rule in self.rules)

    @cached_property
    def read(self) -> Reader:
        return reader(self.schema, self.is_resource)


def rule_node(rules_of: Schema, schema: Schema, is_resource: bool) -> RuleNode | None:
    """The tree below a schema; None if there is no rule in it. Fields that expressions cannot see have no rules."""
    node = RuleNode(schema, rules_of, is_resource)
    node.items = _inner(rules_of.get("items"), schema.get("items"))
    node.additional = _inner(rules_of.get("additionalProperties"), schema.get("additionalProperties"))
    declared = schema.get("properties") or {}
    for name, inner_rules in (rules_of.get("properties") or {}).items():
        inner = _inner(inner_rules, declared.get(name))
        if inner is not None and (escape(name) is None or decl_type(inner.schema, inner.is_resource) is not None):
            node.properties[name] = inner
    for branch in rules_of.get("allOf") or ():
        inner = rule_node(branch, schema, is_resource)
        if inner is not None:
            node.all_of.append(inner)
    has_own = bool(rules_of.get("x-kubernetes-validations"))
    return node if has_own or node.items or node.additional or node.properties or node.all_of else None


def _inner(rules_of: Any, schema: Any) -> RuleNode | None:
    if not isinstance(rules_of, dict) or not isinstance(schema, dict):
        return None
    return rule_node(rules_of, schema, bool(schema.get("x-kubernetes-embedded-resource")))
