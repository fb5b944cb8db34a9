"""Times as they are written on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minikube_py.core.clock import SYSTEM_CLOCK, duration, parse_rfc3339, rfc3339, rfc3339_micro

moments = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))


@given(moments)
def test_micro_time_is_read_back_exactly(moment: datetime) -> None:
    assert parse_rfc3339(rfc3339_micro(moment)) == moment


@given(moments)
def test_time_is_read_back_to_the_second(moment: datetime) -> None:
    assert parse_rfc3339(rfc3339(moment)) == moment.replace(microsecond=0)


def test_forms_are_those_of_the_wire() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 600, tzinfo=timezone(timedelta(hours=2)))
    assert rfc3339(moment) == "2026-01-02T01:04:05Z"
    assert rfc3339_micro(moment) == "2026-01-02T01:04:05.000600Z"


@pytest.mark.parametrize(("text", "expected"), [
    ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)),
    ("2026-01-02t03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02T03:04:05.123456789Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
])
def test_other_forms_of_rfc_3339_are_read(text: str, expected: datetime) -> None:
    assert parse_rfc3339(text) == expected


@pytest.mark.parametrize("text", [
    "", "now", "2026-01-02", "2026-01-02T03:04:05", "20260102T030405Z", "2026-W01-1T00:00:00Z", "2026-13-01T00:00:00Z",
])
def test_what_is_not_rfc_3339_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rfc3339(text)


def test_system_clock_tells_utc() -> None:
    assert SYSTEM_CLOCK.now().tzinfo is UTC


@pytest.mark.parametrize(("seconds", "wanted"), [
    (0, timedelta()), (-5, timedelta(seconds=-5)), (2**31, timedelta(seconds=2**31)), (2**63 - 1, timedelta(seconds=-1)),
    (-(2**63), timedelta()),
])
def test_durations_wrap_around_as_go_has_them(seconds: int, wanted: timedelta) -> None:
    assert duration(seconds) == wanted
