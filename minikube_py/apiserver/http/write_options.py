"""The options of writes: who is named in managedFields, and force.

Source: k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go (ValidatePatchOptions, ValidateFieldManager)
"""

from __future__ import annotations

from minikube_py.apis.syntax import quote
from minikube_py.apis.validation.causes import too_long
from minikube_py.core.errors import Cause, invalid

from ..field_managers import MANAGER_BYTES_MAX
from .query import Query


def check_write_options(query: Query, options: str, *, apply: bool = False) -> None:
    """Raises: InvalidError.

    Args:
        options: the kind of the request's options: CreateOptions, UpdateOptions, PatchOptions.
    """
    manager = query.text("fieldManager")
    if not (manager or apply or query.has("force")):
        return
    causes = []
    if apply and not manager:
        causes.append(Cause("FieldValueRequired", "Required value: is required for apply patch", "fieldManager"))
    if options == "PatchOptions" and not apply and query.has("force"):
        causes.append(Cause("FieldValueForbidden", "Forbidden: may not be specified for non-apply patch", "force"))
    causes += _manager_causes(manager)
    if causes:
        raise invalid("meta.k8s.io", options, "", causes)


def _manager_causes(manager: str) -> list[Cause]:
    if manager.isprintable() and len(manager.encode()) <= MANAGER_BYTES_MAX:
        return []
    causes = []
    if len(manager.encode()) > MANAGER_BYTES_MAX:
        causes.append(too_long("fieldManager", MANAGER_BYTES_MAX))
    position = 0
    for character in manager:
        if not character.isprintable():
            why = f'Invalid value: {quote(manager)}: invalid character U+{ord(character):04X} (at position {position})'
            causes.append(Cause("FieldValueInvalid", why, "fieldManager"))
        position += len(character.encode())
    return causes
