"""NftTables on libnftables.so.1, called through ctypes on a thread of its own.

PyPI has no binding and Debian's is not visible from a virtual environment; the six functions needed are bound here. ctypes
releases the GIL during a call, so the event loop runs on while the library parses and the kernel commits. libnftables fetches
the table's sets and chains before it adds an element, but no elements (interval sets excepted) and no rules: the cost of a
change does not depend on how many services there are.

Source: libnftables(3); https://wiki.nftables.org/
"""

from __future__ import annotations

import asyncio
import ctypes
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .nftables import NftError, SetSpec, Table, Transaction

_LIBRARY = "libnftables.so.1"
_OUTPUT_JSON = 1 << 4
"""NFT_CTX_OUTPUT_JSON of libnftables(3)."""

_MESSAGE_CHARS_MAX = 2_000
"""An error quotes the script; a script can be megabytes."""


def _load() -> ctypes.CDLL:
    try:
        lib = ctypes.CDLL(_LIBRARY)
    except OSError as e:
        raise NftError(f"cannot load {_LIBRARY}: {e} (Debian: apt-get install libnftables1)") from e
    lib.nft_ctx_new.restype = ctypes.c_void_p
    lib.nft_ctx_new.argtypes = [ctypes.c_uint32]
    for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error", "nft_ctx_free"):
        getattr(lib, name).argtypes = [ctypes.c_void_p]
    for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
        getattr(lib, name).argtypes = [ctypes.c_void_p]
        getattr(lib, name).restype = ctypes.c_char_p
    lib.nft_ctx_output_set_flags.argtypes = [ctypes.c_void_p, ctypes.c_uint]
    lib.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    return lib


class LibNftables:
    """NftTables of the network namespace that the first call is made in.

    The library is loaded at the first call. Calls are made one after the other, in the order they came.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nft")
        self._lib: ctypes.CDLL | None = None
        self._context: int | None = None

    async def apply(self, transaction: Transaction) -> None:
        if transaction:
            await self._call(transaction.render())

    async def delete_table(self, table: Table) -> None:
        # `destroy` would be one command, but needs nft 1.0.7 and Linux 6.3.
        await self._call(f"add table {table}\ndelete table {table}\n")

    async def table_exists(self, table: Table) -> bool:
        return f"table {table}" in (await self._call("list tables\n")).splitlines()

    async def list_elements(self, table: Table, spec: SetSpec) -> dict[str, str]:
        document = json.loads(await self._call(f"list {spec.keyword} {table} {spec.name}\n", _OUTPUT_JSON))
        elements: dict[str, str] = {}
        for entry in document["nftables"]:
            for element in entry.get(spec.keyword, {}).get("elem", ()):
                key, value = element if spec.value_type else (element, "")
                elements[_text(key)] = _text(value)
        return elements

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._free)
        self._thread.shutdown(wait=False)

    async def _call(self, script: str, flags: int = 0) -> str:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._run, script, flags)

    def _run(self, script: str, flags: int) -> str:
        if self._lib is None:
            self._lib = _load()
        lib = self._lib
        if self._context is None:
            self._context = lib.nft_ctx_new(0)
            lib.nft_ctx_buffer_output(self._context)
            lib.nft_ctx_buffer_error(self._context)
        lib.nft_ctx_output_set_flags(self._context, flags)
        failed = lib.nft_run_cmd_from_buffer(self._context, script.encode())
        output = lib.nft_ctx_get_output_buffer(self._context) or b""
        error = lib.nft_ctx_get_error_buffer(self._context) or b""
        if failed:
            raise NftError(error[:_MESSAGE_CHARS_MAX].decode(errors="replace").strip() or "nft gave no reason")
        return bytes(output).decode()

    def _free(self) -> None:
        if self._lib is not None and self._context is not None:
            self._lib.nft_ctx_free(self._context)
            self._context = None


def _text(value: Any) -> str:
    """One JSON expression of nft in the words of its script language."""
    if isinstance(value, dict):
        kind, inner = next(iter(value.items()))
        if kind == "concat":
            return " . ".join(_text(part) for part in inner)
        if kind == "elem":
            return _text(inner["val"])
        if kind == "prefix":
            return f"{inner['addr']}/{inner['len']}"
        if kind in ("goto", "jump"):
            return f"{kind} {inner['target']}"
        return str(kind)
    return "0:0" if value == "none" else str(value)
