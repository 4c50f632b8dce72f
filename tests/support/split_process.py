"""A process that splits the files that it reads from standard input, and writes fingerprints of the results.

A request is a length in four bytes and a file of that length. The answer is one fingerprint for each of
``ALL_OPTIONS``. With ``NUMBA_DISABLE_JIT=1`` the process runs the engine as plain Python.
"""

import os
import subprocess
import sys
from collections.abc import Iterable
from hashlib import sha256
from itertools import product
from pathlib import Path

import midiprism
from midiprism.smf import By, Context
from midiprism.smf.types import BY, CONTEXTS

SPLIT_OPTIONS: tuple[tuple[By, Context], ...] = tuple(
    (by, context) for by in ("auto", "track", "channel", "program") for context in ("conductor", "full")
)
"""Every combination of ``by`` and ``context`` that the tests' oracle knows."""

ALL_OPTIONS: tuple[tuple[By, Context], ...] = tuple(product(BY, CONTEXTS))
"""The same, also those that the tests' oracle does not know."""

FINGERPRINT_BYTES = 32
TESTS_FOLDER = Path(__file__).parents[1]


def fingerprint(data: bytes, by: By, context: Context) -> bytes:
    """Return a hash of the whole result of ``split``, or of its refusal: ``FINGERPRINT_BYTES`` bytes."""
    try:
        result = repr(midiprism.split(data, by=by, context=context))
    except midiprism.CorruptMidiError as error:
        result = repr((error.code, error.offset, str(error)))
    return sha256(result.encode()).digest()


def fingerprints(data: bytes) -> bytes:
    """Return the answer to one request."""
    return b"".join(fingerprint(data, by, context) for by, context in ALL_OPTIONS)


def start_process(**environment: str) -> subprocess.Popen[bytes]:
    """Start the process with these environment variables."""
    search_path = os.pathsep.join(filter(None, (str(TESTS_FOLDER), os.environ.get("PYTHONPATH"))))
    variables = {**os.environ, "PYTHONPATH": search_path, **environment}
    return subprocess.Popen(
        [sys.executable, str(Path(__file__))],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def fingerprint_files(files: Iterable[bytes], **environment: str) -> list[bytes]:
    """Return the answers of a new process to all files."""
    requests = [len(data).to_bytes(4, "big") + data for data in files]
    with start_process(**environment) as process:
        out, _ = process.communicate(b"".join(requests))
    assert process.returncode == 0
    step = FINGERPRINT_BYTES * len(ALL_OPTIONS)
    return [out[at : at + step] for at in range(0, len(out), step)]


def main() -> None:
    """Answer requests until the input ends."""
    while head := sys.stdin.buffer.read(4):
        data = sys.stdin.buffer.read(int.from_bytes(head, "big"))
        sys.stdout.buffer.write(fingerprints(data))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
