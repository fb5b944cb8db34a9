"""Build hook: puts the OpenAPI documents into the package before a wheel (or an editable install) is made of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class OpenApiBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs tools/build_openapi.py; its output is listed as an artifact in pyproject.toml, because git ignores it."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build into the source tree, so that a checkout and an editable install have the documents too.

        Raises: BuildError if the build dependency lacks the release.
        """
        sys.path.insert(0, str(Path(self.root) / "tools"))
        import build_openapi

        size = build_openapi.build()
        self.app.display_info(f"OpenAPI documents: {size} bytes")
