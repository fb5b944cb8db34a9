"""How long clients that were turned away are told to stay away."""

from __future__ import annotations

from minikube_py.apiserver.flow_control.retry_after import SECONDS_MAX, RetryAfter


def turn_away(retry_after: RetryAfter, second: int, requests: int) -> int:
    for _ in range(requests):
        retry_after.turned_away(second)
    return retry_after.seconds


def test_it_is_a_second_at_first_and_while_few_are_turned_away() -> None:
    retry_after = RetryAfter()
    assert [turn_away(retry_after, second, 2) for second in range(1000, 1005)] == [1] * 5


def test_it_doubles_once_in_its_own_time_while_many_are_turned_away() -> None:
    retry_after = RetryAfter()
    assert [turn_away(retry_after, second, 100) for second in range(1000, 1009)] == [1, 2, 2, 4, 4, 4, 4, 8, 8]


def test_it_ends_at_half_a_minute() -> None:
    retry_after = RetryAfter()
    assert max(turn_away(retry_after, second, 500) for second in range(1000, 1200)) == SECONDS_MAX


def test_it_falls_by_a_second_when_next_to_nobody_is_turned_away() -> None:
    retry_after = RetryAfter()
    for second in range(1000, 1004):
        turn_away(retry_after, second, 100)
    assert [turn_away(retry_after, second, 1) for second in (1100, 1200, 1300, 1400)] == [3, 2, 1, 1]


def test_a_spike_of_one_second_raises_it_once() -> None:
    retry_after = RetryAfter()
    turn_away(retry_after, 1000, 10_000)
    assert [turn_away(retry_after, second, 1) for second in (1001, 1002, 1003)] == [2, 2, 2]
