"""Restrictions of a process, for tests of what works without an ability. They hold until the process ends."""

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from support.kill_points import run_in_fork

_SECCOMP_ARCHITECTURES = {"x86_64": (0xC000003E, 9), "aarch64": (0xC00000B7, 222)}
"""Of the filters of system calls: the number of a machine, and that of its call ``mmap``."""
_LOAD, _IF_EQUAL, _IF_ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER_MODE = 38, 22, 2
_CLONE_NEWNS = 0x20000
_MAP_SHARED_BIT, _NO_FILE = 1, 0xFFFFFFFF

can_deny_shared_memory = sys.platform == "linux" and platform.machine() in _SECCOMP_ARCHITECTURES


def nothing() -> None:
    """Restrict nothing."""


def no_writing() -> None:
    """Let every write to a file fail, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def no_shared_memory() -> None:
    """Let the system map no file into shared memory, as some file systems do not."""
    architecture, mmap_number = _SECCOMP_ARCHITECTURES[platform.machine()]
    program = b"".join(
        struct.pack("HBBI", *statement)
        for statement in (
            (_LOAD, 0, 0, 4),
            (_IF_EQUAL, 0, 6, architecture),
            (_LOAD, 0, 0, 0),
            (_IF_EQUAL, 0, 4, mmap_number),
            (_LOAD, 0, 0, 16 + 8 * 3),
            (_IF_ANY_BIT, 0, 2, _MAP_SHARED_BIT),
            (_LOAD, 0, 0, 16 + 8 * 4),
            (_IF_EQUAL, 0, 1, _NO_FILE),
            (_RETURN, 0, 0, _ALLOW),
            (_RETURN, 0, 0, _FAIL | errno.ENODEV),
        )
    )
    buffer = ctypes.create_string_buffer(program)
    description = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(_PR_SET_SECCOMP, _FILTER_MODE, description, 0, 0) == 0


def run_shell_in_own_mounts(script: str) -> None:
    """Run a shell script in this process's own view of the mounts, which no other process sees.

    Raises:
        OSError: this process may not mount.
    """
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    subprocess.run(["sh", "-c", f"mount --make-rprivate / && {script}"], check=True)


def output_of_fork(work: Callable[[], None]) -> str:
    """Return what a forked process prints, which may restrict itself; at most what a pipe holds."""
    reader, writer = os.pipe()

    def work_and_print() -> int:
        os.dup2(writer, 1)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        work()
        sys.stdout.flush()
        return 0

    assert run_in_fork(work_and_print) == 0
    os.close(writer)
    with open(reader, encoding="utf-8") as file:
        return file.read()


def can_mount() -> bool:
    """Return whether this process may mount file systems."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def read_only_folder(folder: Path) -> Iterator[None]:
    """Make a folder and all in it read-only for a while; that stops nobody who is root."""
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        path.chmod(0o555)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(0o755)
