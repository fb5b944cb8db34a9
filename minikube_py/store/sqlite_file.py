"""The SQLite file of the embedded store: making it, checking it, and one transaction at a time.

One table of current objects and one row of metadata; no history. Owns what is on the disk and how its errors are told. Everything
here blocks and runs on one thread, the store's writer.

Invariants: a file that is there is complete (a new one is made beside its name and then takes it); a file of another program is
never written to; a key is in at most one row; every row carries a checksum of all that it says, as it is on the disk. What a
Transformer encrypts is never in the file, its log or SQLite's temporary files otherwise.
Source: sqlite.org/wal.html, sqlite.org/fileformat2.html#the_database_header
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
import zlib
from pathlib import Path
from typing import Any, NamedTuple

from minikube_py.core import limits
from minikube_py.core.files import PRIVATE_FILE_MODE, sync_directory

from .interface import DamagedError, Entry, FullError, LockedError, StoreError, Transformer

# "mkpy": marks the file as ours. Source: sqlite.org/pragma.html#pragma_application_id
APPLICATION_ID = 0x6D6B7079
SCHEMA_VERSION = 1
SCHEMA = f"""
PRAGMA synchronous = OFF;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE objects (row INTEGER PRIMARY KEY, resource TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL,
                      checksum INTEGER NOT NULL, value BLOB NOT NULL);
CREATE TABLE metadata (id INTEGER PRIMARY KEY CHECK (id = 1), reserved INTEGER NOT NULL, checksum INTEGER NOT NULL);
"""
FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
MAGIC = b"SQLite format 3\0"
# Bytes of the header up to the end of the application id, and where that begins.
HEADER_BYTES, APPLICATION_ID_OFFSET = 72, 68
# Rows in one statement: SQLite takes 32,766 parameters, a row has 6. Relaxed writes may be more than one statement allows.
UPSERT_ROWS_MAX, DELETE_ROWS_MAX = 4096, 16384

Row = tuple[int, str, str, int, int, bytes]


class Changes:
    """What one transaction does.

    Attributes:
        rows: the last state of each row that it touches: its resource and entry, or None for a deleted one.
        reserve: revisions up to this one may be given out from then on; None leaves that as it is.
    """

    def __init__(self) -> None:
        self.rows: dict[int, tuple[str, Entry] | None] = {}
        self.reserve: int | None = None

    def add(self, resource: str, entry: Entry, deleted: bool) -> None:
        self.rows[entry.row] = None if deleted else (resource, entry)


class Content(NamedTuple):
    """What a file holds.

    Attributes:
        rows: in the order in which their objects were made; their values as they were given.
        revision: no greater one was given out before.
        stale: whether something would be written in another form today.
    """

    rows: list[Row]
    revision: int
    stale: bool


class Plain:
    """The Transformer that changes nothing."""

    def covers(self, resource: str) -> bool:
        return False

    def to_disk(self, resource: str, key: str, data: bytes) -> bytes:
        return data

    def from_disk(self, resource: str, key: str, stored: bytes) -> tuple[bytes, bool]:
        return stored, False


class SqliteFile:
    """One open file.

    Args:
        path: the file; its directory must exist.

    Attributes:
        transformer: what becomes of the objects on their way.
    """

    def __init__(self, path: Path, transformer: Transformer) -> None:
        self._path = path
        self.transformer = transformer
        self._db: sqlite3.Connection | None = None

    def open(self) -> Content:
        """Take the file for this process alone, making it if there is none, and read all of it.

        Raises: DamagedError, LockedError, FullError, StoreError; nothing is then held.
        """
        try:
            if not self._path.exists():
                self._create()
            self._check_header()
            self._db = db = sqlite3.connect(self._path, isolation_level=None, timeout=0, check_same_thread=True)
            return self._read(db)
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise self._translated(error) from error
        except UnicodeDecodeError as error:
            # SQLite's own message quotes what is no text: a damaged schema.
            self.close()
            raise DamagedError(f"{self._path} is not a store or is damaged ({error}); restore a snapshot") from error
        except BaseException:
            self.close()
            raise

    def commit(self, changes: Changes) -> None:
        """Write a transaction; afterwards it is on the disk or nothing of it is.

        Raises: FullError, DamagedError, StoreError.
        """
        db = self._db
        if db is None:
            raise StoreError(f"{self._path} is closed")
        try:
            statements = _statements(changes, self.transformer)
            if len(statements) == 1:
                # One statement is a transaction of its own: SQLite has it from start to fsync, without the interpreter lock.
                db.execute(*statements[0])
            elif statements:
                db.execute("BEGIN IMMEDIATE")
                for statement in statements:
                    db.execute(*statement)
                db.execute("COMMIT")
        except Exception as error:
            if db.in_transaction:
                db.rollback()
            raise self._translated(error) from error

    def forget(self) -> None:
        """Leave nothing of what was overwritten or deleted in the file and its log.

        Raises: FullError, StoreError; the objects are as they were.
        Source: sqlite.org/lang_vacuum.html, sqlite.org/pragma.html#pragma_wal_checkpoint
        """
        db = self._db
        if db is None:
            raise StoreError(f"{self._path} is closed")
        try:
            db.execute("VACUUM")
            busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise self._translated(error) from error
        if busy:
            raise StoreError(f"{self._path}: its write-ahead log could not be emptied")

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _create(self) -> None:
        """Make an empty store that is there completely or not at all."""
        temporary = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE_MODE)
        try:
            db = sqlite3.connect(temporary, isolation_level=None)
            try:
                db.executescript(SCHEMA)
                db.execute("INSERT INTO metadata VALUES (1, ?, ?)", (1, _number_checksum(1)))
            finally:
                db.close()
            os.fsync(descriptor)
            # Unlike a rename this does not replace what another process has made meanwhile.
            os.link(temporary, self._path)
        except FileExistsError:
            # The other process has made it; who has it is found out below.
            return
        finally:
            os.close(descriptor)
            temporary.unlink()
        sync_directory(self._path.parent)

    def _check_header(self) -> None:
        """Look at the file before SQLite does, which may write to it.

        Raises: DamagedError if it is not a store.
        """
        with self._path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        if not header.startswith(MAGIC) or len(header) < HEADER_BYTES:
            raise DamagedError(f"{self._path} is not a store: it is no SQLite file, or its beginning is lost; it was not touched")
        if int.from_bytes(header[APPLICATION_ID_OFFSET:], "big") != APPLICATION_ID:
            raise DamagedError(f"{self._path} is an SQLite file of another program; it was not touched")

    def _read(self, db: sqlite3.Connection) -> Content:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreError(f"{self._path}: its file system cannot hold a write-ahead log (journal mode {mode})")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("BEGIN IMMEDIATE")
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version != SCHEMA_VERSION:
            raise DamagedError(f"{self._path} has schema version {version}; this program knows version {SCHEMA_VERSION}")
        (verdict,) = db.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise DamagedError(f"{self._path} is damaged ({verdict}); restore a snapshot")
        rows: list[Row] = db.execute("SELECT row, resource, key, revision, checksum, value FROM objects ORDER BY row").fetchall()
        self._check_rows(rows)
        metadata = db.execute("SELECT reserved, checksum FROM metadata").fetchone()
        if metadata is None or _number_checksum(metadata[0]) != metadata[1]:
            raise DamagedError(f"{self._path} is damaged: its metadata is not what was written; restore a snapshot")
        revision = max([metadata[0], *(row[3] for row in rows)])
        rows, stale = self._transformed(rows)
        ahead = revision + limits.STORE_REVISIONS_RESERVED
        db.execute("UPDATE metadata SET reserved = ?, checksum = ?", (ahead, _number_checksum(ahead)))
        db.execute("COMMIT")
        return Content(rows, revision, stale)

    def _transformed(self, rows: list[Row]) -> tuple[list[Row], bool]:
        """The rows with their values as they were given, and whether some would be written in another form today."""
        transformer, given, stale = self.transformer, [], False
        for row, resource, key, revision, checksum, stored in rows:
            try:
                value, old = transformer.from_disk(resource, key, stored)
            except DamagedError as error:
                raise DamagedError(f"{self._path}: {error}") from error
            stale = stale or old
            given.append((row, resource, key, revision, checksum, value))
        return given, stale

    def _check_rows(self, rows: list[Row]) -> None:
        keys = set()
        for row, resource, key, revision, checksum, value in rows:
            try:
                good = _checksum(row, resource, key, revision, value) == checksum
            except (TypeError, UnicodeError):
                good = False
            if not good or (resource, key) in keys:
                raise DamagedError(f"{self._path} is damaged: {resource}/{key} (row {row}) is not what was written; restore a snapshot")
            keys.add((resource, key))

    def _translated(self, error: Exception) -> StoreError:
        code = getattr(error, "sqlite_errorname", "") or (f"errno {error.errno}" if isinstance(error, OSError) else "")
        if code.startswith("SQLITE_FULL") or (isinstance(error, OSError) and error.errno in FULL_ERRNOS):
            return FullError(f"{self._path}: the disk is full")
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return LockedError(f"{self._path} is in use by another process")
        if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
            return DamagedError(f"{self._path} is not a store or is damaged ({error}); restore a snapshot")
        if code.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR_LOCK")) or isinstance(error, OSError):
            return StoreError(f"{self._path} cannot be written ({error}): is its directory there, and writable?")
        return StoreError(f"{self._path}: {error!r} ({code or 'SQLite'})")


def _checksum(row: int, resource: str, key: str, revision: int, value: bytes) -> int:
    """CRC-32 of a row. Raises: TypeError if the value is not bytes."""
    return zlib.crc32(value, zlib.crc32(f"{row}\0{resource}\0{key}\0{revision}".encode()))


def _number_checksum(number: int) -> int:
    """CRC-32 of a number of the metadata."""
    return zlib.crc32(str(number).encode())


def _statements(changes: Changes, transformer: Transformer) -> list[tuple[str, list[Any]]]:
    """As few statements as can be: between two of them the interpreter lock changes hands."""
    upserts: list[Any] = []
    deletes: list[Any] = []
    for row, state in changes.rows.items():
        if state is None:
            deletes.append(row)
        else:
            resource, entry = state
            stored = transformer.to_disk(resource, entry.key, entry.data)
            checksum = _checksum(row, resource, entry.key, entry.revision, stored)
            upserts += (row, resource, entry.key, entry.revision, checksum, stored)
    statements: list[tuple[str, list[Any]]] = []
    for start in range(0, len(upserts), 6 * UPSERT_ROWS_MAX):
        part = upserts[start : start + 6 * UPSERT_ROWS_MAX]
        statements.append((f"REPLACE INTO objects VALUES {','.join(['(?,?,?,?,?,?)'] * (len(part) // 6))}", part))
    for start in range(0, len(deletes), DELETE_ROWS_MAX):
        part = deletes[start : start + DELETE_ROWS_MAX]
        statements.append((f"DELETE FROM objects WHERE row IN ({','.join('?' * len(part))})", part))
    if changes.reserve is not None:
        statements.append(("UPDATE metadata SET reserved = ?, checksum = ?", [changes.reserve, _number_checksum(changes.reserve)]))
    return statements
