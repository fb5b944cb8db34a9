"""`/debug`: what the process does now (tasks, a profile) and how much it logs.

Open to whoever may `get` or `put` these paths (nonResourceURLs); not served at all with `--profiling=false`.
Source: k8s.io/apiserver/pkg/server/routes/profiling.go, flags.go; net/http/pprof
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
import traceback

from aiohttp import web

from minikube_py.core.errors import ServiceUnavailableError

from .query import Query
from .responses import text_error

PROGRAM = "minikube_py"
PROFILE_S = 30
PROFILE_MAX_S = 300
PROFILE_INTERVAL_S = 0.001
# From this verbosity on, klog programs say what is needed to find a fault. Source: the conventions of klog levels,
# github.com/kubernetes/community/blob/master/contributors/devel/sig-instrumentation/logging.md
DEBUG_VERBOSITY = 4
# From here on the libraries say theirs too.
TRACE_VERBOSITY = 8
VERBOSITY = re.compile(r"[+-]?[0-9]{1,9}").fullmatch
INDEX = """<html>
<head>
<title>/debug/pprof/</title>
</head>
<body>
/debug/pprof/<br>
<br>
profiles:<br>
<a href="goroutine?debug=2">goroutine</a>: tasks and threads with their stacks<br>
<a href="profile">profile</a>: where the processor's time goes in the next 30 seconds (?seconds=N)<br>
<a href="cmdline">cmdline</a>: the command line<br>
</body>
</html>
"""
FLAGS_INDEX = """<html>
<head>
<title>/debug/flags/</title>
</head>
<body>
/debug/flags/<br>
<br>
flags:<br>
<table>
<tr>v<br>
</table>
<br>
full flags configurable<br>
</body>
</html>
"""


class Debug:
    """Answers the paths below /debug."""

    def __init__(self) -> None:
        self._profiling = False

    async def respond(self, http: web.BaseRequest, path: str, query: Query) -> web.Response | None:
        """The answer; None for a path that is not known.

        Raises: BadRequestError; ServiceUnavailableError while another profile is being taken.
        """
        if path == "/debug/flags/v":
            return await self._verbosity(http)
        if path in ("/debug/flags", "/debug/flags/"):
            return web.Response(text=FLAGS_INDEX, content_type="text/html")
        match path:
            case "/debug/tasks" | "/debug/pprof/goroutine":
                return web.Response(text=stacks())
            case "/debug/pprof" | "/debug/pprof/":
                return web.Response(text=INDEX, content_type="text/html")
            case "/debug/pprof/cmdline":
                return web.Response(text="\0".join(sys.argv))
            case "/debug/pprof/profile":
                return await self._profile(query)
        return None

    async def _verbosity(self, http: web.BaseRequest) -> web.Response:
        if http.method != "PUT":
            return text_error("unsupported http method", 406)
        text = (await http.read()).decode("utf-8", "replace")
        if not VERBOSITY(text):
            return text_error(f'failed set klog.logging.verbosity {text}: strconv.ParseInt: parsing "{text}": invalid syntax', 400)
        set_verbosity(int(text))
        return web.Response(text=f"successfully set klog.logging.verbosity to {text}\n")

    async def _profile(self, query: Query) -> web.Response:
        """Sample the event loop's thread for a while."""
        seconds = query.number("seconds") or PROFILE_S
        if seconds < 0 or seconds > PROFILE_MAX_S:
            return text_error(f"profile duration must be between 1 and {PROFILE_MAX_S} seconds", 400)
        if self._profiling:
            raise ServiceUnavailableError("Could not enable CPU profiling: cpu profiling already in use")
        from pyinstrument import Profiler

        profiler = Profiler(interval=PROFILE_INTERVAL_S, async_mode="disabled")
        self._profiling = True
        try:
            profiler.start()
            try:
                await asyncio.sleep(seconds)
            finally:
                profiler.stop()
            return web.Response(text=await asyncio.to_thread(profiler.output_text, unicode=True, show_all=True))
        finally:
            self._profiling = False


def stacks() -> str:
    """All tasks, by name, and all threads, with their stacks."""
    parts = []
    for task in sorted(asyncio.all_tasks(), key=lambda task: task.get_name()):
        lines = [f"task {task.get_name()} ({getattr(task.get_coro(), '__qualname__', '')}):\n"]
        for frame in task.get_stack():
            lines += traceback.format_stack(frame, 1)
        parts.append("".join(lines))
    frames = sys._current_frames()
    for thread in threading.enumerate():
        present = frames.get(thread.ident or 0)
        parts.append(f"thread {thread.name}:\n" + ("".join(traceback.format_stack(present)) if present is not None else ""))
    return "\n".join(parts)


def set_verbosity(verbosity: int) -> None:
    """Log as much as a klog program would with `-v`."""
    logging.getLogger(PROGRAM).setLevel(logging.DEBUG if verbosity >= DEBUG_VERBOSITY else logging.INFO)
    logging.getLogger().setLevel(logging.DEBUG if verbosity >= TRACE_VERBOSITY else logging.INFO)
