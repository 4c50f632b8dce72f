"""Turns text into a part of a file name, by a rule that is the same on every system and never changes.

The rule uses Unicode 3.2, which Python has for internet names (``unicodedata.ucd_3_2_0``) and which no
release of Python changes. Any change of what ``safe_name`` returns raises ``NAMING_VERSION``.

Forbidden characters and reserved names are those of Windows ("Naming Files, Paths, and Namespaces"), which
include those of Linux and macOS.
"""

import re
from unicodedata import ucd_3_2_0 as unicode32

NAMING_VERSION = 1

_ALREADY_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ()+,;=@#&'!_-]*[A-Za-z0-9)]")
_FORBIDDEN = frozenset('<>:"/\\|?*')
_SPACES = re.compile(r" {2,}")
_UNDERSCORES = re.compile(r"_{2,}")
_RESERVED_DEVICE_NAME = re.compile(
    r"(?:CON|PRN|AUX|NUL|CONIN\$|CONOUT\$|CLOCK\$|(?:COM|LPT)[0-9¹²³])", re.IGNORECASE
)


def safe_name(text: str, max_bytes: int) -> str:
    """Return one component of a path that Linux, macOS and Windows accept; empty if nothing is left of it.

    - The text is composed (NFC), and each run of white space becomes one space.
    - Forbidden characters, controls, surrogates and those private or unassigned in Unicode 3.2 become ``_``.
    - Invisible format characters (directions, joiners) are removed.
    - It does not begin with dots, spaces or dashes, nor end with dots or spaces.
    - It is not the name of a reserved device.
    - It has at most ``max_bytes`` bytes of UTF-8 (8 or more), cut between code points.
    """
    if not (_ALREADY_SAFE.fullmatch(text) and "  " not in text and "__" not in text):
        text = _clean(text)
    text = _truncate(text, max_bytes)
    device, dot, rest = text.partition(".")
    if _RESERVED_DEVICE_NAME.fullmatch(device.rstrip(" ")):
        text = _truncate(device, max_bytes - 1 - len((dot + rest).encode())) + "_" + dot + rest
    return text


def _clean(text: str) -> str:
    text = "".join(map(_replace_character, text))
    text = unicode32.normalize("NFC", text)
    text = _UNDERSCORES.sub("_", _SPACES.sub(" ", text))
    text = text.lstrip(" .-").rstrip(" .")
    while text and unicode32.category(text[0]).startswith("M"):  # a mark would combine with what is before it
        text = text[1:].lstrip(" .-")
    return "" if text == "_" else text


def _replace_character(character: str) -> str:
    if character in _FORBIDDEN:
        return "_"
    if character in "\t\n\v\f\r":
        return " "
    if character in "\xad\u200b":  # soft hyphen and zero width space: Unicode 3.2 has them as visible
        return ""
    category = unicode32.category(character)
    if category[0] == "Z":
        return " "
    if category == "Cf":
        return ""
    return "_" if category[0] == "C" else character


def _truncate(text: str, max_bytes: int) -> str:
    encoded = text.encode()
    if len(encoded) <= max_bytes:
        return text
    return encoded[:max_bytes].decode(errors="ignore").rstrip(" .")
