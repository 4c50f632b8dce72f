"""Text that every database can hold."""

import re

_REFUSED = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """``text`` with NUL characters and lone surrogates, which databases refuse, made U+FFFD."""
    return _REFUSED.sub("\N{REPLACEMENT CHARACTER}", text)


def storable_or_none(text: str | None) -> str | None:
    """The same, where there may be no text."""
    return None if text is None else storable(text)
