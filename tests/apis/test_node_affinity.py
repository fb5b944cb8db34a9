"""Which nodes suit a selector, and which taints a toleration covers."""

from __future__ import annotations

import pytest

from minikube_py.apis.core_v1 import (
    Affinity,
    Node,
    NodeAffinity,
    NodeSelector,
    NodeSelectorRequirement,
    NodeSelectorTerm,
    PodSpec,
    Taint,
    Toleration,
)
from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.node_affinity import matches_node, matches_term
from minikube_py.apis.tolerations import tolerates, untolerated_taint

NODE = Node(metadata=ObjectMeta(name="n", labels={"zone": "a", "cores": "8", "odd": "1_0"}))


def term(*rows: tuple[str, str, list[str]], fields: tuple[tuple[str, str, list[str]], ...] = ()) -> NodeSelectorTerm:
    expressions = [NodeSelectorRequirement(key=key, operator=operator, values=values) for key, operator, values in rows]
    selected = [NodeSelectorRequirement(key=key, operator=operator, values=values) for key, operator, values in fields]
    return NodeSelectorTerm(match_expressions=expressions, match_fields=selected)


@pytest.mark.parametrize(("key", "operator", "values", "matches"), [
    ("zone", "In", ["a", "b"], True), ("zone", "In", ["b"], False), ("none", "In", ["a"], False), ("zone", "NotIn", ["a"], False),
    ("none", "NotIn", ["a"], True), ("zone", "Exists", [], True), ("none", "Exists", [], False), ("none", "DoesNotExist", [], True),
    ("zone", "DoesNotExist", [], False), ("cores", "Gt", ["7"], True), ("cores", "Gt", ["8"], False), ("cores", "Lt", ["+9"], True),
    ("zone", "Gt", ["1"], False), ("cores", "Gt", ["x"], False), ("cores", "Gt", [], False), ("odd", "Gt", ["1"], False),
    ("none", "Lt", ["1"], False), ("zone", "Like", ["a"], False),
])
def test_a_condition_holds_or_not(key: str, operator: str, values: list[str], matches: bool) -> None:
    assert matches_term(term((key, operator, values)), NODE) is matches


def test_a_term_holds_if_all_of_it_does_and_an_empty_one_never() -> None:
    name = ("metadata.name", "In", ["n"])
    assert matches_term(term(("zone", "Exists", []), fields=(name,)), NODE)
    assert not matches_term(term(("zone", "Exists", []), fields=(("metadata.name", "In", ["m"]),)), NODE)
    assert not matches_term(term(), NODE)


def test_a_node_needs_the_selectors_labels_and_one_of_the_terms() -> None:
    def spec(selector: dict[str, str], *terms: NodeSelectorTerm) -> PodSpec:
        required = NodeSelector(node_selector_terms=[*terms])
        affinity = Affinity(node_affinity=NodeAffinity(required_during_scheduling_ignored_during_execution=required)) if terms else None
        return PodSpec(node_selector=selector, affinity=affinity)

    here, elsewhere = term(("zone", "In", ["a"])), term(("zone", "In", ["b"]))
    assert matches_node(spec({}), NODE) and matches_node(spec({"zone": "a"}, elsewhere, here), NODE)
    assert not matches_node(spec({"zone": "b"}, here), NODE) and not matches_node(spec({"zone": "a"}, elsewhere), NODE)


@pytest.mark.parametrize(("toleration", "covers"), [
    (Toleration(operator="Exists"), True), (Toleration(key="k", operator="Exists"), True), (Toleration(key="k", value="v"), True),
    (Toleration(key="k", operator="Equal", value="v", effect="NoSchedule"), True), (Toleration(key="k", value="w"), False),
    (Toleration(key="l", operator="Exists"), False), (Toleration(key="k", operator="Exists", effect="NoExecute"), False),
    (Toleration(key="k", operator="Gt", value="v"), False),
])
def test_a_toleration_covers_a_taint_or_not(toleration: Toleration, covers: bool) -> None:
    taint = Taint(key="k", value="v", effect="NoSchedule")
    assert tolerates(toleration, taint) is covers
    assert untolerated_taint([toleration], [Taint(key="soft", effect="PreferNoSchedule"), taint]) is (None if covers else taint)
