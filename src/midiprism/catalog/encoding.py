"""Text that every database can hold."""

import re

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def make_storable(text: str) -> str:
    """Return ``text`` with NUL characters and lone surrogates, which databases refuse, made U+FFFD."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
