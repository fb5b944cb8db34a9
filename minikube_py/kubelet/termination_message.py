"""The last words of a container: the file that it may write, or the end of its log.

Source: kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/; kubernetes
pkg/kubelet/container/runtime.go (MaxContainerTerminationMessageLength and its log relatives).
"""

from __future__ import annotations

import os

from .log_lines import parse_line

MESSAGE_BYTES_MAX = 4096
LOG_BYTES_MAX = 2048
LOG_LINES_MAX = 80


def termination_message(message_path: str, policy: str, log_path: str, failed: bool) -> str:
    """Read a dead container's message from the disk.

    Args:
        message_path: file on the host, "" if none.
        policy: "File" or "FallbackToLogsOnError".
        failed: whether it ended with an error.
    Returns: "" if it said nothing.
    """
    text = _head(message_path, MESSAGE_BYTES_MAX) if message_path else ""
    if text or policy != "FallbackToLogsOnError" or not failed or not log_path:
        return text
    return _log_tail(log_path)


def _head(path: str, bytes_max: int) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(bytes_max).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"Error on reading termination log {path}: {error}"


def _log_tail(path: str) -> str:
    # Each line of the log has a prefix of about 40 bytes before the container's own text.
    window = LOG_BYTES_MAX + LOG_LINES_MAX * 64
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - window))
            raw = file.read(window).splitlines()
    except OSError as error:
        return f"Error reading termination message from logs: {error}"
    if size > window:
        raw = raw[1:]
    text = b"".join(line.text for row in raw[-LOG_LINES_MAX:] if (line := parse_line(row)) is not None)
    return text[-LOG_BYTES_MAX:].decode("utf-8", "replace")
