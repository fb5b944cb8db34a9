"""What an apply is refused with that would change fields of other managers.

Source: k8s.io/apimachinery/pkg/util/managedfields/internal/conflict.go, k8s.io/apimachinery/pkg/api/errors (NewApplyConflict)
"""

from __future__ import annotations

from minikube_py.core.errors import Cause, ConflictError

from .entries import UPDATE, Identity
from .field_set import FieldSet, Path, paths, union
from .path_element import display

Conflicts = dict[Identity, FieldSet]


class ApplyConflict(Exception):
    """An apply would take these fields from their owners."""

    def __init__(self, conflicts: Conflicts) -> None:
        super().__init__(conflicts)
        self.conflicts = conflicts

    def fields(self) -> FieldSet:
        """All fields in conflict, whoever owns them."""
        fields: FieldSet = {}
        for owned in self.conflicts.values():
            fields = union(fields, owned)
        return fields

    def status(self) -> ConflictError:
        """The answer to the client."""
        found = [(identity, list(paths(self.conflicts[identity]))) for identity in sorted(self.conflicts, key=Identity.text)]
        causes = [
            Cause("FieldManagerConflict", f"conflict with {_named(identity)}", display_path(path))
            for identity, members in found for path in members
        ]
        if len(causes) == 1:
            message = f"Apply failed with 1 conflict: {causes[0].message}: {causes[0].field}"
        else:
            lines = [line for identity, members in found
                     for line in (f"conflicts with {_named(identity)}:", *(f"- {display_path(path)}" for path in members))]
            message = f"Apply failed with {len(causes)} conflicts: " + "\n".join(lines)
        return ConflictError(message, details={}, causes=causes)


def display_path(path: Path) -> str:
    return "".join(map(display, path))


def _named(identity: Identity) -> str:
    text = f'"{identity.manager}"'
    if identity.subresource:
        text += f' with subresource "{identity.subresource}"'
    return f"{text} using {identity.api_version}" if identity.operation == UPDATE else text
