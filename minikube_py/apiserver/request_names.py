"""The names in requests: those in the URL and in the body of a write must be the same, and some cannot be.

Source: k8s.io/apiserver/pkg/endpoints/handlers/rest.go (checkName), k8s.io/apiserver/pkg/registry/rest/meta.go
(EnsureObjectNamespaceMatchesRequestNamespace), k8s.io/apiserver/pkg/registry/generic/registry/store.go (NamespaceKeyFunc),
k8s.io/apimachinery/pkg/api/validation/path/name.go
"""

from __future__ import annotations

from minikube_py.apis.meta_v1 import ObjectMeta
from minikube_py.apis.resources import ResourceType
from minikube_py.apis.syntax import quote
from minikube_py.core.errors import BadRequestError, StatusError, not_found


def check_name(meta: ObjectMeta, name: str, namespace: str) -> None:
    """Check the metadata of an object that is to replace the one at a URL; it need not tell its namespace.

    Args:
        namespace: "" for objects that are in none.
    Raises: BadRequestError.
    """
    if not meta.name:
        raise BadRequestError(f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if meta.name != name:
        raise BadRequestError(f"the name of the object ({meta.name}) does not match the name on the URL ({name})")
    if namespace and meta.namespace not in ("", namespace):
        raise BadRequestError(
            f"the namespace of the object ({meta.namespace}) does not match the namespace on the request ({namespace})"
        )


def set_namespace(meta: ObjectMeta, namespace: str) -> None:
    """Put a new object into the namespace of its request.

    Args:
        namespace: "" for objects that are in none; what such an object tells is not looked at.
    Raises: BadRequestError if the object tells another.
    """
    if namespace and meta.namespace not in ("", namespace):
        raise BadRequestError("the namespace of the provided object does not match the namespace sent on the request")
    meta.namespace = namespace


def absent(resource: ResourceType, name: str) -> StatusError:
    """The error about an object that is not there; of some names there cannot be one."""
    wrong = [f"may not be '{name}'"] if name in (".", "..") else [f"may not contain '{char}'" for char in "/%" if char in name]
    if wrong:
        return BadRequestError(f"Name parameter invalid: {quote(name)}: {';'.join(wrong)}")
    return not_found(resource.group, resource.plural, name)
