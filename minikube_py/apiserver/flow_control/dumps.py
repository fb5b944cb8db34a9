"""`/debug/api_priority_and_fairness`: levels, queues and waiting requests, as upstream prints them.

Source: k8s.io/apiserver/pkg/util/flowcontrol/apf_controller_debug.go (columns), text/tabwriter (8, 0, 1)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from .flow_control import FlowControl, Ticket
from .queue_set import ESTIMATED_SERVICE_S

PATH = "/debug/api_priority_and_fairness/"
NONE = "<none>"
MIN_WIDTH, PADDING = 8, 1
LEVELS = ("PriorityLevelName", "ActiveQueues", "IsIdle", "IsQuiescing", "WaitingRequests", "ExecutingRequests", "DispatchedRequests",
          "RejectedRequests", "TimedoutRequests", "CancelledRequests")
QUEUES = ("PriorityLevelName", "Index", "PendingRequests", "ExecutingRequests", "SeatsInUse", "NextDispatchR", "InitialSeatsSum",
          "MaxSeatsSum", "TotalWorkSum")
REQUESTS = ("PriorityLevelName", "FlowSchemaName", "QueueIndex", "RequestIndexInQueue", "FlowDistingsher", "ArriveTime", "InitialSeats",
            "FinalSeats", "AdditionalLatency", "StartTime")
DETAILS = ("UserName", "Verb", "APIPath", "Namespace", "Name", "APIVersion", "Resource", "SubResource")


def dump(flow_control: FlowControl, path: str, *, details: bool) -> str | None:
    """The text of a path below PATH; None if it is not known.

    Args:
        details: whether requests are described.
    """
    match path.removeprefix(PATH):
        case "dump_priority_levels":
            return _table(LEVELS, _levels(flow_control))
        case "dump_queues":
            return _table(QUEUES, _queues(flow_control))
        case "dump_requests":
            return _table(REQUESTS + (DETAILS if details else ()), _requests(flow_control, details=details))
    return None


def _levels(flow_control: FlowControl) -> Iterator[Sequence[str]]:
    for name, level in flow_control.levels.items():
        queue_set = level.queue_set
        if queue_set is None:
            yield (name, *[NONE] * (len(LEVELS) - 1))
            continue
        counts = [counts for counts in flow_control.counts.values() if counts.level == name]
        rejected = {reason: sum(each.rejected[reason] for each in counts) for each in counts for reason in each.rejected}
        yield tuple(map(_text, (
            name, sum(bool(queue.requests) for queue in queue_set.queues), queue_set.idle, level.quiescing, queue_set.waiting,
            queue_set.executing, sum(each.dispatched for each in counts),
            rejected.get("queue-full", 0) + rejected.get("concurrency-limit", 0), rejected.get("time-out", 0), rejected.get("cancelled", 0),
        )))


def _queues(flow_control: FlowControl) -> Iterator[Sequence[str]]:
    for name, level in flow_control.levels.items():
        if level.queue_set is None:
            yield (name, *[NONE] * (len(QUEUES) - 1))
            continue
        for queue in level.queue_set.queues:
            # Requests here take no other seats at their end than at their beginning.
            yield tuple(map(_text, (
                name, queue.index, len(queue.requests), queue.executing, queue.seats_in_use, f"{queue.next_r:.8f}ss", queue.waiting_seats,
                queue.waiting_seats, f"{queue.waiting_seats * ESTIMATED_SERVICE_S:.8f}ss",
            )))


def _requests(flow_control: FlowControl, *, details: bool) -> Iterator[Sequence[str]]:
    """Requests that are carried out (queue -1), then those that wait."""
    for ticket in sorted(flow_control.running, key=lambda ticket: (ticket.counts.level, ticket.arrived)):
        began = ticket.arrived if ticket.turn is None else ticket.arrived + ticket.turn.started - ticket.turn.arrived
        yield _request(ticket, -1, -1, _time(began), details=details)
    for ticket in sorted(flow_control.queued, key=lambda ticket: (ticket.counts.level, ticket.arrived)):
        queue = ticket.turn.queue if ticket.turn is not None else None
        if queue is not None and ticket.turn is not None:
            yield _request(ticket, queue.index, queue.requests.index(ticket.turn), "0001-01-01T00:00:00Z", details=details)


def _request(ticket: Ticket, queue: int, place: int, began: str, *, details: bool) -> Sequence[str]:
    turn, info = ticket.turn, ticket.info
    row = [ticket.counts.level, ticket.counts.schema, queue, place, turn.flow.distinguisher if turn is not None else "",
           _time(ticket.arrived), turn.seats if turn is not None else 1, 0, "0s", began]
    if details:
        version = f"{info.group}/{info.version}" if info.group else info.version
        row += [ticket.user.name, info.verb, info.path, info.namespace, info.name, version, info.resource, info.subresource]
    return tuple(map(_text, row))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """Columns with commas, aligned as Go's tabwriter does it: the last one is not padded."""
    lines = [header, *rows]
    cells = [[f"{cell}," for cell in line[:-1]] + [line[-1]] for line in lines]
    widths = [max(MIN_WIDTH, max(len(line[column]) for line in cells) + PADDING) for column in range(len(header) - 1)]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)) + line[-1] + "\n" for line in cells
    )
