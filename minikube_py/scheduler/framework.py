"""The contract between the scheduler and its plugins.

A pod goes through these points: QueueSort (which pod is next), PreFilter (once a pod), Filter (pod and node: can it run there?),
PostFilter (what to do if it can run nowhere), Score (pod and node: how good?), Reserve, Permit, and Bind. A plugin implements one
or more of the Protocols below; a Profile lists the plugins and the weights of their scores.

Plugins whose answer follows from the pod's signature and one NodeInfo alone say so (`node_local`): their answers are kept for the next
pod of the same signature and asked again only for nodes that have changed.

Source: kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/, pkg/scheduler/framework/interface.go
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from .cache import Cache, NodeInfo
    from .pod_info import PodInfo

SCORE_MAX = 100


class Code(enum.Enum):
    """What a plugin says of a pod (on a node). RESOLVABLE says that evicting other pods could help."""

    ERROR = "Error"
    RESOLVABLE = "Unschedulable"
    UNRESOLVABLE = "UnschedulableAndUnresolvable"


@dataclass(frozen=True, slots=True)
class Status:
    """A refusal: who refuses, with which sentences, and whether evictions could help. Consent is None."""

    plugin: str
    code: Code
    reasons: tuple[str, ...]


class CycleState(dict[str, Any]):
    """What plugins keep from one point to the next during one pod's cycle, by their own keys.

    Attributes:
        skipped: names of plugins whose Filter (or Score) has nothing to say about this pod.
    """

    def __init__(self) -> None:
        super().__init__()
        self.skipped: set[str] = set()


class ClusterEvent(enum.Flag):
    """What may make an unschedulable pod schedulable."""

    NODE_ADD = enum.auto()
    NODE_ALLOCATABLE = enum.auto()
    NODE_LABEL = enum.auto()
    NODE_TAINT = enum.auto()
    POD_ASSIGNED = enum.auto()
    POD_FREED = enum.auto()
    POD_LABEL = enum.auto()
    POD_SELF = enum.auto()
    NAMESPACE = enum.auto()
    VOLUME = enum.auto()
    TIMEOUT = enum.auto()


NODE_EVENTS = ClusterEvent.NODE_ADD | ClusterEvent.NODE_ALLOCATABLE | ClusterEvent.NODE_LABEL | ClusterEvent.NODE_TAINT

# Says whether an event could help this pod; the third argument is the object after the event (before it, for POD_FREED).
Hint = Callable[["PodInfo", ClusterEvent, Any], bool]


class Plugin(Protocol):
    """Has a name, and says which events can lift its refusal."""

    name: ClassVar[str]

    def events(self) -> Mapping[ClusterEvent, Hint | None]:
        """Event -> hint; None means that it always could help."""


class SignPlugin(Protocol):
    """Names what it looks at in a pod, so that pods that look the same are answered the same."""

    def sign(self, pod: PodInfo) -> Any:
        """A value that can be encoded as JSON."""


class PreEnqueuePlugin(Plugin, Protocol):
    def pre_enqueue(self, pod: PodInfo) -> Status | None:
        """Whether the pod may be tried at all."""


class PreFilterPlugin(Plugin, Protocol):
    def pre_filter(self, state: CycleState, pod: PodInfo, cache: Cache) -> Status | set[str] | None:
        """Prepare for Filter. A Status refuses all nodes; a set names the only nodes that come into question.

        Adds its name to `state.skipped` if its Filter has nothing to say about this pod.
        """


class FilterPlugin(Plugin, Protocol):
    node_local: ClassVar[bool]

    def filter(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> Status | None:
        """Whether the pod can run on the node."""


@dataclass(frozen=True, slots=True)
class PostFilterResult:
    """What came of a PostFilter: the node that will be free for the pod, if any, the pods to evict there, and a sentence for people."""

    message: str
    node_name: str = ""
    victims: tuple[PodInfo, ...] = ()


class PostFilterPlugin(Plugin, Protocol):
    def post_filter(self, state: CycleState, pod: PodInfo, statuses: Mapping[str, Status]) -> PostFilterResult:
        """The pod fits nowhere; `statuses` says why for every node."""


class ScorePlugin(Plugin, Protocol):
    """Node-local scores; higher is better. Those that need comparing with the other nodes' are normalised afterwards."""

    normalized: ClassVar[bool]

    def pre_score(self, state: CycleState, pod: PodInfo) -> bool:
        """Prepare for Score; False means that this plugin does not care about this pod."""

    def score(self, state: CycleState, pod: PodInfo, node: NodeInfo) -> int:
        """0 to SCORE_MAX, or any number if `normalized`."""

    def normalize(self, scores: list[int]) -> list[int]:
        """Bring the scores of all nodes to 0 to SCORE_MAX; only asked if some score is not zero and the plugin is `normalized`."""


class ScoreAllPlugin(Plugin, Protocol):
    """Scores that depend on more than one node."""

    def score_all(self, state: CycleState, pod: PodInfo, nodes: Collection[NodeInfo]) -> list[int] | None:
        """0 to SCORE_MAX for each node, in their order; None if this plugin does not care about this pod."""


class ReservePlugin(Plugin, Protocol):
    def reserve(self, state: CycleState, pod: PodInfo, node_name: str) -> Status | None:
        """Take what the pod needs there, before it is bound."""

    def unreserve(self, state: CycleState, pod: PodInfo, node_name: str) -> None:
        """Give it back; called also when `reserve` was not."""


class PermitPlugin(Plugin, Protocol):
    async def permit(self, state: CycleState, pod: PodInfo, node_name: str) -> Status | None:
        """Hold the pod back until it may be bound, or refuse it."""


class BindPlugin(Plugin, Protocol):
    async def bind(self, state: CycleState, pod: PodInfo, node_name: str) -> bool:
        """Bind the pod, or return False to leave it to the next plugin.

        Raises: StatusError, OSError.
        """


class QueueSortPlugin(Plugin, Protocol):
    def sort_key(self, pod: PodInfo, added_at: float) -> tuple[Any, ...]:
        """Pods with lesser keys are tried first."""


@dataclass(slots=True)
class Profile:
    """The plugins of one scheduler name, in the order in which they are asked, and the weights of their scores."""

    name: str
    plugins: list[Any]
    weights: dict[str, int] = field(default_factory=dict)

    def at(self, method: str) -> list[Any]:
        """The plugins that implement a point ("filter", "score", ...)."""
        return [plugin for plugin in self.plugins if hasattr(plugin, method)]

    def weight(self, name: str) -> int:
        return self.weights.get(name, 1)


def normalize_to_max(scores: list[int], *, reverse: bool = False) -> list[int]:
    """Scale so that the highest becomes SCORE_MAX, or with `reverse` 0.

    Source: pkg/scheduler/framework/plugins/helper/normalize_score.go
    """
    highest = max(scores, default=0)
    if highest == 0:
        return [SCORE_MAX if reverse else score for score in scores]
    scaled = [SCORE_MAX * score // highest for score in scores]
    return [SCORE_MAX - score for score in scaled] if reverse else scaled
