"""Which names a definition gets, and what its conditions say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from minikube_py.apis.apiextensions_v1 import CustomResourceConversion, CustomResourceDefinition, CustomResourceDefinitionVersion
from minikube_py.apis.approval import ANNOTATION
from minikube_py.apis.definition_status import definition_status

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = datetime(2026, 1, 2, tzinfo=UTC)


def definition(base: str, group: str = "example.com", annotations: dict[str, str] | None = None, **names: Any) -> CustomResourceDefinition:
    wanted = {"plural": f"{base.lower()}s", "singular": base.lower(), "kind": base, "listKind": f"{base}List", **names}
    return msgspec.convert({
        "metadata": {"name": f"{wanted['plural']}.{group}", "annotations": annotations or {}},
        "spec": {"group": group, "names": wanted, "scope": "Namespaced", "versions": []},
    }, CustomResourceDefinition)


def settled(*definitions: CustomResourceDefinition) -> list[CustomResourceDefinition]:
    """The definitions, with the status that each gets in turn."""
    for one in definitions:
        one.status = definition_status(one, definitions, NOW)
    return [*definitions]


def conditions(one: CustomResourceDefinition) -> dict[str, tuple[str, str, str]]:
    return {c.type: (c.status, c.reason, c.message) for c in one.status.conditions}


def test_free_names_are_accepted_and_establish() -> None:
    (widget,) = settled(definition("Widget", shortNames=["w"]))
    assert widget.status.accepted_names == widget.spec.names
    assert conditions(widget) == {
        "NamesAccepted": ("True", "NoConflicts", "no conflicts found"),
        "Established": ("True", "InitialNamesAccepted", "the initial names have been accepted"),
    }


@pytest.mark.parametrize(("names", "reason", "message"), [
    ({"plural": "widgets"}, "PluralConflict", '"widgets" is already in use'),
    ({"singular": "w"}, "SingularConflict", '"w" is already in use'),
    ({"shortNames": ["x", "w", "widget"]}, "ShortNamesConflict", '["w" is already in use, "widget" is already in use]'),
    ({"kind": "Widget"}, "KindConflict", '"Widget" is already in use'),
    ({"listKind": "WidgetList"}, "ListKindConflict", '"WidgetList" is already in use'),
])
def test_names_of_others_in_the_group_are_refused(names: dict[str, Any], reason: str, message: str) -> None:
    _, gadget = settled(definition("Widget", shortNames=["w"]), definition("Gadget", **names))
    assert conditions(gadget) == {
        "NamesAccepted": ("False", reason, message), "Established": ("False", "NotAccepted", "not all names are accepted")}
    _, elsewhere = settled(definition("Widget", shortNames=["w"]), definition("Gadget", "example.org", **names))
    assert conditions(elsewhere)["NamesAccepted"][0] == "True"


def test_what_is_established_stays_so_with_the_names_that_it_has() -> None:
    widget, gadget = settled(definition("Widget"), definition("Gadget"))
    assert gadget.spec.names is not None
    gadget.spec.names.singular = "widget"
    gadget.status = definition_status(gadget, [widget, gadget], LATER)
    assert gadget.status.accepted_names is not None and gadget.status.accepted_names.singular == "gadget"
    assert conditions(gadget)["NamesAccepted"][:2] == ("False", "SingularConflict")
    assert conditions(gadget)["Established"][0] == "True"
    times = {c.type: c.last_transition_time for c in gadget.status.conditions}
    assert times == {"NamesAccepted": "2026-01-02T00:00:00Z", "Established": "2026-01-01T00:00:00Z"}


def test_settled_status_stays_as_it_is() -> None:
    widget, gadget = settled(definition("Widget"), definition("Gadget"))
    assert definition_status(widget, [widget, gadget], LATER) == widget.status


@pytest.mark.parametrize(("annotation", "status", "reason"), [
    ("", "False", "MissingAnnotation"), ("unapproved, an experiment", "False", "UnapprovedAnnotation"),
    ("https://example.com/pull/1", "True", "ApprovedAnnotation"), ("yes", "False", "InvalidAnnotation"),
])
def test_groups_of_the_community_tell_of_their_approval(annotation: str, status: str, reason: str) -> None:
    (widget,) = settled(definition("Widget", "x.k8s.io", {ANNOTATION: annotation} if annotation else {}))
    assert conditions(widget)["KubernetesAPIApprovalPolicyConformant"][:2] == (status, reason)


def test_a_definition_with_a_wrong_bundle_waits_for_a_right_one() -> None:
    widget = definition("Widget")
    widget.spec.conversion = msgspec.convert(
        {"strategy": "Webhook", "webhook": {"clientConfig": {"url": "https://a", "caBundle": "b2Rk"}}}, CustomResourceConversion)
    settled(widget)
    assert conditions(widget)["Established"] == ("False", "InvalidCABundle", "The conversion webhook CABundle is invalid")
    assert conditions(widget)["NamesAccepted"][0] == "True"
    widget.spec.conversion = None
    settled(widget)
    assert conditions(widget)["Established"][0] == "True"


def version(schema: dict[str, Any]) -> CustomResourceDefinitionVersion:
    return msgspec.convert(
        {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}, CustomResourceDefinitionVersion)


def test_old_definitions_are_told_what_is_not_structural() -> None:
    widget = definition("Widget")
    widget.spec.preserve_unknown_fields = True
    widget.spec.versions = [version({"type": "object", "properties": {"a": {}}})]
    settled(widget)
    assert conditions(widget)["NonStructuralSchema"] == (
        "True", "Violations",
        "[spec.preserveUnknownFields: Invalid value: true: must be false, spec.versions[0].schema.openAPIV3Schema.properties[a].type: "
        "Required value: must not be empty for specified object fields]")
    widget.spec.versions = [version({"$ref": "x"})]
    settled(widget)
    assert conditions(widget)["NonStructuralSchema"][:2] == ("Unknown", "StructuralError")
    widget.spec.preserve_unknown_fields = False
    settled(widget)
    assert "NonStructuralSchema" not in conditions(widget)
