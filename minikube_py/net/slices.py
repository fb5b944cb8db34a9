"""EndpointSlices by the Service that they belong to."""

from __future__ import annotations

from collections.abc import Collection

from ..apis.discovery_v1 import EndpointSlice

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
"""Source: kubernetes.io/docs/reference/labels-annotations-taints/#kubernetesioservice-name"""


class SlicesByService:
    """An index of EndpointSlices, kept up to date slice by slice. Keys are namespace/name."""

    def __init__(self) -> None:
        self._slices: dict[str, dict[str, EndpointSlice]] = {}
        self._service: dict[str, str] = {}

    def change(self, key: str, endpoint_slice: EndpointSlice | None) -> set[str]:
        """Take over the newest state of a slice, None if it is gone; returns the Services whose endpoints it changes."""
        name = endpoint_slice.metadata.labels.get(SERVICE_NAME_LABEL, "") if endpoint_slice is not None else ""
        service = f"{key.partition('/')[0]}/{name}" if name else ""
        before = self._service.pop(key, "")
        if before and before != service:
            del self._slices[before][key]
            if not self._slices[before]:
                del self._slices[before]
        if service and endpoint_slice is not None:
            self._service[key] = service
            self._slices.setdefault(service, {})[key] = endpoint_slice
        return {before, service} - {""}

    def of(self, service: str) -> Collection[EndpointSlice]:
        """All slices of a Service."""
        return self._slices.get(service, {}).values()
