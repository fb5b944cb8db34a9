"""The scale subresource of custom resources: replicas and selector at the paths that a definition names.

Source: k8s.io/apiextensions-apiserver/pkg/registry/customresource/etcd.go (scaleFromCustomResource), validator.go (ValidateScaleSpec)
"""

from __future__ import annotations

from typing import Any

from minikube_py.apis import autoscaling_v1, meta_v1
from minikube_py.apis.apiextensions_v1 import CustomResourceSubresourceScale
from minikube_py.apis.custom import CustomObject
from minikube_py.apis.validation.causes import invalid, show
from minikube_py.core.errors import Cause, internal

REPLICAS_MAX = 2**31 - 1
_GO_TYPES: dict[type, str] = {
    str: "string", bool: "bool", int: "int64", float: "float64", dict: "map[string]interface {}", list: "[]interface {}",
}


class CustomScale:
    """Reads and writes replicas in the documents of one version."""

    def __init__(self, scale: CustomResourceSubresourceScale) -> None:
        self.spec_path = _fields(scale.spec_replicas_path)
        self._status_path = _fields(scale.status_replicas_path)
        self._selector_path = _fields(scale.label_selector_path) if scale.label_selector_path else None
        self._rules = ((self.spec_path, scale.spec_replicas_path), (self._status_path, scale.status_replicas_path))

    def scale_of(self, obj: CustomObject) -> autoscaling_v1.Scale:
        """Raises: InternalError if the object does not say how many replicas it wants."""
        replicas = _integer(obj.content, self.spec_path)
        if replicas is None:
            raise internal(f'the spec replicas field ".{".".join(self.spec_path)}" does not exist')
        meta = obj.metadata
        scale = autoscaling_v1.Scale(kind="Scale", api_version="autoscaling/v1")
        scale.metadata = meta_v1.ObjectMeta(
            name=meta.name, namespace=meta.namespace, uid=meta.uid, resource_version=meta.resource_version,
            creation_timestamp=meta.creation_timestamp,
        )
        scale.spec = autoscaling_v1.ScaleSpec(replicas=replicas)
        selector = _value(obj.content, self._selector_path) if self._selector_path else None
        scale.status = autoscaling_v1.ScaleStatus(
            replicas=_integer(obj.content, self._status_path) or 0, selector=selector if isinstance(selector, str) else ""
        )
        return scale

    def set_replicas(self, obj: CustomObject, replicas: int) -> None:
        """Write the replicas into an object that may be changed."""
        parent = obj.content
        for name in self.spec_path[:-1]:
            inner = parent.get(name)
            if not isinstance(inner, dict):
                inner = parent[name] = {}
            parent = inner
        parent[self.spec_path[-1]] = replicas

    def validate(self, document: dict[str, Any], *, status: bool = False) -> list[Cause]:
        """What is wrong with the numbers of replicas.

        Args:
            status: only those of the status are looked at.
        """
        causes = []
        for path, field in self._rules[1:] if status else self._rules:
            replicas, problem = _number(document, path)
            if replicas < 0:
                problem = "should be a non-negative integer"
            elif replicas > REPLICAS_MAX:
                problem = f"should be less than or equal to {REPLICAS_MAX}"
            if problem:
                causes.append(invalid(field, replicas, problem))
        return causes


def _number(document: dict[str, Any], path: tuple[str, ...]) -> tuple[int, str]:
    """The number at a path, 0 if nothing is there, and in Go's words what stands there or on the way instead."""
    value: Any = document
    for index, name in enumerate(path):
        if not isinstance(value, dict):
            return 0, _accessor_error(path[: index + 1], value, "map[string]interface{}") if value is not None else ""
        if name not in value:
            return 0, ""
        value = value[name]
    if isinstance(value, int) and not isinstance(value, bool):
        return value, ""
    return 0, _accessor_error(path, value, "int64")


def _accessor_error(path: tuple[str, ...], value: Any, wanted: str) -> str:
    return f".{'.'.join(path)} accessor error: {_go_text(value)} is of the type {_GO_TYPES.get(type(value), '<nil>')}, expected {wanted}"


def _go_text(value: Any) -> str:
    """A value as Go prints it by itself."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{_go_text(value[key])}' for key in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_go_text, value))}]"
    if value is None:
        return "<nil>"
    return value if isinstance(value, str) else show(value)


def _fields(path: str) -> tuple[str, ...]:
    return tuple(path.strip(".").split("."))


def _value(document: dict[str, Any], path: tuple[str, ...]) -> Any:
    value: Any = document
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _integer(document: dict[str, Any], path: tuple[str, ...]) -> int | None:
    value = _value(document, path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
