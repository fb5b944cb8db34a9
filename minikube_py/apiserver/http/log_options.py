"""What a client may ask of a log: the options of the log subresource of pods, read and checked before the pod is looked for.

Source: pkg/apis/core/validation/validation.go (ValidatePodLogOptions), pkg/registry/core/pod/strategy.go (LogLocation)
"""

from __future__ import annotations

from minikube_py.apis.go_time import canonical_time, time_problem
from minikube_py.core.errors import BadRequestError, Cause, invalid

from .query import Query

FLAGS = ("follow", "previous", "timestamps")
ZERO_TIME = "0001-01-01T00:00:00Z"


def log_parameters(query: Query, pod: str) -> list[tuple[str, str]]:
    """What the kubelet is asked for, apart from the container.

    Raises: BadRequestError for values that are none; InvalidError for options that cannot be.
    """
    parameters = [(name, "true") for name in FLAGS if query.flag(name)]
    numbers = {name: query.number(name) for name in ("sinceSeconds", "tailLines", "limitBytes")}
    since = _time(query.text("sinceTime")) if query.has("sinceTime") else ""
    if causes := _causes(numbers, since, query):
        raise invalid("", "PodLogOptions", pod, causes)
    parameters += [(name, str(number)) for name, number in numbers.items() if number is not None]
    return sorted([*parameters, ("sinceTime", since)] if since else parameters)


def _time(text: str) -> str:
    if text in ("", "null"):
        return ZERO_TIME
    if problem := time_problem(text):
        raise BadRequestError(problem)
    return canonical_time(text) or ZERO_TIME


def _causes(numbers: dict[str, int | None], since: str, query: Query) -> list[Cause]:
    tail, limit, seconds = numbers["tailLines"], numbers["limitBytes"], numbers["sinceSeconds"]
    causes = []
    if tail is not None and tail < 0:
        causes.append(Cause("FieldValueInvalid", f"Invalid value: {tail}: must be greater than or equal to 0", "tailLines"))
    if limit is not None and limit < 1:
        causes.append(Cause("FieldValueInvalid", f"Invalid value: {limit}: must be greater than 0", "limitBytes"))
    if seconds is not None and since:
        causes.append(Cause("FieldValueForbidden", "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif seconds is not None and seconds < 1:
        causes.append(Cause("FieldValueInvalid", f"Invalid value: {seconds}: must be greater than 0", "sinceSeconds"))
    if query.has("stream"):  # Its gate, PodLogsQuerySplitStreams, is off.
        causes.append(Cause("FieldValueForbidden", "Forbidden: may not be specified", "stream"))
    return causes
