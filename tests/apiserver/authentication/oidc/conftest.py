from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from .issuer import Issuer, running_issuer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as made:
        yield made
