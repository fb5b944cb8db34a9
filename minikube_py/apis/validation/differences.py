"""What differs between two versions of a part of an object, for messages that refuse a change.

Source: k8s.io/apimachinery/pkg/util/diff (Diff: a unified difference of indented JSON)
"""

from __future__ import annotations

import difflib
import json
from typing import Any

from .go_values import go_json

_CONTEXT_LINES = 3


def difference(was: Any, now: Any) -> str:
    """A unified difference of the two values, each as indented JSON."""
    before, after = (json.dumps(json.loads(go_json(value)), indent=2).splitlines() for value in (was, now))
    lines = list(difflib.unified_diff(before, after, n=_CONTEXT_LINES, lineterm=""))
    return "".join(f"{line}\n" for line in lines[2:])  # without the names of files
