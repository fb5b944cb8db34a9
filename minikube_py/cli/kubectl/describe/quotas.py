"""kubectl describe of quotas and limit ranges, by themselves and as parts of a namespace.

Source: kubectl pkg/describe/describe.go (ResourceQuotaDescriber, LimitRangeDescriber, DescribeResourceQuotas, DescribeLimitRanges)
"""

from __future__ import annotations

from collections.abc import Iterator

from minikube_py.apis.quantity import canonical

from ..api import Document
from ..session import Session
from .writer import Writer

_SCOPES = {
    "Terminating": "Matches all pods that have an active deadline. "
                   "These pods have a limited lifespan on a node before being actively terminated by the system.",
    "NotTerminating": "Matches all pods that do not have an active deadline. "
                      "These pods usually include long running pods whose container command is not expected to terminate.",
    "BestEffort": "Matches all pods that do not have resource requirements set. These pods have a best effort quality of service.",
    "NotBestEffort": "Matches all pods that have at least one resource requirement set. "
                     "These pods have a burstable or guaranteed quality of service.",
}
_COLUMNS = ("Type", "Resource", "Min", "Max", "Default Request", "Default Limit", "Max Limit/Request Ratio")
_AMOUNTS = ("min", "max", "defaultRequest", "default", "maxLimitRequestRatio")


async def describe_resource_quota(session: Session, document: Document) -> str:
    writer = Writer()
    writer.line(0, "Name:", document["metadata"]["name"])
    writer.line(0, "Namespace:", document["metadata"]["namespace"])
    _scopes(writer, document, " ")
    writer.line(0, "Resource", "Used", "Hard")
    writer.line(0, "--------", "----", "----")
    _usage(writer, 0, document)
    return writer.text()


async def describe_limit_range(session: Session, document: Document) -> str:
    writer = Writer()
    writer.line(0, "Name:", document["metadata"]["name"])
    writer.line(0, "Namespace:", document["metadata"]["namespace"])
    _limits(writer, "", [document])
    return writer.text()


def quotas_of_namespace(quotas: list[Document]) -> str:
    """What a namespace's description says of its quotas."""
    if not quotas:
        return "No resource quota.\n"
    writer = Writer()
    for quota in quotas:
        writer.line(1, "Name:", quota["metadata"]["name"])
        _scopes(writer, quota, "  ")
        writer.line(1, "Resource", "Used", "Hard")
        writer.line(1, "--------", "---", "---")
        _usage(writer, 1, quota)
    return "Resource Quotas\n" + writer.text()


def limits_of_namespace(limit_ranges: list[Document]) -> str:
    """What a namespace's description says of its limit ranges."""
    if not limit_ranges:
        return "No LimitRange resource.\n"
    writer = Writer()
    _limits(writer, " ", limit_ranges)
    return "Resource Limits\n" + writer.text()


def _scopes(writer: Writer, quota: Document, margin: str) -> None:
    scopes = sorted(quota["spec"].get("scopes") or ())
    if scopes:
        writer.line(len(margin) // 2, "Scopes:", ", ".join(scopes))
    for scope in scopes:
        if scope in _SCOPES:
            writer.line(0, f"{margin}* {_SCOPES[scope]}")


def _usage(writer: Writer, level: int, quota: Document) -> None:
    status = quota.get("status") or {}
    for name, hard in sorted((status.get("hard") or {}).items()):
        writer.line(level, name, (status.get("used") or {}).get(name, "0"), hard)


def _limits(writer: Writer, margin: str, limit_ranges: list[Document]) -> None:
    writer.line(0, margin + _COLUMNS[0], *_COLUMNS[1:])
    writer.line(0, margin + "-" * len(_COLUMNS[0]), *("-" * len(column) for column in _COLUMNS[1:]))
    for row in _rows(limit_ranges):
        writer.line(0, margin + row[0], *row[1:])


def _rows(limit_ranges: list[Document]) -> Iterator[tuple[str, ...]]:
    for limit_range in limit_ranges:
        for item in limit_range["spec"].get("limits") or ():
            for name in sorted({name for side in _AMOUNTS for name in item.get(side) or ()}):
                amounts = ((item.get(side) or {}).get(name) for side in _AMOUNTS)
                yield item["type"], name, *("-" if amount is None else canonical(amount) for amount in amounts)
