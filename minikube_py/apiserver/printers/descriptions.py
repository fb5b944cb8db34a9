"""What the columns of tables are said to mean.

Upstream describes most columns by the text of the field that they show. The build puts these texts beside the OpenAPI documents
(`column_sources.py` says of which fields); they are read with the first table. Other texts are in `column_texts.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

import msgspec

from ..column_sources import COMMON, DOCUMENT, SCALE_SOURCES, SOURCES
from ..column_texts import TEXTS
from ..openapi_archive import Archive
from .form import Column


@cache
def _descriptions() -> dict[str, str]:
    packed = Archive().read(DOCUMENT)
    return {} if packed is None else msgspec.json.decode(packed.body(), type=dict[str, str])


@lru_cache(maxsize=512)
def definitions(columns: tuple[Column, ...], resource: str) -> msgspec.Raw:
    """The columnDefinitions of a table, as JSON.

    Args:
        resource: whose columns they are, "" for those of a Scale.
    """
    return msgspec.Raw(msgspec.json.encode([column.document() for column in describe(columns, resource, _descriptions())]))


def describe(columns: Iterable[Column], resource: str, descriptions: dict[str, str]) -> list[Column]:
    """The columns, each with its description if it has none of its own."""
    sources, texts = SOURCES.get(resource, {}) if resource else SCALE_SOURCES, TEXTS.get(resource, {})
    return [
        column._replace(description=column.description or texts.get(column.name) or descriptions.get(
            sources.get(column.name) or COMMON.get(column.name, ""), ""))
        for column in columns
    ]
