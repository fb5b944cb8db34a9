"""The pull policy that an image's name stands for.

Source: pkg/apis/core/v1/defaults.go (container), pkg/util/parsers
"""

from __future__ import annotations

from functools import lru_cache


@lru_cache(4096)
def image_pull_policy(image: str) -> str:
    """Always for the tag latest, which is also that of an image without tag and digest; else IfNotPresent."""
    name, _, digest = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    if colon:
        return "Always" if tag == "latest" else "IfNotPresent"
    return "IfNotPresent" if digest else "Always"
