"""All targets by name."""

from __future__ import annotations

from . import bodies, expressions, patches, schemas, texts
from .target import Target

TARGETS: dict[str, Target] = {**texts.TARGETS, **bodies.TARGETS, **patches.TARGETS, **schemas.TARGETS, **expressions.TARGETS}
