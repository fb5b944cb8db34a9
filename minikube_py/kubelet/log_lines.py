"""The lines of container logs as the runtime writes them: `time stream tag text`.

Source: kubernetes/design-proposals-archive node/kubelet-cri-logging.md (tag P for a partial line, F for a full one or a line's end).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogLine:
    """One row of a log file.

    Attributes:
        time: RFC 3339 with nanoseconds, as written.
        stream: "stdout" or "stderr".
        text: what the container wrote, with the newline if the row ends a line.
    """

    time: str
    stream: str
    text: bytes


def parse_line(row: bytes) -> LogLine | None:
    """Read one row (with or without its newline); None if it is not in the format."""
    parts = row.rstrip(b"\n").split(b" ", 3)
    if len(parts) < 3 or parts[1] not in (b"stdout", b"stderr"):
        return None
    text = parts[3] if len(parts) == 4 else b""
    partial = parts[2].split(b":", 1)[0] == b"P"
    return LogLine(parts[0].decode("ascii", "replace"), parts[1].decode(), text if partial else text + b"\n")
