"""Assemble the pause program for every architecture, without an assembler.

The program does four things, all by system calls:

1. SIGCHLD is ignored, so that the kernel reaps orphans by itself where pause is process 1 of a pod's shared
   process namespace (the kernel frees a child at once whose parent ignores SIGCHLD).
2. SIGINT and SIGTERM are blocked. Process 1 never sees a signal that it neither handles nor blocks.
3. It waits for one of the two; a return without one (after SIGSTOP and SIGCONT) waits again.
4. It exits with 0.

The listings below hold the machine code beside the assembly. An ELF file of one loadable, read-only segment is laid
around them: no sections, no libc, no writable memory.

Usage: python tools/build_pause.py          writes minikube_py/cri/pause/pause-{amd64,arm64}
       python tools/build_pause.py --check  exits with 1 if a file there differs
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

PAUSE = Path(__file__).resolve().parent.parent / "minikube_py" / "cri" / "pause"

# The data behind the code, the same for both: struct sigaction (handler SIG_IGN, flags, restorer, mask) and the set of
# SIGINT (2) and SIGTERM (15) as the kernel counts them, bit n-1.
IGNORE = struct.pack("<QQQQ", 1, 0, 0, 0)
SIGNALS = struct.pack("<Q", 1 << 1 | 1 << 14)

# x86-64: system call number in eax; arguments in rdi, rsi, rdx, r10. `{ignore}` and `{signals}` stand for the
# distance from the end of the instruction to the data.
AMD64 = [
    ("b8 0d 00 00 00", "mov eax, 13            ; rt_sigaction"),
    ("bf 11 00 00 00", "mov edi, 17            ; SIGCHLD"),
    ("48 8d 35 {ignore}", "lea rsi, [rip+ignore]"),
    ("31 d2", "xor edx, edx"),
    ("41 ba 08 00 00 00", "mov r10d, 8            ; bytes of a signal set"),
    ("0f 05", "syscall"),
    ("b8 0e 00 00 00", "mov eax, 14            ; rt_sigprocmask"),
    ("31 ff", "xor edi, edi           ; SIG_BLOCK"),
    ("48 8d 35 {signals}", "lea rsi, [rip+signals]"),
    ("31 d2", "xor edx, edx"),
    ("0f 05", "syscall                ; r10 is still 8"),
    ("b8 80 00 00 00", "wait: mov eax, 128     ; rt_sigtimedwait"),
    ("48 8d 3d {signals}", "lea rdi, [rip+signals]"),
    ("31 f6", "xor esi, esi           ; no siginfo"),
    ("31 d2", "xor edx, edx           ; no timeout"),
    ("0f 05", "syscall"),
    ("85 c0", "test eax, eax"),
    ("78 ea", "js wait                ; -22: interrupted"),
    ("b8 e7 00 00 00", "mov eax, 231           ; exit_group"),
    ("31 ff", "xor edi, edi"),
    ("0f 05", "syscall"),
]

# AArch64: system call number in x8; arguments in x0 to x3. Words as the manual writes them, most significant first.
ARM64 = [
    ("d28010c8", "movz x8, #134          ; rt_sigaction"),
    ("d2800220", "movz x0, #17           ; SIGCHLD"),
    ("{adr1:ignore}", "adr  x1, ignore"),
    ("d2800002", "movz x2, #0"),
    ("d2800103", "movz x3, #8            ; bytes of a signal set"),
    ("d4000001", "svc  #0"),
    ("d28010e8", "movz x8, #135          ; rt_sigprocmask"),
    ("d2800000", "movz x0, #0            ; SIG_BLOCK"),
    ("{adr1:signals}", "adr  x1, signals"),
    ("d2800002", "movz x2, #0"),
    ("d4000001", "svc  #0                ; x3 is still 8"),
    ("d2801128", "wait: movz x8, #137    ; rt_sigtimedwait"),
    ("{adr0:signals}", "adr  x0, signals"),
    ("d2800001", "movz x1, #0            ; no siginfo"),
    ("d2800002", "movz x2, #0            ; no timeout"),
    ("d4000001", "svc  #0"),
    ("b7ffff60", "tbnz x0, #63, wait     ; -20: interrupted"),
    ("d2800bc8", "movz x8, #94           ; exit_group"),
    ("d2800000", "movz x0, #0"),
    ("d4000001", "svc  #0"),
]

ELF_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
MACHINES = {"amd64": 62, "arm64": 183}  # EM_X86_64, EM_AARCH64
BASE = 0x400000
ALIGN = 0x10000  # the largest page of either architecture
LOAD, GNU_STACK = 1, 0x6474E551
READ_EXECUTE, READ_WRITE = 5, 6


def amd64_code() -> bytes:
    """The x86-64 program with its data."""

    def size(code: str) -> int:
        return sum(4 if part.startswith("{") else 1 for part in code.split())

    length = sum(size(code) for code, _ in AMD64)
    places = {"ignore": length, "signals": length + len(IGNORE)}
    out = bytearray()
    for code, _ in AMD64:
        end = len(out) + size(code)
        distances = {name: struct.pack("<i", place - end).hex(" ") for name, place in places.items()}
        out += bytes.fromhex(code.format(**distances))
    return bytes(out) + IGNORE + SIGNALS


def arm64_code() -> bytes:
    """The AArch64 program with its data."""
    length = 4 * len(ARM64)
    places = {"ignore": length, "signals": length + len(IGNORE)}
    out = bytearray()
    for code, _ in ARM64:
        if code.startswith("{adr"):
            register, name = int(code[4]), code[6:-1]
            distance = places[name] - len(out)
            word = 0x10000000 | (distance & 3) << 29 | (distance >> 2 & 0x7FFFF) << 5 | register
        else:
            word = int(code, 16)
        out += struct.pack("<I", word)
    return bytes(out) + IGNORE + SIGNALS


def elf(arch: str, code: bytes) -> bytes:
    """A static executable of `code`, entered at its first byte."""
    headers = ELF_HEADER.size + 2 * PROGRAM_HEADER.size
    total = headers + len(code)
    identity = b"\x7fELF" + bytes([2, 1, 1, 0])  # 64 bits, little-endian, version 1, System V
    header = ELF_HEADER.pack(
        identity.ljust(16, b"\0"),
        2,  # ET_EXEC
        MACHINES[arch],
        1,
        BASE + headers,
        ELF_HEADER.size,
        0,
        0,
        ELF_HEADER.size,
        PROGRAM_HEADER.size,
        2,
        0,
        0,
        0,
    )
    load = PROGRAM_HEADER.pack(LOAD, READ_EXECUTE, 0, BASE, BASE, total, total, ALIGN)
    stack = PROGRAM_HEADER.pack(GNU_STACK, READ_WRITE, 0, 0, 0, 0, 0, 16)
    return header + load + stack + code


def programs() -> dict[str, bytes]:
    """Architecture, as images name it, to executable."""
    return {"amd64": elf("amd64", amd64_code()), "arm64": elf("arm64", arm64_code())}


def main() -> int:
    """Write or check the files."""
    check = "--check" in sys.argv[1:]
    differs = False
    for arch, program in programs().items():
        path = PAUSE / f"pause-{arch}"
        if check:
            differs |= path.read_bytes() != program
        else:
            path.write_bytes(program)
            path.chmod(0o755)
    return int(differs)


if __name__ == "__main__":
    sys.exit(main())
