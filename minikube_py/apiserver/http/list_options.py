"""What a list or watch asks for, and which of its options go together.

Owns metav1.ListOptions as query parameters. Selectors are read by `selection.py`, tokens by `paging.py`.
Source: k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go,
kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
"""

from __future__ import annotations

from typing import NamedTuple

from minikube_py.apis.fields import parse_field_selector
from minikube_py.apis.labels import parse_selector
from minikube_py.core import limits
from minikube_py.core.errors import BadRequestError, Cause, TimeoutStatusError, invalid
from minikube_py.store.interface import Store

from ..authorization.selectors import Selectors
from ..resource_version import parse_requested
from .paging import Token
from .query import Query
from .request_info import RequestInfo

EXACT, NOT_OLDER = "Exact", "NotOlderThan"


class ListOptions(NamedTuple):
    """The options of a list or watch, checked.

    Attributes:
        revision: the resourceVersion as a number; None if there is none.
        exact: whether a list must show exactly that revision.
        limit: objects a page; 0 for all.
        send_initial: whether a watch begins with what there is; None if it was not said.
    """

    revision: int | None
    exact: bool
    limit: int
    token: str
    send_initial: bool | None
    bookmarks: bool
    timeout_s: int | None


def list_options(query: Query, *, watch: bool) -> ListOptions:
    """The options in a query.

    Raises: InvalidError for options that do not go together; BadRequestError, UnreasonedError for values that are none.
    """
    match, version, token = query.text("resourceVersionMatch"), query.text("resourceVersion"), query.text("continue")
    send_initial = query.flag("sendInitialEvents") if query.has("sendInitialEvents") else None
    if match or send_initial is not None:
        causes = _watch_causes(match, token, send_initial) if watch else _list_causes(match, version, token, send_initial)
        if causes:
            raise invalid("meta.k8s.io", "ListOptions", "", causes)
    elif watch and version in ("", "0"):
        # Clients from before this option get what it stands for, with the bookmark at the end for who takes bookmarks.
        send_initial = True
    # Any version is also the one with all objects on one page.
    limit = max(query.number("limit") or 0, 0) if version != "0" else 0
    if token and not watch:
        Token.decode(token)
        if version not in ("", "0"):
            raise BadRequestError("specifying resource version is not allowed when using continue")
    revision = parse_requested(version, listing=not watch) if version else None
    # A page of an old state is a page of exactly that state, whatever the match says.
    exact = match == EXACT or (bool(limit) and not match and bool(revision) and not watch)
    return ListOptions(revision, exact, limit, token, send_initial, query.flag("allowWatchBookmarks"), query.number("timeoutSeconds"))


def selected_name(query: Query) -> str:
    """The name of the only object that a list or watch can be about, "" if there may be others: who may read it may do so.

    Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go
    """
    if not query.has("fieldSelector"):
        return ""
    try:
        query.number("limit")
        query.number("timeoutSeconds")
        parse_selector(query.text("labelSelector"))
        name = parse_field_selector(query.text("fieldSelector")).exact("metadata.name") or ""
    except BadRequestError:
        return ""  # Whoever reads the options will say what is wrong with them.
    return name if name not in (".", "..") and "/" not in name and "%" not in name else ""


def selectors_of(info: RequestInfo, query: Query) -> Selectors | None:
    """What a request about a collection is restricted to, for authorizers; None for everything.

    Source: k8s.io/apiserver/pkg/endpoints/request/requestinfo.go
    """
    fields, labels = query.text("fieldSelector"), query.text("labelSelector")
    return Selectors(fields, labels) if (fields or labels) and not info.verb_in_path else None


def _list_causes(match: str, version: str, token: str, send_initial: bool | None) -> list[Cause]:
    causes = []
    if match:
        if not version:
            causes.append(_forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"))
        if token:
            causes.append(_forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"))
        if match not in (EXACT, NOT_OLDER):
            causes.append(_unsupported(match, f'"{EXACT}", "{NOT_OLDER}", ""'))
        if match == EXACT and version == "0":
            causes.append(_forbidden("resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
    if send_initial is not None:
        causes.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return causes


def _watch_causes(match: str, token: str, send_initial: bool | None) -> list[Cause]:
    causes = []
    if send_initial is not None and match != NOT_OLDER:
        why = f"sendInitialEvents requires setting resourceVersionMatch to {NOT_OLDER}"
        causes.append(_forbidden("resourceVersionMatch", why))
    if match:
        if send_initial is None:
            why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
            causes.append(_forbidden("resourceVersionMatch", why))
        if match != NOT_OLDER:
            causes.append(_unsupported(match, f'"{NOT_OLDER}"'))
        if token:
            causes.append(_forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"))
    return causes


def _forbidden(field: str, why: str) -> Cause:
    return Cause("FieldValueForbidden", f"Forbidden: {why}", field)


def _unsupported(match: str, supported: str) -> Cause:
    return Cause("FieldValueNotSupported", f'Unsupported value: "{match}": supported values: {supported}', "resourceVersionMatch")


async def wait_known(store: Store, revision: int | None) -> None:
    """Wait a little for a revision that is yet to come.

    Raises: TimeoutStatusError if it does not.
    Source: k8s.io/apiserver/pkg/storage/errors.go (NewTooLargeResourceVersionError), storage/cacher/watch_cache.go
    """
    if revision is None or revision <= store.revision or await store.wait_revision(revision, limits.REVISION_WAIT_S):
        return
    raise TimeoutStatusError(
        f"Timeout: Too large resource version: {revision}, current: {store.revision}", details={"retryAfterSeconds": 1},
        causes=[Cause("ResourceVersionTooLarge", "Too large resource version")],
    )
