"""The compiled schema of one version of a custom resource.

Owns the order of upstream's steps: prune, drop nulls, coerce embedded metadata, default; and of validation: values, embedded resources,
lists, rules. Metadata of the resource itself is its storage's.

Source: k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go, pkg/registry/customresource/strategy.go
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import Cause
from ..cel import compile_rules
from ..correlation import Correlation
from ..validation.causes import invalid
from .checks import compile_check
from .defaulting import complete, fill, prune_defaults
from .embedded import coerce, validate_embedded
from .explain import Explanation
from .lists import check_lists
from .nodes import Document, Node
from .pruning import prune

# Mistakes after which rules are not evaluated: they may rely on what these say.
_BLOCKING = frozenset({"FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany", "FieldValueTypeInvalid"})
_NOT_CHECKED = ("some validation rules were not checked because the object was invalid; correct the existing errors to complete "
                "validation")


class Schema:
    """A compiled openAPIV3Schema; never changes."""

    def __init__(self, schema: Document) -> None:
        self._root = Node(schema)
        prune_defaults(self._root)
        complete(self._root)
        self._rules = compile_rules(schema)
        self._check = compile_check(self._root)
        self._status = self._root.properties.get("status")
        self._check_status = compile_check(self._status) if self._status is not None else None

    @property
    def root(self) -> Node:
        return self._root

    @property
    def has_rules(self) -> bool:
        return not self._rules.empty

    def prune(self, document: Document) -> list[str]:
        """Drop what the schema does not specify, in place; apiVersion, kind and metadata of the document stay as they are.

        Returns: the paths of what was dropped ("spec.foo", "spec.list[0].bar").
        Raises: CoercionError for an embedded resource whose apiVersion, kind or metadata is none.
        """
        dropped = prune(document, self._root, root=True)
        if self._root.embeds:
            dropped += sorted(coerce(document, self._root))
        return dropped

    def default(self, document: Document) -> None:
        """Drop nulls that are no values, and fill in defaults, in place."""
        fill(document, self._root)

    def validate(
        self, document: Document, old: Document | None = None, *, status: bool = False, earlier: Sequence[Cause] = (),
        warnings: list[str] | None = None, patient: bool = True,
    ) -> list[Cause]:
        """What is wrong with a document. Nothing is changed.

        Args:
            old: the document that it is to replace. What is wrong with parts that were not changed is not told then.
            status: it is the status that is replaced; of the values, only those of the status are checked.
            earlier: mistakes that were found before, in the metadata; they may keep rules from being evaluated.
            warnings: gets what rules have against parts that were not changed.
            patient: whether the caller waits for rules for as long as they take.
        Raises: SlowRulesError if he does not and they take longer than the event loop can wait; `warnings` may have got some.
        """
        if status:
            causes = self._validate_status(document, old)
        else:
            causes = [] if self._check(document) else Explanation().causes(self._root, document, self._correlate(document, old))
            if self._root.embeds:
                causes += validate_embedded(document, self._root)
        if self._root.keyed_lists:
            repeated = check_lists(document, self._root)
            if repeated and (old is None or not check_lists(old, self._root)):
                causes += repeated
        if not self._rules.empty:
            causes += _not_checked([*earlier, *causes]) or self._rules.validate(document, old, warnings=warnings, patient=patient)
        return causes

    def _correlate(self, document: Document, old: Document | None) -> Correlation | None:
        return Correlation(document, old, self._root.schema) if old is not None else None

    def _validate_status(self, document: Document, old: Document | None) -> list[Cause]:
        if self._status is None or self._check_status is None or "status" not in document:
            return []
        value = document["status"]
        if self._check_status(value):
            return []
        former = old.get("status") if old is not None else None
        correlation = Correlation(value, former, self._status.schema) if old is not None else None
        return Explanation("status").causes(self._status, value, correlation)


def compile_schema(schema: Document) -> Schema:
    """The compiled form of the openAPIV3Schema of one version."""
    return Schema(schema)


def _not_checked(causes: Sequence[Cause]) -> list[Cause]:
    """The cause that tells that rules were not evaluated, if a mistake keeps them from it."""
    if any(cause.reason in _BLOCKING for cause in causes):
        return [invalid("<nil>", None, _NOT_CHECKED)]
    return []
