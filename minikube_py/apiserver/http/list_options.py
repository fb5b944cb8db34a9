"""What a list or watch asks for, and which of its options go together.

Owns metav1.ListOptions as query parameters. Selectors are read by `selection.py`, tokens by `paging.py`.
Source: k8s.io/apimachinery/pkg/apis/meta/internalversion/validation/validation.go,
kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list
"""

from __future__ import annotations

from typing import NamedTuple

from minikube_py.core.errors import BadRequestError, Cause, TimeoutStatusError, invalid

from .query import Query, parse_revision

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

    Raises: InvalidError for options that do not go together; BadRequestError for values that are none.
    """
    match, version, token = query.text("resourceVersionMatch"), query.text("resourceVersion"), query.text("continue")
    send_initial = query.flag("sendInitialEvents") if query.has("sendInitialEvents") else None
    if match or send_initial is not None:
        causes = _watch_causes(match, token, send_initial) if watch else _list_causes(match, version, token, send_initial)
        if causes:
            raise invalid("meta.k8s.io", "ListOptions", "", causes)
    limit = max(query.number("limit") or 0, 0)
    if token and version not in ("", "0") and not watch:
        raise BadRequestError("specifying resource version is not allowed when using continue")
    revision = parse_revision(version) if version else None
    # A page of an old state is a page of exactly that state, whatever the match says.
    exact = match == EXACT or (bool(limit) and not match and bool(revision) and not watch)
    return ListOptions(revision, exact, limit, token, send_initial, query.flag("allowWatchBookmarks"), query.number("timeoutSeconds"))


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


def check_known(revision: int | None, present: int) -> None:
    """Refuse a revision that is yet to come.

    Raises: TimeoutStatusError.
    Source: k8s.io/apiserver/pkg/storage/errors.go (NewTooLargeResourceVersionError)
    """
    if revision is not None and revision > present:
        raise TimeoutStatusError(
            f"Timeout: Too large resource version: {revision}, current: {present}", details={"retryAfterSeconds": 1},
            causes=[Cause("ResourceVersionTooLarge", "Too large resource version")],
        )
