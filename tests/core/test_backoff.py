"""Delays of failing keys."""

from __future__ import annotations

import itertools

from minikube_py.core.backoff import Backoff


def test_delays_double_to_their_bound() -> None:
    backoff = Backoff(0.005, 1000)
    delays = [backoff.next_s("a") for _ in range(25)]
    assert delays[:4] == [0.005, 0.01, 0.02, 0.04]
    assert all(later == min(2 * earlier, 1000) for earlier, later in itertools.pairwise(delays))
    assert delays[-1] == 1000 and backoff.failures("a") == 25


def test_keys_are_counted_apart_and_forgotten_apart() -> None:
    backoff = Backoff(1, 100)
    backoff.next_s("a")
    backoff.next_s("a")
    assert backoff.next_s("b") == 1
    backoff.forget("a")
    backoff.forget("never seen")
    assert (backoff.next_s("a"), backoff.next_s("b")) == (1, 2)


def test_thousands_of_failures_stay_at_the_bound() -> None:
    backoff = Backoff(1, 60)
    assert {backoff.next_s("a") for _ in range(5000)} == {1, 2, 4, 8, 16, 32, 60}
