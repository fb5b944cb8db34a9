"""Defaults: what the API sets in an object where its author left a field open.

Owns the rules that depend on the object alone. What a registry adds from its own state (addresses, uids, finalizers, phases of new
objects) is not here. Every rule is idempotent, so defaults may be set again after anything that changed the object. Quantities of
resource lists take their canonical form here.

Source: pkg/apis/*/v1/defaults.go
"""

from __future__ import annotations

from ..object import Object
from . import apps, batch, core, extensions, networking, pods, policy, resource, storage
from .table import Defaults

_DEFAULTS: Defaults = {
    **pods.DEFAULTS, **core.DEFAULTS, **apps.DEFAULTS, **batch.DEFAULTS, **networking.DEFAULTS, **storage.DEFAULTS, **policy.DEFAULTS,
    **extensions.DEFAULTS, **resource.DEFAULTS,
}


def set_defaults(obj: Object) -> None:
    """Set the open fields of an object, in place. An object of a kind without defaults is left alone.

    Raises: QuantityError (a ValueError) if a resource amount is no quantity; upstream answers 400 to it, as to any value that does
        not decode.
    """
    default = _DEFAULTS.get(type(obj))
    if default is not None:
        default(obj)
