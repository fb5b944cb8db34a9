"""Which objects a list or watch is about: label and field selectors over stored entries."""

from __future__ import annotations

from typing import Any

from minikube_py.apis.fields import FieldSelector, parse_field_selector
from minikube_py.apis.labels import Selector, parse_selector
from minikube_py.store.interface import Entry

from .storage import Storage


class Selection:
    """Namespace, label selector and field selector of a request.

    Raises: BadRequestError for a selector that cannot be parsed or a field that the kind does not support.
    """

    def __init__(self, storage: Storage, namespace: str = "", label_selector: str = "", field_selector: str = "") -> None:
        self.storage = storage
        self.namespace = namespace
        self._labels: Selector | None = parse_selector(label_selector) if label_selector else None
        self._fields: FieldSelector | None = storage.check_fields(parse_field_selector(field_selector)) if field_selector else None
        self._prefix = f"{namespace}/" if namespace and storage.resource.namespaced else ""

    @property
    def everything(self) -> bool:
        """Whether all objects (of the namespace) are meant."""
        return self._labels is None and self._fields is None

    def matches(self, entry: Entry) -> bool:
        if self._prefix and not entry.key.startswith(self._prefix):
            return False
        if self._labels is None and self._fields is None:
            return True
        obj: Any = self.storage.served(entry)
        if self._labels is not None and not self._labels.matches(obj.metadata.labels):
            return False
        return self._fields is None or self._fields.matches(obj)
