from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from minikube_py.core.seen_clock import RELEASED, SeenClock

BOOT = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
PRESENT = datetime(2026, 6, 1, tzinfo=UTC)


class SetClock:
    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def now(self) -> datetime:
        return self.moment


@pytest.mark.parametrize("content", [None, "", "1980-01-01T00:00:00Z", "later"])
def test_without_anything_seen_a_lost_clock_shows_the_release(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "seen").write_text(content)
    assert SeenClock(tmp_path / "seen", SetClock(BOOT)).now() == RELEASED


def test_after_a_start_without_the_time_the_newest_time_goes_on(tmp_path: Path) -> None:
    SeenClock(tmp_path / "seen", SetClock(PRESENT)).note()
    clock = SetClock(BOOT)
    seen = SeenClock(tmp_path / "seen", clock)
    assert (seen.now(), seen.latest()) == (PRESENT, PRESENT)
    assert seen.timestamp() == PRESENT.timestamp()
    clock.moment = PRESENT + timedelta(days=1)
    assert seen.now() == clock.moment
    assert seen.timestamp() == clock.moment.timestamp()


def test_the_machines_clock_is_told_in_seconds() -> None:
    before = time.time()
    assert before <= SeenClock().timestamp() <= time.time()


def test_a_clock_that_was_ahead_is_believed_again_but_what_it_made_is_not_of_the_future(tmp_path: Path) -> None:
    clock = SetClock(PRESENT + timedelta(days=9000))
    seen = SeenClock(tmp_path / "seen", clock)
    seen.note()
    clock.moment = PRESENT
    assert (seen.now(), seen.latest()) == (PRESENT, PRESENT + timedelta(days=9000))


def test_the_time_is_kept_hourly(tmp_path: Path) -> None:
    clock = SetClock(PRESENT)
    seen = SeenClock(tmp_path / "seen", clock)
    seen.note()
    kept = (tmp_path / "seen").stat().st_mtime_ns
    clock.moment += timedelta(minutes=59)
    seen.note()
    assert (tmp_path / "seen").stat().st_mtime_ns == kept
    clock.moment += timedelta(minutes=1)
    seen.note()
    assert SeenClock(tmp_path / "seen", SetClock(BOOT)).now() == clock.moment
