"""Bearer tokens from a static file of rows `token,user,uid,"group1,group2"`.

Source: kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
"""

from __future__ import annotations

import csv
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from .tokens import TokenIdentity
from .user import UserInfo

log = logging.getLogger(__name__)


class TokenFileError(Exception):
    """The token file cannot be read; the text names file and line."""


class StaticTokens:
    """The tokens of one file, read once at start. Only their digests are kept."""

    def __init__(self, path: Path) -> None:
        self._users: dict[bytes, UserInfo] = {}
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for number, row in enumerate(csv.reader(file), 1):
                    self._add(path, number, row)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise TokenFileError(f"token file {path}: {error}") from error

    async def authenticate_token(self, token: str, audiences: Sequence[str] = ()) -> TokenIdentity | None:
        user = self._users.get(hashlib.sha256(token.encode()).digest())
        return None if user is None else TokenIdentity(user)

    def _add(self, path: Path, number: int, row: list[str]) -> None:
        if not row:
            return
        if len(row) < 3:
            raise TokenFileError(f"token file {path}, line {number}: at least token, user and uid are needed, found {len(row)} columns")
        token, name, uid = (column.strip() for column in row[:3])
        if not token:
            log.warning("token file has a row without token file=%s line=%d", path, number)
            return
        groups = tuple(group.strip() for group in row[3].split(",") if group.strip()) if len(row) > 3 else ()
        digest = hashlib.sha256(token.encode()).digest()
        if digest in self._users:
            log.warning("token file names a token twice, the later row counts file=%s line=%d", path, number)
        self._users[digest] = UserInfo(name, uid, groups)
