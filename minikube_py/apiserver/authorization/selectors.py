"""The selectors of a list, watch or deletion of a collection, as authorizers see them.

They restrict what a request is about, so who may see only a part of a collection may be allowed to ask for that part. A selector that does
not read, or that this version does not understand, restricts nothing.

Source: feature AuthorizeWithSelectors; k8s.io/apiserver/pkg/endpoints/filters/authorization.go,
pkg/registry/authorization/util/helpers.go, kubernetes.io/docs/reference/access-authn-authz/webhook/#request-payloads
"""

from __future__ import annotations

from minikube_py.apis import meta_v1
from minikube_py.apis.authorization_v1 import FieldSelectorAttributes, LabelSelectorAttributes
from minikube_py.apis.fields import FieldRequirement, parse_field_selector
from minikube_py.apis.labels import Requirement, from_label_selector, parse_selector
from minikube_py.core.errors import BadRequestError

_TYPED = {"=": "In", "==": "In", "in": "In", "!=": "NotIn", "notin": "NotIn", "exists": "Exists", "!": "DoesNotExist"}


class Selectors:
    """What a request selects. Read when somebody asks: most authorizers do not."""

    __slots__ = ("_field_text", "_fields", "_fields_whole", "_label_text", "_labels", "_labels_whole")

    def __init__(self, field_text: str = "", label_text: str = "") -> None:
        self._field_text, self._label_text = field_text, label_text
        self._fields: tuple[FieldRequirement, ...] | None = None
        self._labels: tuple[Requirement, ...] | None = None
        # Whether all was understood.
        self._fields_whole = self._labels_whole = True

    @classmethod
    def of_review(cls, fields: FieldSelectorAttributes | None, labels: LabelSelectorAttributes | None) -> Selectors | None:
        """The selectors of an access review; None if it has none."""
        if fields is None and labels is None:
            return None
        found = cls(fields.raw_selector if fields is not None else "", labels.raw_selector if labels is not None else "")
        if fields is not None and fields.requirements:
            known = tuple(map(_field_requirement, fields.requirements))
            found._fields, found._fields_whole = tuple(filter(None, known)), None not in known
        if labels is not None and labels.requirements:
            understood = tuple(map(_label_requirement, labels.requirements))
            found._labels, found._labels_whole = tuple(filter(None, understood)), None not in understood
        return found

    @property
    def text(self) -> str:
        """The selectors as they were sent."""
        return self._field_text + self._label_text

    @property
    def fields(self) -> tuple[FieldRequirement, ...]:
        """The conditions on fields, all of which hold for what is asked for."""
        if self._fields is None:
            try:
                self._fields = parse_field_selector(self._field_text).requirements
            except BadRequestError:
                self._fields, self._fields_whole = (), False
        return self._fields

    @property
    def labels(self) -> tuple[Requirement, ...]:
        """The conditions on labels, all of which hold for what is asked for."""
        if self._labels is None:
            try:
                self._labels = tuple(parse_selector(self._label_text).requirements)
            except BadRequestError:
                self._labels, self._labels_whole = (), False
        return self._labels

    def problems(self) -> list[str]:
        """What an access review is told about selectors that were not understood."""
        found = []
        for name, requirements, whole in (
            ("fieldSelector", self.fields, self._fields_whole), ("labelSelector", self.labels, self._labels_whole),
        ):
            if not whole:
                found.append(f"spec.resourceAttributes.{name} {'partially ' if requirements else ''}ignored due to parse error")
        return found

    def typed_fields(self) -> list[meta_v1.FieldSelectorRequirement]:
        """The conditions on fields in the form of access reviews."""
        return [meta_v1.FieldSelectorRequirement(key=r.field, operator=_TYPED[r.operator], values=[r.value]) for r in self.fields]

    def typed_labels(self) -> list[meta_v1.LabelSelectorRequirement]:
        """The conditions on labels in the form of access reviews, but for those that it cannot express (gt, lt)."""
        return [
            meta_v1.LabelSelectorRequirement(key=r.key, operator=_TYPED[r.operator], values=sorted(r.values))
            for r in self.labels if r.operator in _TYPED
        ]

    def fixes_field(self, field: str, value: str) -> bool:
        """Whether everything that is selected has one value in a field."""
        return any(r.field == field and r.operator == "=" and r.value == value for r in self.fields)


def _field_requirement(requirement: meta_v1.FieldSelectorRequirement) -> FieldRequirement | None:
    operator = {"In": "=", "NotIn": "!="}.get(requirement.operator)
    if operator is None or len(requirement.values) != 1:
        return None
    return FieldRequirement(requirement.key, operator, requirement.values[0])


def _label_requirement(requirement: meta_v1.LabelSelectorRequirement) -> Requirement | None:
    try:
        return from_label_selector(meta_v1.LabelSelector(match_expressions=[requirement])).requirements[0]
    except BadRequestError:
        return None
