"""Text that every database can hold."""

import re

_REFUSED = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """``text`` with NUL characters and lone surrogates, which databases refuse, made U+FFFD."""
    return _REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)
