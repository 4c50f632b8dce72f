"""The file of a compiled function: a line of JSON that describes it, then its machine code.

The code depends neither on the version of Python nor on those of its packages: it takes addresses and
numbers, and all that it calls is in it, except memory and mathematics of the C library.
"""

import hashlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from midiprism.native.types import ResultField

VERSION = 1
"""Changes with the format, and with how arguments and results are passed."""


class NativeCode(NamedTuple):
    """The machine code of a function.

    ``results`` are the values that it returns: none for nothing, one for a plain value. ``features`` are what
    a processor must have beyond those of all of its architecture, by the names that LLVM has for them.
    """

    name: str
    results: tuple[ResultField, ...]
    is_tuple: bool
    features: tuple[str, ...]
    object_code: bytes


def file_name(function: str) -> str:
    """Return the name of the file of a function for this kind of machine."""
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return f"{function}.{sys.platform}-{machine.lower()}.code"


def encode(code: NativeCode) -> bytes:
    """Return the bytes of the file."""
    head = {
        "version": VERSION,
        "name": code.name,
        "results": [list(field) for field in code.results],
        "is_tuple": code.is_tuple,
        "features": list(code.features),
        "sha256": hashlib.sha256(code.object_code).hexdigest(),
    }
    return json.dumps(head).encode() + b"\n" + code.object_code


def decode(content: bytes) -> NativeCode:
    """Return the code in the bytes of a file.

    Raises:
        ValueError: they are damaged, or of another version.
    """
    line, _, object_code = content.partition(b"\n")
    head = json.loads(line)
    try:
        if head["version"] != VERSION or head["sha256"] != hashlib.sha256(object_code).hexdigest():
            raise ValueError("the file is damaged or of another version")
        results = tuple(ResultField(kind, _tuples(dtype)) for kind, dtype in head["results"])
        return NativeCode(head["name"], results, head["is_tuple"], tuple(head["features"]), object_code)
    except (KeyError, TypeError) as error:
        raise ValueError("the file is damaged") from error


def _tuples(description: object) -> object:
    """Return the description of a NumPy type as it was before JSON made lists of its tuples."""
    if isinstance(description, list):
        return [tuple(_tuple(part) for part in field) for field in description]
    return description


def _tuple(part: object) -> object:
    return tuple(part) if isinstance(part, list) else part


def source_digest(sources: Sequence[Path]) -> str:
    """Return 16 hex digits that change with every Python file among the sources.

    A source is a file, or a folder with all files below it. Where they are does not count, so that all
    copies of the same sources have the same compiled form.
    """
    digest = hashlib.sha256()
    for source in sources:
        files = sorted(source.rglob("*.py")) if source.is_dir() else [source]
        for path in files:
            name = path.relative_to(source.parent).as_posix()
            digest.update(f"{name}\0{path.stat().st_size}\0".encode("utf-8", "surrogateescape"))
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
