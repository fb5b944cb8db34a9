"""Flow control of requests: what is in force, and the way of each request through it.

Source: k8s.io/apiserver/pkg/util/flowcontrol/{apf_controller,apf_filter}.go, pkg/server/filters/priority-and-fairness.go
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TypeVar

from minikube_py.apis.flowcontrol_v1 import FlowSchema, PriorityLevelConfiguration
from minikube_py.apiserver.authentication.user import UserInfo
from minikube_py.apiserver.http.query import Query
from minikube_py.apiserver.http.request_info import RequestInfo

from .bootstrap import mandatory
from .classifier import Classifier, Schema, flow_hash
from .priority_levels import ADJUSTMENT_S, Counts, Flow, Level, adjust, divide
from .queue_set import CANCELLED, QUEUE_FULL, RejectedError, Turn
from .retry_after import RetryAfter
from .work_estimate import WorkEstimator

T = TypeVar("T", PriorityLevelConfiguration, FlowSchema)

# Requests at one time. Source: kube-apiserver --max-requests-inflight, --max-mutating-requests-inflight
MAX_REQUESTS_INFLIGHT, MAX_MUTATING_REQUESTS_INFLIGHT = 400, 200
# Seconds in a queue: a quarter of what a request may take. Source: pkg/controlplane/apiserver/config.go (BuildPriorityAndFairness)
WAIT_MAX_S = 15.0
FLOWS_MAX = 8192


class Ticket:
    """A request on its way.

    Attributes:
        schema_uid, level_uid: for the answer's headers.
        turn: None at an exempt level.
        arrived: seconds since the epoch.
    """

    __slots__ = ("_done", "_flow_control", "_level", "arrived", "counts", "info", "level_uid", "schema_uid", "turn", "user")

    def __init__(
        self, flow_control: FlowControl, level: Level, schema_uid: str, counts: Counts, turn: Turn | None, user: UserInfo,
        info: RequestInfo,
    ) -> None:
        self._flow_control = flow_control
        self._level = level
        self._done = False
        self.counts = counts
        self.turn = turn
        self.arrived = time.time()
        self.schema_uid = schema_uid
        self.level_uid = level.uid
        self.user = user
        self.info = info

    @property
    def waits(self) -> bool:
        return self.turn is not None and self.turn.admitted is not None

    async def wait(self) -> None:
        """Until it is the request's turn.

        Raises: RejectedError. Cancellation: it has no turn any more.
        """
        turn, counts, queue_set = self.turn, self.counts, self._level.queue_set
        if turn is None or queue_set is None:
            return
        counts.waiting += 1
        self._flow_control.queued.add(self)
        try:
            await queue_set.wait(turn, WAIT_MAX_S)
        except RejectedError as error:
            self._done = True
            counts.rejected[error.reason] += 1
            raise
        except asyncio.CancelledError:
            self._done = True
            counts.rejected[CANCELLED] += 1
            raise
        finally:
            counts.waiting -= 1
            self._flow_control.queued.discard(self)
            counts.waited.observe(time.monotonic() - turn.arrived)
        self._flow_control.execute(self)

    def finish(self) -> None:
        """The request is carried out; may be called again."""
        if self._done:
            return
        self._done = True
        self._flow_control.running.discard(self)
        counts, turn, queue_set = self.counts, self.turn, self._level.queue_set
        counts.executing -= 1
        if turn is None or queue_set is None:
            return
        counts.seats_in_use -= turn.seats
        counts.execution.observe(time.monotonic() - turn.started)
        queue_set.finish(turn)
        if self._level.quiescing and queue_set.idle:
            self._flow_control.digest()


class FlowControl:
    """What is in force.

    Args:
        seats: of the whole server.

    Attributes:
        levels: by name.
        counts: by level and schema.
        running, queued: requests that have their seats, and those that wait.
    """

    def __init__(self, estimator: WorkEstimator, seats: int) -> None:
        self._estimator = estimator
        self._seats = seats
        self._configurations: dict[str, PriorityLevelConfiguration] = {}
        self._flow_schemas: dict[str, FlowSchema] = {}
        self._classifier = Classifier(())
        self._flows: dict[tuple[str, str], Flow] = {}
        # By level.
        self._retry_after: defaultdict[str, RetryAfter] = defaultdict(RetryAfter)
        self._adjusting: asyncio.TimerHandle | None = None
        self._due = False
        self.levels: dict[str, Level] = {}
        self.counts: dict[tuple[str, str], Counts] = {}
        self.running: set[Ticket] = set()
        self.queued: set[Ticket] = set()
        self.on_change: Callable[[], None] | None = None
        self.digest()

    # Requests.

    def begin(self, user: UserInfo, info: RequestInfo, query: Query) -> Ticket:
        """Let a request in, at once or (see `Ticket.waits`) in its turn.

        Raises: RejectedError.
        """
        schema = self._classifier.classify(user, info)
        level = self.levels[schema.level]
        if level.queue_set is None:
            ticket = Ticket(self, level, schema.uid, self._counts(level.name, schema.name), None, user, info)
            self.execute(ticket)
            return ticket
        flow = self._flow(schema, level, schema.distinguisher(user, info))
        counts = flow.counts
        seats = self._estimator.seats(info, query, level.seats_max)
        counts.seats.observe(seats)
        try:
            turn = level.queue_set.begin(flow, seats)
        except RejectedError as error:
            counts.rejected[error.reason] += 1
            if error.reason == QUEUE_FULL:
                self._watch_demand()
            raise
        ticket = Ticket(self, level, schema.uid, counts, turn, user, info)
        if turn.admitted is None:
            self.execute(ticket)
        else:
            if turn.queue is not None:
                counts.queue_lengths.observe(len(turn.queue.requests))
            self._watch_demand()
        return ticket

    def execute(self, ticket: Ticket) -> None:
        """A request has its seats."""
        counts = ticket.counts
        counts.dispatched += 1
        counts.executing += 1
        if ticket.turn is not None:
            counts.seats_in_use += ticket.turn.seats
        self.running.add(ticket)

    def turn_away(self, user: UserInfo, info: RequestInfo) -> tuple[Schema, Level, int]:
        """Where a request belongs that was rejected, and in how many seconds its client may come back."""
        schema = self._classifier.classify(user, info)
        retry_after = self._retry_after[schema.level]
        retry_after.turned_away(int(time.time()))
        return schema, self.levels[schema.level], retry_after.seconds

    def _flow(self, schema: Schema, level: Level, distinguisher: str) -> Flow:
        key = (schema.name, distinguisher)
        flow = self._flows.get(key)
        if flow is None:
            if len(self._flows) >= FLOWS_MAX:
                self._flows.clear()
            flow = self._flows[key] = Flow(self._counts(level.name, schema.name), distinguisher, flow_hash(schema.name, distinguisher))
        return flow

    def _counts(self, level: str, schema: str) -> Counts:
        counts = self.counts.get((level, schema))
        if counts is None:
            counts = self.counts[level, schema] = Counts(level, schema)
        return counts

    # Configuration.

    def level_changed(self, old: PriorityLevelConfiguration | None, new: PriorityLevelConfiguration | None) -> None:
        """A PriorityLevelConfiguration was written or deleted."""
        _note(self._configurations, old, new)
        self._digest_soon()

    def schema_changed(self, old: FlowSchema | None, new: FlowSchema | None) -> None:
        """A FlowSchema was written or deleted."""
        _note(self._flow_schemas, old, new)
        self._digest_soon()

    def _digest_soon(self) -> None:
        if not self._due:
            # What changes in one turn of the loop, as at the start, is digested once.
            self._due = True
            asyncio.get_running_loop().call_soon(self.digest)

    def digest(self) -> None:
        """Bring in force what the objects say, together with what is mandatory whether it is there or not."""
        self._due = False
        required = mandatory()
        wanted = {level.metadata.name: level for level in required.levels} | self._configurations
        levels: dict[str, Level] = {}
        for name, configuration in wanted.items():
            level = self.levels.get(name)
            if level is None:
                level = Level(configuration)
            else:
                level.update(configuration)
            levels[name] = level
        for name, level in self.levels.items():
            if name not in levels and level.queue_set is not None and not level.queue_set.idle:
                level.quiescing = True
                levels[name] = level
        divide(levels.values(), self._seats)
        self.levels = levels
        schemas = {schema.metadata.name: schema for schema in required.schemas} | self._flow_schemas
        self._classifier = Classifier([schema for schema in map(Schema, schemas.values()) if schema.level in wanted])
        self._flows.clear()
        if self.on_change is not None:
            self.on_change()

    def dangling(self) -> Mapping[str, tuple[FlowSchema, bool]]:
        """The FlowSchemas that are there, and whether each names a level that is not."""
        there = {name for name, level in self.levels.items() if not level.quiescing}
        return {name: (schema, Schema(schema).level not in there) for name, schema in self._flow_schemas.items()}

    # Borrowing.

    def _watch_demand(self) -> None:
        """Somebody wants more than there is: look at who lends, until nobody does any more."""
        if self._adjusting is None:
            self._adjusting = asyncio.get_running_loop().call_later(ADJUSTMENT_S, self._adjust)

    def _adjust(self) -> None:
        self._adjusting = None
        if adjust([*self.levels.values()], time.monotonic()):
            self._watch_demand()

    def close(self) -> None:
        """Adjust no more."""
        if self._adjusting is not None:
            self._adjusting.cancel()
            self._adjusting = None


def _note(known: dict[str, T], old: T | None, new: T | None) -> None:
    """Keep the objects of a kind as they are."""
    if new is not None:
        known[new.metadata.name] = new
    elif old is not None:
        known.pop(old.metadata.name, None)
