"""How many seats a request takes: one, but for lists, which take the more the more objects they send.

Source: k8s.io/apiserver/pkg/util/flowcontrol/request/{width,list_work_estimator,mutating_work_estimator}.go
"""

from __future__ import annotations

from collections.abc import Callable

from minikube_py.apiserver.http.query import Query
from minikube_py.apiserver.http.request_info import RequestInfo

OBJECTS_PER_SEAT = 100
# How many objects there are of a resource, by group, version and plural name; None if it is not known.
CountObjects = Callable[[str, str, str], int | None]


class WorkEstimator:
    """Estimates, by what is stored."""

    def __init__(self, count: CountObjects) -> None:
        self._count = count

    def seats(self, info: RequestInfo, query: Query, seats_max: int) -> int:
        if info.verb not in ("list", "watch") or not info.is_resource or info.name:
            return 1
        if info.verb == "watch" and query.text("sendInitialEvents") != "true":
            return 1
        objects = self._count(info.group, info.version, info.resource)
        if objects is None:
            return 1
        limit = query.text("limit")
        if limit.isdigit() and 0 < int(limit) < objects:
            objects = int(limit)
        return max(1, min(seats_max, -(-objects // OBJECTS_PER_SEAT)))
