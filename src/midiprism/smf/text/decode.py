"""Decode a text of a MIDI file, and say why in this encoding."""

import codecs
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from midiprism.errors import UsageError

if TYPE_CHECKING:
    from midiprism.smf.text.guess import Rivals

_PADDING = b"\0 \t\r\n"

MAX_TEXT_BYTES = 256
"""Most bytes of a text that are read, without its padding. A file of a kilobyte can hold a name of megabytes,
and each use of a name costs more than its length."""

_MAX_CACHED_BYTES = 64

_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

_SAME_IN_ALL = bytes(range(0x20, 0x5C)) + bytes(range(0x5D, 0x7E))
"""Bytes that mean the same in every encoding that extends ASCII."""

Reason = Literal["ascii", "byte_order_mark", "given", "valid_utf8", "likeliest", "other_texts", "too_many"]
"""Why a text is read in an encoding; ``REASONS`` explains each."""

REASONS: dict[Reason, str] = {
    "ascii": "all of its bytes are ASCII",
    "byte_order_mark": "it begins with the byte-order mark",
    "given": "it was asked for",
    "valid_utf8": "it is valid UTF-8",
    "likeliest": "it looks most like {language}",
    "other_texts": "with the other texts of the song it looks most like {language}",
    "too_many": "the song has too many texts whose encoding is unknown",
}


class DecodedText(NamedTuple):
    """A text and its encoding.

    Attributes:
        text: without padding; None where it is blank.
        encoding: name of the codec; None where it is blank.
        reason: why in this encoding.
        language: that it looks like; None where that was no reason.
    """

    text: str | None
    encoding: str | None
    reason: Reason
    language: str | None = None

    @property
    def explanation(self) -> str:
        """Why in this encoding, in words."""
        return REASONS[self.reason].format(language=self.language)


BLANK = DecodedText(None, None, "ascii")


@lru_cache(64)
def check_encoding(name: str) -> str:
    """Return Python's name of an encoding that extends ASCII.

    Raises:
        UsageError: there is no such encoding, or it gives ASCII bytes another meaning.
    """
    try:
        codec = codecs.lookup(name)
        if _SAME_IN_ALL.decode(name) == _SAME_IN_ALL.decode("ascii"):
            return codec.name
    except (LookupError, UnicodeDecodeError, ValueError):
        pass
    raise UsageError(
        f"{name!r} is no encoding that extends ASCII: use one such as cp932, gbk, cp1251 or utf-8."
    )


def decode_text(
    raw: bytes, other_texts: Callable[[], Iterable[bytes]] = tuple, encoding: str | None = None
) -> DecodedText:
    """Return the text of a meta event.

    In this order: by a byte-order mark; ASCII; in the encoding that is given; as UTF-8; in the encoding that
    is likeliest by the words and letters of the text, and where that is close by those of the song's other
    texts. Of a long text the first ``MAX_TEXT_BYTES`` bytes are read.

    Args:
        raw: the bytes of the event.
        other_texts: returns those of the same song that are uncertain too; called only where it helps.
        encoding: that is known, such as ``cp932``.
    """
    return decode_certain(raw, encoding) or guess_text(raw, other_texts)


def guess_text(raw: bytes, other_texts: Callable[[], Iterable[bytes]]) -> DecodedText:
    """Return a text for which ``decode_certain`` returns None."""
    raw, is_whole = _cut(raw.strip(_PADDING))
    alone, rivals = _guess_alone(raw, is_whole)
    if len(rivals.readings) == 1:
        return alone
    reading = rivals.likeliest_with([text for text in other_texts() if text != raw])
    if reading is rivals.likeliest:
        return alone
    from midiprism.smf.text.guess import decode_with

    text = decode_with(raw, reading.encoding, is_whole=is_whole)
    return DecodedText(text, reading.encoding, "other_texts", reading.language)


def guess_text_alone(raw: bytes) -> DecodedText:
    """Return a text for which ``decode_certain`` returns None, without other texts of its song."""
    alone, _ = _guess_alone(*_cut(raw.strip(_PADDING)))
    return alone


@lru_cache(4096)
def _guess_alone(raw: bytes, is_whole: bool) -> "tuple[DecodedText, Rivals]":
    """Return a text that was cut by its own bytes, and what other texts of its song may choose."""
    from midiprism.smf.text.guess import decode_with, find_rivals

    rivals = find_rivals(raw, is_whole)
    reading = rivals.likeliest
    text = decode_with(raw, reading.encoding, is_whole=is_whole)
    return DecodedText(text, reading.encoding, "likeliest", reading.language), rivals


def read_as_latin_1(raw: bytes) -> DecodedText:
    """Return a text without a guess at its encoding."""
    raw, _ = _cut(raw.strip(_PADDING))
    return DecodedText(raw.decode("latin-1"), "latin-1", "too_many")


def _cut(raw: bytes) -> tuple[bytes, bool]:
    """Return the bytes of a text that are read, and whether they are all."""
    if len(raw) <= MAX_TEXT_BYTES:
        return raw, True
    return raw[:MAX_TEXT_BYTES].rstrip(_PADDING), False


def decode_certain(raw: bytes, encoding: str | None) -> DecodedText | None:
    """Return the text where there is no doubt about its encoding; None where there is."""
    return _decode_short(raw, encoding) if len(raw) <= _MAX_CACHED_BYTES else _decode_certain(raw, encoding)


def _decode_certain(raw: bytes, encoding: str | None) -> DecodedText | None:
    for mark, marked in _BYTE_ORDER_MARKS.items():
        if raw.startswith(mark):
            return _decode_marked(raw[len(mark) : len(mark) + MAX_TEXT_BYTES], marked)
    raw, is_whole = _cut(raw.strip(_PADDING))
    if not raw:
        return BLANK
    if raw.isascii():
        return DecodedText(raw.decode("ascii"), "ascii", "ascii")
    known: list[tuple[str, Reason]] = [("utf-8", "valid_utf8")]
    if encoding is not None:
        known.insert(0, (encoding, "given"))
    for name, reason in known:
        try:
            text = raw.decode(name) if is_whole else codecs.getincrementaldecoder(name)().decode(raw)
        except UnicodeDecodeError:
            continue
        return DecodedText(text, name, reason)
    return None


_decode_short = lru_cache(8192)(_decode_certain)


def _decode_marked(raw: bytes, encoding: str) -> DecodedText | None:
    """Return a text whose encoding a mark states; None where its bytes are not in it."""
    try:
        text = codecs.getincrementaldecoder(encoding)().decode(raw)
    except UnicodeDecodeError:
        return None
    text = text.strip("\0 \t\r\n")
    return DecodedText(text, encoding, "byte_order_mark") if text else BLANK
