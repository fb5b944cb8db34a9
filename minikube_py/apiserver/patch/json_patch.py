"""JSON patch, by the `jsonpatch` library; owned here are its bounds and the API's errors.

Source: RFC 6902; k8s.io/apiserver/pkg/endpoints/handlers/patch.go (applyJSPatch)
"""

from __future__ import annotations

from typing import Any

from minikube_py.core.errors import BadRequestError, InvalidError, RequestEntityTooLargeError

# Source: k8s.io/apiserver/pkg/endpoints/handlers/patch.go (maxJSONPatchOperations)
OPERATIONS_MAX = 10_000


def json_patch(document: Any, operations: list[Any]) -> Any:
    """Apply operations in order; all or none.

    Raises: InvalidError if an operation cannot be applied; BadRequestError if it is no operation; RequestEntityTooLargeError.
    """
    import jsonpatch
    import jsonpointer

    if len(operations) > OPERATIONS_MAX:
        raise RequestEntityTooLargeError(
            f"The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {len(operations)}"
        )
    try:
        return jsonpatch.apply_patch(document, operations)
    except (jsonpatch.JsonPatchTestFailed, jsonpatch.JsonPatchConflict, jsonpointer.JsonPointerException) as error:
        raise _refused() from error
    except (jsonpatch.InvalidJsonPatch, TypeError, KeyError, AttributeError) as error:
        raise BadRequestError(f"error decoding patch: {error}") from error


def _refused() -> InvalidError:
    """Upstream does not pass on what was wrong."""
    return InvalidError("the server rejected our request due to an error in our request", details={})
