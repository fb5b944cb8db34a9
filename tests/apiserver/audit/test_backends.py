"""When lines of the audit log are in its file."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from minikube_py.apiserver.audit.backends import LogBackend, Truncation
from minikube_py.apiserver.audit.event import VERSION, Event, WireUser, encode_event
from minikube_py.apiserver.audit.log_file import RotatingFile


class CountedFile(RotatingFile):
    """A file that knows how often it was written."""

    writes = 0

    def write(self, data: bytes) -> bool:
        self.writes += 1
        return super().write(data)


class Backend:
    """A log in a mode, and its file."""

    def __init__(self, path: Path, mode: str) -> None:
        self.path, self.file, errors = path, CountedFile(path), Counter[str]()
        self.file.open()
        truncation = Truncation("log", errors, enabled=False, event_bytes_max=0)
        self.log = LogBackend(self.file, truncation, errors, mode=mode, legacy=False)

    def take(self, audit_id: str) -> None:
        event = Event(
            kind="Event", api_version=VERSION, level="Metadata", audit_id=audit_id, stage="RequestReceived", request_uri="/", verb="get",
            user=WireUser(), request_received_timestamp="", stage_timestamp="")
        assert self.log.take(event, encode_event(event))

    def lines(self) -> int:
        return self.path.read_bytes().count(b"\n")


async def test_lines_of_one_turn_are_one_write_that_every_answer_waits_for(tmp_path: Path) -> None:
    backend = Backend(tmp_path / "log", "blocking")
    assert backend.log.written() is None
    written = []
    for number in range(3):
        backend.take(str(number))
        written.append(backend.log.written())
    assert backend.lines() == 0
    first, second, third = (asyncio.ensure_future(each) for each in written if each is not None)
    first.cancel()
    await asyncio.gather(second, third)
    assert (backend.lines(), backend.file.writes) == (3, 1) and backend.log.written() is None


async def test_answer_that_begins_at_once_has_its_lines_written_at_once(tmp_path: Path) -> None:
    backend = Backend(tmp_path / "log", "blocking")
    backend.take("a")
    written = backend.log.written()
    backend.log.flush()
    assert backend.lines() == 1 and written is not None and written.done()


@pytest.mark.parametrize(("mode", "lines_at_once"), [("batch", 0), ("blocking-strict", 1)])
async def test_answers_wait_in_no_other_mode(tmp_path: Path, mode: str, lines_at_once: int) -> None:
    backend = Backend(tmp_path / "log", mode)
    backend.take("a")
    backend.log.flush()
    assert backend.log.written() is None and backend.lines() == lines_at_once
    await backend.log.close()
    assert backend.lines() == 1
