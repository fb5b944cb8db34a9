"""Patches as pure functions on plain documents: the patched document is returned, the inputs stay as they are."""

from .json_patch import json_patch
from .merge import merge_patch
from .strategic import strategic_merge_patch

__all__ = ["json_patch", "merge_patch", "strategic_merge_patch"]
