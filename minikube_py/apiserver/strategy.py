"""How the objects of one resource come and go: the hooks that the generic Registry calls.

The base class holds what is true for most kinds; `strategies/` has a subclass for each kind that differs.
Source: pkg/registry/*/strategy.go and k8s.io/apiserver/pkg/registry/rest.
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis.disabled import drop_disabled_fields
from minikube_py.apis.object import Object
from minikube_py.apis.validation import validate_create, validate_update
from minikube_py.apis.warnings import warnings_on_create, warnings_on_update
from minikube_py.core.errors import Cause

from .context import Context

# Source: k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go (ResetObjectMetaForStatus)
_RESET_BY_STATUS = ("labels", "annotations", "finalizers", "owner_references")


class Strategy:
    """Rules of one resource.

    Attributes:
        durable: False for objects that are worthless after a power cut (Leases, Events).
        generation: whether metadata.generation follows the spec.
        create_on_update: whether PUT creates what is not there.
        unconditional_update: whether an update may lack a resourceVersion.
        default_propagation: what becomes of dependents when a deletion does not say; "Unsupported" where nothing ever does.
        graceful: whether objects stay for a while after their deletion.
        deletion_warning: what clients are told that do not say what becomes of dependents; "" for most.
        marks_deletion: whether the first deletion only marks an object, in the kind's own way, and somebody else has it go.
        returns_deleted: whether the answer to a deletion is the object's last state, not a Status.
        companion: a kind whose object of the same name goes with one that is gone; None for most.
        may_be_slow: whether finding what is wrong with an object may raise SlowRulesError, unless the Context is patient.
        status: whether the kind has a status subresource, so that the main resource leaves status alone.
        status_keeps_metadata: whether labels, annotations, finalizers and owners are left alone by the status subresource.
        desired: attributes other than metadata and status that make up the desired state.
    """

    durable = True
    generation = False
    create_on_update = False
    unconditional_update = True
    default_propagation = "Background"
    graceful = False
    deletion_warning = ""
    marks_deletion = False
    returns_deleted = False
    companion: type[Object] | None = None
    may_be_slow = False
    status = True
    status_keeps_metadata = False

    def check_open(self) -> None:
        """Raises: MethodNotAllowedError while nothing new may come."""

    def why_kept(self, name: str) -> str:
        """Why an object is not to be deleted by its name; "" for all but a few."""
        return ""

    def prepare_create(self, obj: Any, context: Context) -> None:
        """Set what a client may not choose. The object is new and may be changed."""
        drop_disabled_fields(obj)
        if self.generation:
            obj.metadata.generation = 1
        if self.status and hasattr(obj, "status"):
            obj.status = type(obj.status)()

    def prepare_update(self, new: Any, old: Any, context: Context) -> None:
        """Keep what an update of the main resource may not change."""
        if self.status and hasattr(new, "status"):
            new.status = old.status
        drop_disabled_fields(new, old)
        self.count_generation(new, old)

    def prepare_status_update(self, new: Any, old: Any, context: Context) -> None:
        """Keep what an update of the status may not change."""
        new.metadata.generation = old.metadata.generation
        if self.status_keeps_metadata:
            for name in _RESET_BY_STATUS:
                setattr(new.metadata, name, getattr(old.metadata, name))
        for name in new.__struct_fields__:
            if name not in ("status", "metadata", "kind", "api_version"):
                setattr(new, name, getattr(old, name))

    def count_generation(self, new: Any, old: Any) -> None:
        """Let metadata.generation follow the desired state."""
        new.metadata.generation = old.metadata.generation
        if self.generation and self.desired(new) != self.desired(old):
            new.metadata.generation = old.metadata.generation + 1

    def desired(self, obj: Any) -> Any:
        """The desired state, for comparison: the spec, or everything but metadata and status. The order of maps means nothing."""
        if hasattr(obj, "spec"):
            return obj.spec
        return [getattr(obj, name) for name in obj.__struct_fields__ if name not in ("metadata", "status", "kind", "api_version")]

    def causes_of_create(self, obj: Any, context: Context) -> list[Cause]:
        """All that is wrong with a new object; its author is told what may be better when nothing is."""
        causes = validate_create(obj) or self.validate_create(obj, context)
        if not causes and context.warnings is not None:
            context.warnings.extend(self.warnings_on_create(obj, context))
        return causes

    def causes_of_update(self, new: Any, old: Any, subresource: str, context: Context) -> list[Cause]:
        """All that is wrong with an object that is to replace `old`; its author is told what may be better when nothing is."""
        causes = validate_update(new, old, subresource) or self.validate_update(new, old, context)
        if not causes and context.warnings is not None:
            context.warnings.extend(self.warnings_on_update(new, old, subresource, context))
        return causes

    def validate_create(self, obj: Any, context: Context) -> list[Cause]:
        """Causes beyond those of `apis/validation`, for what depends on the server's state."""
        return []

    def validate_update(self, new: Any, old: Any, context: Context) -> list[Cause]:
        """Causes beyond those of `apis/validation`."""
        return []

    def warnings_on_create(self, obj: Any, context: Context) -> list[str]:
        """What the author of a valid new object is told."""
        return warnings_on_create(obj)

    def warnings_on_update(self, new: Any, old: Any, subresource: str, context: Context) -> list[str]:
        """What the author of a valid object that replaces `old` is told."""
        return warnings_on_update(new, old, subresource)

    def grace_period(self, obj: Any, asked: int | None) -> int:
        """Seconds that an object of a graceful kind stays after its deletion; `asked` is not negative."""
        return 0

    def begin_deletion(self, obj: Any, policy: str | None) -> None:
        """Change the object as its deletion begins (it may be changed), for kinds that mark it themselves.

        Args:
            policy: what is to become of dependents, if the request says it.
        """

    def is_held(self, obj: Any) -> bool:
        """Whether something other than the finalizers in the metadata keeps an object under deletion in the store."""
        return False

    def abandon(self, new: Any, old: Any) -> None:
        """Give back what `new` was given by its validation and `old` (None for a create) does not have: `new` is not stored."""
