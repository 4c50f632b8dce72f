"""Paths as text that does not depend on the locale: UTF-8, with other bytes as lone surrogates.

Python decodes names of files by the encoding of the locale. So the text that it returns for a name differs
between locales, and text of songs may have no name in some of them. All paths that are recorded or shown, and
all names that come from songs, are text of this module; only calls of the system take native names.
"""

import os
import sys

ENCODING, ERRORS = "utf-8", "surrogateescape"

NATIVE_IS_UTF8 = sys.getfilesystemencoding().lower().replace("-", "") == "utf8"
"""Whether native names of files are the text of this module."""


def path_text(path: bytes) -> str:
    """Return a path as text."""
    return path.decode(ENCODING, ERRORS)


def path_bytes(text: str) -> bytes:
    """Return the path that a text states."""
    return text.encode(ENCODING, ERRORS)


def native_path(text: str) -> str:
    """Return the name by which Python's functions find the path that a text states."""
    return text if NATIVE_IS_UTF8 or text.isascii() else os.fsdecode(path_bytes(text))


def text_of_native(name: str) -> str:
    """Return the text of a path that Python's functions returned, or that a user gave."""
    return name if NATIVE_IS_UTF8 or name.isascii() else path_text(os.fsencode(name))


def json_path(path: bytes | str) -> dict[str, str]:
    """Return a path for JSON: ``path`` as text, and ``path_bytes`` in hexadecimal if it is not UTF-8."""
    data = path if isinstance(path, bytes) else path_bytes(path)
    try:
        return {"path": data.decode()}
    except UnicodeDecodeError:
        return {"path": data.decode(errors="replace"), "path_bytes": data.hex()}
