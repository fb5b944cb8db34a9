"""What is fuzzed: a function of bytes that raises when a promise is broken, and what the fuzzer begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

from minikube_py.core.errors import StatusError, StorageError, UnreasonedError

BYTES_MAX = 65_536


class Broken(Exception):
    """A promise is broken."""


@dataclass(frozen=True)
class Target:
    """One promise about any bytes.

    Attributes:
        check: raises if the promise does not hold for these bytes.
        seeds: inputs that lead into the code.
        pieces: words of the language, for the fuzzer to compose of.
        text: whether the bytes are the input itself, so that long ones can be made by hand; else they are choices of Hypothesis.
    """

    check: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = ()
    pieces: tuple[bytes, ...] = ()
    text: bool = True


def text_target(check: Callable[[str], object], *seeds: str, pieces: str = "") -> Target:
    """A target whose input is text.

    Args:
        pieces: with white space between them.
    """

    def check_bytes(data: bytes) -> None:
        check(data.decode("utf-8", "replace"))

    return Target(check_bytes, tuple(seed.encode() for seed in seeds), tuple(piece.encode() for piece in pieces.split()))


def drawn_target(strategy: SearchStrategy[Any], check: Callable[[Any], object]) -> Target:
    """A target whose bytes are choices of a strategy."""
    test = settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))(given(strategy)(check))
    return Target(test.hypothesis.fuzz_one_input, text=False)


@contextmanager
def refusals(*errors: type[Exception]) -> Iterator[None]:
    """Let these errors pass, and answers of the API below 500 or, without a reason, as upstream."""
    try:
        yield
    except (*errors, StorageError, UnreasonedError):
        pass
    except StatusError as error:
        if error.code >= 500 and error.code != 504:
            raise Broken(f"{error.code}: {error.message}") from error


def same(one: object, other: object, what: str) -> None:
    """Raises: Broken."""
    if one != other:
        raise Broken(f"{what}: {one!r} != {other!r}")
